/*
 * What a program may do at once when it has closed a file that streams, for v4l2-client.c: each call finds the queue
 * free, and before that, taken.
 */
#ifndef V4L2_TAKE_OVER_H
#define V4L2_TAKE_OVER_H

#include "client.h"
#include "v4l2-stream.h"

#include <errno.h>
#include <poll.h>

static inline int try_qbuf(struct stream *stream)
{
	stream->plane_count = 1;
	return stream_queue(stream, 0);
}

static inline int try_dqbuf(struct stream *stream)
{
	struct v4l2_buffer buffer;

	return stream_dequeue(stream, &buffer);
}

static inline int try_s_fmt(struct stream *stream)
{
	struct v4l2_format format = {.type = stream->type};

	if (ioctl(stream->fd, VIDIOC_G_FMT, &format))
		die("G_FMT");
	return ioctl(stream->fd, VIDIOC_S_FMT, &format);
}

static inline int try_read(struct stream *stream)
{
	char byte;

	return (int)read(stream->fd, &byte, 1);
}

static inline int try_poll(struct stream *stream)
{
	struct pollfd polled = {.fd = stream->fd, .events = POLLIN};

	if (poll(&polled, 1, 0) < 0)
		die("poll");
	errno = EBUSY; /* What poll(2) says for it. */
	return polled.revents & POLLERR ? -1 : 0;
}

static inline void take_over(const char *device, unsigned long rounds)
{
	static const struct {
		const char *name;
		int (*call)(struct stream *stream);
	} tries[] = {{"streamon", stream_on}, {"reqbufs 0", stream_free}, {"s_fmt", try_s_fmt}, {"qbuf", try_qbuf},
		     {"dqbuf", try_dqbuf},    {"read", try_read},         {"poll", try_poll}};
	enum { TRIES = sizeof tries / sizeof *tries };
	unsigned long busy[TRIES] = {0}, before[TRIES] = {0};

	for (unsigned long i = 0; i < rounds * TRIES; i++) {
		const size_t now = i % TRIES;
		struct stream first = {.fd = open(device, O_RDWR)};
		struct stream second = {.fd = open(device, O_RDWR | O_NONBLOCK)};

		if (first.fd < 0 || second.fd < 0)
			die(device);
		stream_prepare(&first, 2);
		second.type = first.type;
		if (stream_queue(&first, 0))
			die("QBUF");
		/* Who polls a queue that streams cannot see whose it is. */
		if (tries[now].call != try_poll && stream_on(&first))
			die("STREAMON");
		before[now] += tries[now].call(&second) == -1 && errno == EBUSY;
		/* A mapping would keep the file, and with it the queue. */
		stream_unmap(&first);
		close(first.fd);
		busy[now] += tries[now].call(&second) == -1 && errno == EBUSY;
		close(second.fd);
	}
	for (size_t i = 0; i < TRIES; i++)
		printf("%s: %lu busy before, %lu after\n", tries[i].name, before[i], busy[i]);
}

#endif
