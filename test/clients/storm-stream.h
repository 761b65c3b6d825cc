/* The devices of graft-storm.c: what their clients do before the call that is disturbed, and how they stream after it. */
#ifndef STORM_STREAM_H
#define STORM_STREAM_H

#include "storm-files.h"
#include "storm-plan.h"
#include "v4l2-stream.h"

#include <linux/media.h>

#define BUFFERS 2
#define SIDE 32                      /* pixels, of a mem2mem picture */
#define TRANSACTION_TIME 0x00981900u /* the example's control, ms */

struct setup {
	const char *video;
	const char *media;  /* NULL: a camera, whose frames the test checks */
	const char *folder; /* for these */
	bool refuses;       /* it gives nobody mmap() */
	bool maps;          /* it can be mapped as it is: no descriptor is replaced */
	bool lenient;       /* it may end at any time */
};

static inline bool is_m2m(const struct setup *setup)
{
	return setup->media != NULL;
}

struct device {
	int fd, media;
	struct stream output, capture; /* a camera has no output */
};

static inline bool open_device(struct device *device, const struct setup *setup, int flags)
{
	memset(device, 0, sizeof *device);
	device->media = -1;
	device->fd = open(setup->video, O_RDWR | flags);
	if (device->fd < 0)
		return false;
	device->capture = (struct stream){.fd = device->fd, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
	device->output = (struct stream){.fd = device->fd, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
	if (is_m2m(setup)) {
		struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
		struct v4l2_control control = {TRANSACTION_TIME, 1};

		format.fmt.pix.width = format.fmt.pix.height = SIDE;
		format.fmt.pix.pixelformat = V4L2_PIX_FMT_RGB24;
		if (ioctl(device->fd, VIDIOC_S_FMT, &format) || ioctl(device->fd, VIDIOC_S_CTRL, &control))
			die("preparing the device");
	}
	return true;
}

/* REQBUFS. The camera's queue may be another client's: that one will end. */
static inline void allocate(struct stream *stream, unsigned count)
{
	while (stream_allocate(stream, count)) {
		if (errno != EBUSY)
			die("REQBUFS");
		usleep(2000);
	}
}

static inline void queue(struct stream *stream, unsigned index, size_t bytes)
{
	struct v4l2_buffer buffer;

	stream_describe(stream, &buffer, index);
	if (bytes) {
		buffer.bytesused = (uint32_t)bytes;
		buffer.field = V4L2_FIELD_NONE;
	}
	if (ioctl(stream->fd, VIDIOC_QBUF, &buffer))
		die("QBUF");
}

static inline void dequeue(struct stream *stream, struct v4l2_buffer *buffer)
{
	if (stream_dequeue(stream, buffer))
		die("DQBUF");
	if (buffer->flags & V4L2_BUF_FLAG_ERROR)
		problem("a buffer came back with an error");
}

/* Frames of the camera go to a file, for the test to look at. */
static inline int stream_camera(struct device *device, const struct setup *setup, int round)
{
	struct stream *stream = &device->capture;
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%d.raw", setup->folder, round);
	file = fopen(path, "we");
	if (!file)
		die(path);
	for (unsigned i = 0; i < BUFFERS; i++)
		queue(stream, i, 0);
	if (stream_on(stream))
		die("STREAMON");
	for (unsigned i = 0; i < BUFFERS; i++) {
		struct v4l2_buffer buffer;

		dequeue(stream, &buffer);
		stream_write(stream, &buffer, file);
	}
	if (fclose(file))
		die(path);
	return BUFFERS;
}

static inline uint8_t pixel(int round, unsigned frame, size_t at)
{
	return (uint8_t)((unsigned)round * 151 + frame * 31 + at * 7 + (at >> 8));
}

/* What is put into OUTPUT has to come out of CAPTURE. */
static inline int stream_m2m(struct device *device, int round)
{
	const size_t size = 3 * SIDE * SIDE;
	int right = 0;

	if (stream_on(&device->output) || stream_on(&device->capture))
		die("STREAMON");
	for (unsigned i = 0; i < BUFFERS; i++) {
		uint8_t *bytes = device->output.planes[i][0].start;

		for (size_t at = 0; at < size; at++)
			bytes[at] = pixel(round, i, at);
		queue(&device->capture, i, 0);
		queue(&device->output, i, size);
	}
	for (unsigned i = 0; i < BUFFERS; i++) {
		struct v4l2_buffer buffer;
		const uint8_t *bytes;
		bool is_right = true;

		dequeue(&device->capture, &buffer);
		bytes = device->capture.planes[buffer.index][0].start;
		for (size_t at = 0; at < size; at++)
			is_right = is_right && bytes[at] == pixel(round, i, at);
		dequeue(&device->output, &buffer);
		if (is_right)
			right++;
		else
			problem("frame %u is wrong", i);
	}
	return right;
}

/*
 * Streams some frames. `has`: the queue that has BUFFERS buffers already, by the call that was disturbed.
 * `exported`: of CAPTURE's first buffer, which is then mapped through this.
 * @returns how many frames are right, or given to the test to be looked at.
 */
static inline int stream_frames(struct device *device, const struct setup *setup, int round, const struct stream *has,
				int exported)
{
	struct stream *const both[] = {&device->capture, &device->output};
	int frames;

	for (unsigned which = 0; which < (is_m2m(setup) ? 2 : 1); which++) {
		struct stream *stream = both[which];

		if (stream != has && (exported < 0 || !stream->count))
			allocate(stream, BUFFERS);
		stream->count = BUFFERS;
		for (unsigned i = 0; i < BUFFERS; i++)
			stream_map(stream, i);
	}
	if (exported >= 0) {
		struct plane *plane = &device->capture.planes[0][0];

		munmap(plane->start, plane->length);
		plane->start = mmap(NULL, plane->length, PROT_READ | PROT_WRITE, MAP_SHARED, exported, 0);
		if (plane->start == MAP_FAILED)
			die("mapping what EXPBUF gave");
	}
	frames = is_m2m(setup) ? stream_m2m(device, round) : stream_camera(device, setup, round);
	for (unsigned which = 0; which < (is_m2m(setup) ? 2 : 1); which++) {
		if (stream_off(both[which]))
			die("STREAMOFF");
		stream_unmap(both[which]);
		if (stream_free(both[which]))
			die("REQBUFS 0");
	}
	return frames;
}

#endif
