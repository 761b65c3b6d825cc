// Decodes on a stateless VP8 decoder as fast as it takes requests, four of them in flight, with the calls that
// GStreamer makes for each: prints requests per second.
//   decode-client VIDEO MEDIA WIDTH HEIGHT COUNT
#include <errno.h>
#include <fcntl.h>
#include <linux/media.h>
#include <linux/v4l2-controls.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum { IN_FLIGHT = 4 };

static int video, media, requests[IN_FLIGHT];

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}
#define CALL(fd, command, argument) check(ioctl(fd, command, argument) < 0, #command)

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set_up(unsigned width, unsigned height)
{
	struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE};
	format.fmt.pix_mp.width = width;
	format.fmt.pix_mp.height = height;
	format.fmt.pix_mp.pixelformat = V4L2_PIX_FMT_VP8_FRAME;
	format.fmt.pix_mp.num_planes = 1;
	CALL(video, VIDIOC_S_FMT, &format);
	const int types[] = {V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE};
	for (int i = 0; i < 2; i++) {
		struct v4l2_requestbuffers buffers = {
			.count = IN_FLIGHT, .type = (unsigned)types[i], .memory = V4L2_MEMORY_MMAP};
		CALL(video, VIDIOC_REQBUFS, &buffers);
		CALL(video, VIDIOC_STREAMON, &types[i]);
	}
	for (int i = 0; i < IN_FLIGHT; i++)
		CALL(media, MEDIA_IOC_REQUEST_ALLOC, &requests[i]);
}

static void queue(unsigned index, unsigned frame, unsigned width, unsigned height)
{
	struct v4l2_ctrl_vp8_frame vp8 = {.width = (unsigned short)width,
					  .height = (unsigned short)height,
					  .num_dct_parts = 1,
					  .flags = V4L2_VP8_FRAME_FLAG_KEY_FRAME};
	struct v4l2_ext_control control = {.id = V4L2_CID_STATELESS_VP8_FRAME, .size = sizeof vp8, .p_vp8_frame = &vp8};
	struct v4l2_ext_controls controls = {
		.which = V4L2_CTRL_WHICH_REQUEST_VAL, .request_fd = requests[index], .count = 1, .controls = &control};
	CALL(video, VIDIOC_S_EXT_CTRLS, &controls);
	struct v4l2_plane planes[2] = {{.bytesused = 1000}};
	struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
				     .memory = V4L2_MEMORY_MMAP,
				     .index = index,
				     .flags = V4L2_BUF_FLAG_REQUEST_FD,
				     .request_fd = requests[index],
				     .timestamp = {.tv_sec = frame},
				     .m.planes = &planes[0],
				     .length = 1};
	CALL(video, VIDIOC_QBUF, &buffer);
	struct v4l2_buffer capture = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
				      .memory = V4L2_MEMORY_MMAP,
				      .index = index,
				      .m.planes = &planes[1],
				      .length = 1};
	CALL(video, VIDIOC_QBUF, &capture);
	CALL(requests[index], MEDIA_REQUEST_IOC_QUEUE, NULL);
}

static void finish(unsigned index)
{
	struct pollfd request = {.fd = requests[index], .events = POLLPRI};
	check(poll(&request, 1, 10000) != 1, "poll of a request");
	const unsigned types[] = {V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE};
	for (int i = 0; i < 2; i++) {
		struct v4l2_plane plane = {0};
		struct v4l2_buffer buffer = {
			.type = types[i], .memory = V4L2_MEMORY_MMAP, .m.planes = &plane, .length = 1};
		CALL(video, VIDIOC_DQBUF, &buffer);
		errno = EIO;
		check((buffer.flags & V4L2_BUF_FLAG_ERROR) != 0, "a frame");
	}
	CALL(requests[index], MEDIA_REQUEST_IOC_REINIT, NULL);
}

// Frames from `first` on, up to `end`; the request of each is the oldest.
static void decode(unsigned first, unsigned end, unsigned width, unsigned height)
{
	for (unsigned frame = first; frame < end + IN_FLIGHT; frame++) {
		if (frame >= first + IN_FLIGHT)
			finish(frame % IN_FLIGHT);
		if (frame < end)
			queue(frame % IN_FLIGHT, frame, width, height);
	}
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: %s VIDEO MEDIA WIDTH HEIGHT COUNT\n", argv[0]);
		return 2;
	}
	video = open(argv[1], O_RDWR);
	check(video < 0, argv[1]);
	media = open(argv[2], O_RDWR);
	check(media < 0, argv[2]);
	const unsigned width = (unsigned)atoi(argv[3]), height = (unsigned)atoi(argv[4]),
		       count = (unsigned)atoi(argv[5]);
	set_up(width, height);
	decode(0, count / 5, width, height);
	const double start = now();
	decode(count, 2 * count, width, height);
	printf("%.1f\n", count / (now() - start));
	return 0;
}
