// Times one V4L2 call pattern on a node: prints microseconds per call, or per QBUF and DQBUF of one buffer.
//   ioctl-client NODE PATTERN COUNT [FILES]
//     querycap, g-fmt, s-ext-ctrls
//     qbuf-dqbuf          wants a node with mmap buffers, or one that does not ask
//     qbuf-poll-dqbuf     poll(2) in between
//     querycap-mapped     on a descriptor that can be mapped
//     reqbufs             opening, then the first REQBUFS with memory: prints the time of the latter, COUNT times
//     idle                maps a buffer, gives the queue free, says "ready", and keeps the file until its input ends
// FILES: so many open files, which call in turn; default 1.
#include <errno.h>
#include <fcntl.h>
#include <linux/v4l2-controls.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 64 };

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void check(int result, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void querycap(int fd)
{
	struct v4l2_capability cap;
	check(ioctl(fd, VIDIOC_QUERYCAP, &cap), "VIDIOC_QUERYCAP");
}

static void g_fmt(int fd)
{
	struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
	check(ioctl(fd, VIDIOC_G_FMT, &format), "VIDIOC_G_FMT");
}

// One compound control of 1232 bytes, which the driver has to validate.
static void s_ext_ctrls(int fd)
{
	static struct v4l2_ctrl_vp8_frame frame = {
		.width = 640, .height = 480, .num_dct_parts = 1, .flags = V4L2_VP8_FRAME_FLAG_KEY_FRAME};
	struct v4l2_ext_control control = {
		.id = V4L2_CID_STATELESS_VP8_FRAME, .size = sizeof frame, .p_vp8_frame = &frame};
	struct v4l2_ext_controls controls = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1, .controls = &control};
	check(ioctl(fd, VIDIOC_S_EXT_CTRLS, &controls), "VIDIOC_S_EXT_CTRLS");
}

static void qbuf_dqbuf(int fd)
{
	struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	check(ioctl(fd, VIDIOC_QBUF, &buffer), "VIDIOC_QBUF");
	check(ioctl(fd, VIDIOC_DQBUF, &buffer), "VIDIOC_DQBUF");
}

static void qbuf_poll_dqbuf(int fd)
{
	struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	check(ioctl(fd, VIDIOC_QBUF, &buffer), "VIDIOC_QBUF");
	check(poll(&polled, 1, 1000) == 1 && polled.revents == POLLIN ? 0 : -1, "poll");
	check(ioctl(fd, VIDIOC_DQBUF, &buffer), "VIDIOC_DQBUF");
}

static void reqbufs(int fd, unsigned count)
{
	struct v4l2_requestbuffers request = {
		.count = count, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	check(ioctl(fd, VIDIOC_REQBUFS, &request), "VIDIOC_REQBUFS");
}

// That the client really can: by the helper library, or because its descriptor has been replaced.
static void map_buffer(int fd)
{
	struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	check(ioctl(fd, VIDIOC_QUERYBUF, &buffer), "VIDIOC_QUERYBUF");
	void *memory = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, buffer.m.offset);
	check(memory == MAP_FAILED ? -1 : 0, "mmap");
	check(munmap(memory, buffer.length), "munmap");
}

// The C server keeps no queue, and knows neither call.
static void start_streaming(int fd)
{
	struct v4l2_requestbuffers request = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	if (ioctl(fd, VIDIOC_REQBUFS, &request) == -1 && errno == ENOTTY)
		return;
	reqbufs(fd, 2);
	map_buffer(fd);
	check(ioctl(fd, VIDIOC_STREAMON, &type), "VIDIOC_STREAMON");
}

static int open_node(const char *path)
{
	const int fd = open(path, O_RDWR);
	check(fd < 0 ? -1 : 0, path);
	return fd;
}

static void time_reqbufs(const char *path, int count)
{
	for (int i = 0; i < count; i++) {
		const int fd = open_node(path);
		const double start = now_us();
		reqbufs(fd, 2);
		printf("%.1f\n", now_us() - start);
		map_buffer(fd);
		close(fd);
	}
}

static void stay(const char *path)
{
	const int fd = open_node(path);
	reqbufs(fd, 2);
	map_buffer(fd);
	reqbufs(fd, 0);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*call)(int fd);
		bool streams;
	} patterns[] = {{"querycap", querycap, false},
			{"g-fmt", g_fmt, false},
			{"s-ext-ctrls", s_ext_ctrls, false},
			{"qbuf-dqbuf", qbuf_dqbuf, true},
			{"qbuf-poll-dqbuf", qbuf_poll_dqbuf, true},
			{"querycap-mapped", querycap, true}};
	void (*call)(int) = NULL;
	bool streams = false;
	for (size_t i = 0; argc >= 4 && i < sizeof patterns / sizeof *patterns; i++) {
		if (strcmp(argv[2], patterns[i].name) != 0)
			continue;
		call = patterns[i].call;
		streams = patterns[i].streams;
	}
	const int count = argc >= 4 ? atoi(argv[3]) : 0;
	const int files = argc == 5 ? atoi(argv[4]) : 1;
	if (argc == 4 && strcmp(argv[2], "reqbufs") == 0) {
		time_reqbufs(argv[1], count);
		return 0;
	}
	if (argc == 3 && strcmp(argv[2], "idle") == 0) {
		stay(argv[1]);
		return 0;
	}
	if (call == NULL || argc > 5 || files < 1 || files > MAX_FILES) {
		fprintf(stderr, "usage: %s NODE PATTERN COUNT [FILES]\n", argv[0]);
		return 2;
	}
	int fds[MAX_FILES];
	for (int i = 0; i < files; i++)
		fds[i] = open_node(argv[1]);
	if (streams)
		start_streaming(fds[0]);
	for (int i = 0; i < count / 10; i++)
		call(fds[i % files]);
	const double start = now_us();
	for (int i = 0; i < count; i++)
		call(fds[i % files]);
	printf("%.1f\n", (now_us() - start) / count);
	return 0;
}
