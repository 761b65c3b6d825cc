/*
 * One queue of mapped buffers, single- or multi-planar, for v4l2-client.c.
 * Functions return 0, or -1 with errno; those named find, prepare and frame_size
 * end the program when the device does not do its part.
 */
#ifndef V4L2_STREAM_H
#define V4L2_STREAM_H

#include "client.h"

#include <fcntl.h>
#include <linux/videodev2.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define MAX_BUFFERS 32

struct plane {
	void *start;
	size_t length;
	off_t offset;
};

struct stream {
	int fd;
	uint32_t type;
	int exported;             /* map what EXPBUF gives, not the device */
	int read_only;            /* as the device was opened */
	unsigned int count;       /* buffers */
	unsigned int plane_count; /* per buffer */
	struct plane planes[MAX_BUFFERS][VIDEO_MAX_PLANES];
	struct v4l2_plane scratch[VIDEO_MAX_PLANES];
};

static inline int is_multiplanar(const struct stream *stream)
{
	return V4L2_TYPE_IS_MULTIPLANAR(stream->type);
}

/* The device's capture queue. */
static inline void stream_find_type(struct stream *stream)
{
	struct v4l2_capability capability;

	if (ioctl(stream->fd, VIDIOC_QUERYCAP, &capability))
		die("QUERYCAP");
	stream->type = capability.device_caps & (V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE)
			       ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
			       : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

static inline size_t stream_frame_size(const struct stream *stream)
{
	struct v4l2_format format = {.type = stream->type};
	size_t size = 0;

	if (ioctl(stream->fd, VIDIOC_G_FMT, &format))
		die("G_FMT");
	if (!is_multiplanar(stream))
		return format.fmt.pix.sizeimage;
	for (unsigned int i = 0; i < format.fmt.pix_mp.num_planes; i++)
		size += format.fmt.pix_mp.plane_fmt[i].sizeimage;
	return size;
}

/* Clears `buffer`, and points it at planes to be filled in where there are several. */
static inline void stream_describe(struct stream *stream, struct v4l2_buffer *buffer, unsigned int index)
{
	memset(buffer, 0, sizeof *buffer);
	buffer->type = stream->type;
	buffer->memory = V4L2_MEMORY_MMAP;
	buffer->index = index;
	if (is_multiplanar(stream)) {
		memset(stream->scratch, 0, sizeof stream->scratch);
		buffer->m.planes = stream->scratch;
		buffer->length = VIDEO_MAX_PLANES;
	}
}

/* REQBUFS; `stream->count` is what came of it. */
static inline int stream_allocate(struct stream *stream, unsigned int count)
{
	struct v4l2_requestbuffers request = {.type = stream->type, .memory = V4L2_MEMORY_MMAP, .count = count};

	if (ioctl(stream->fd, VIDIOC_REQBUFS, &request))
		return -1;
	stream->count = request.count < MAX_BUFFERS ? request.count : MAX_BUFFERS;
	return 0;
}

static inline int stream_free(struct stream *stream)
{
	return stream_allocate(stream, 0);
}

static inline int stream_export(struct stream *stream, unsigned int index, unsigned int plane)
{
	struct v4l2_exportbuffer export = {
		.type = stream->type, .index = index, .plane = plane, .flags = O_RDWR | O_CLOEXEC};

	if (ioctl(stream->fd, VIDIOC_EXPBUF, &export))
		die("EXPBUF");
	return export.fd;
}

static inline void stream_map(struct stream *stream, unsigned int index)
{
	struct v4l2_buffer buffer;

	stream_describe(stream, &buffer, index);
	if (ioctl(stream->fd, VIDIOC_QUERYBUF, &buffer))
		die("QUERYBUF");
	stream->plane_count = is_multiplanar(stream) ? buffer.length : 1;
	for (unsigned int i = 0; i < stream->plane_count; i++) {
		struct plane *plane = &stream->planes[index][i];

		plane->length = is_multiplanar(stream) ? buffer.m.planes[i].length : buffer.length;
		plane->offset = is_multiplanar(stream) ? buffer.m.planes[i].m.mem_offset : buffer.m.offset;
		int fd = stream->exported ? stream_export(stream, index, i) : stream->fd;

		plane->start = mmap(NULL, plane->length, PROT_READ | (stream->read_only ? 0 : PROT_WRITE), MAP_SHARED,
				    fd, stream->exported ? 0 : plane->offset);
		if (plane->start == MAP_FAILED)
			die("mmap");
		if (stream->exported)
			close(fd);
	}
}

/* Everything up to mapped buffers, none queued. */
static inline void stream_prepare(struct stream *stream, unsigned int count)
{
	stream_find_type(stream);
	if (stream_allocate(stream, count))
		die("REQBUFS");
	for (unsigned int i = 0; i < stream->count; i++)
		stream_map(stream, i);
}

static inline void stream_unmap(struct stream *stream)
{
	for (unsigned int i = 0; i < MAX_BUFFERS; i++) {
		for (unsigned int j = 0; j < stream->plane_count; j++) {
			if (stream->planes[i][j].start)
				munmap(stream->planes[i][j].start, stream->planes[i][j].length);
			stream->planes[i][j].start = NULL;
		}
	}
}

static inline int stream_queue(struct stream *stream, unsigned int index)
{
	struct v4l2_buffer buffer;

	stream_describe(stream, &buffer, index);
	if (is_multiplanar(stream))
		buffer.length = stream->plane_count;
	return ioctl(stream->fd, VIDIOC_QBUF, &buffer);
}

static inline int stream_dequeue(struct stream *stream, struct v4l2_buffer *buffer)
{
	stream_describe(stream, buffer, 0);
	return ioctl(stream->fd, VIDIOC_DQBUF, buffer);
}

static inline int stream_on(struct stream *stream)
{
	return ioctl(stream->fd, VIDIOC_STREAMON, &stream->type);
}

static inline int stream_off(struct stream *stream)
{
	return ioctl(stream->fd, VIDIOC_STREAMOFF, &stream->type);
}

/* Appends a dequeued buffer's payload to a file; returns its size. */
static inline size_t stream_write(const struct stream *stream, const struct v4l2_buffer *buffer, FILE *file)
{
	size_t total = 0;

	for (unsigned int i = 0; i < stream->plane_count; i++) {
		const struct v4l2_plane *plane = &stream->scratch[i];
		size_t from = is_multiplanar(stream) ? plane->data_offset : 0;
		size_t used = is_multiplanar(stream) ? plane->bytesused : buffer->bytesused;

		if (fwrite((const char *)stream->planes[buffer->index][i].start + from, 1, used - from, file) !=
		    used - from)
			die("fwrite");
		total += used - from;
	}
	return total;
}

#endif
