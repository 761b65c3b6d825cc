/*
 * layout-client DEVICE FILE: streams three frames of 320x180 YUYV by mmap into FILE, and looks at every member on the
 * way that 32-bit programs have elsewhere: times, pointers, 64-bit members behind odd ones. For a program of any kind:
 * the tests compile it with -m32, and with a 64-bit time_t. Exit status 0, or a line that says what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define COUNT 3

static void fail(const char *what)
{
	printf("%s (%s)\n", what, strerror(errno));
	exit(1);
}

static void call(int fd, unsigned long cmd, void *arg, const char *name)
{
	if (ioctl(fd, cmd, arg) == -1)
		fail(name);
}

/* At most a minute old, and not in the future. */
static void check_age(long long seconds, long nanoseconds, const char *what)
{
	struct timespec now;
	long long age;

	clock_gettime(CLOCK_MONOTONIC, &now);
	age = ((long long)now.tv_sec - seconds) * 1000 + (now.tv_nsec - nanoseconds) / 1000000;
	if (age < 0 || age > 60000)
		fail(what);
}

static void check_input(int fd)
{
	struct v4l2_input input;

	memset(&input, 0xff, sizeof input);
	input.index = 1; /* has a status, behind the 64-bit standards */
	call(fd, VIDIOC_ENUMINPUT, &input, "ENUMINPUT");
	if (input.std != 0 || input.reserved[0] || input.reserved[2])
		fail("ENUMINPUT: 64-bit members");
}

/* An event carries the new value behind a union with a 64-bit member. */
static void check_event(int fd)
{
	struct v4l2_event_subscription subscription = {
		.type = V4L2_EVENT_CTRL, .id = V4L2_CID_BRIGHTNESS, .flags = V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK};
	struct v4l2_ext_control control = {.id = V4L2_CID_BRIGHTNESS};
	struct v4l2_ext_controls controls = {.count = 1, .controls = &control};
	struct v4l2_event event;

	call(fd, VIDIOC_SUBSCRIBE_EVENT, &subscription, "SUBSCRIBE_EVENT");
	memset(&control.value64, 0xee, sizeof control.value64);
	control.value = 100;
	call(fd, VIDIOC_S_EXT_CTRLS, &controls, "S_EXT_CTRLS");
	memset(&event, 0xff, sizeof event);
	call(fd, VIDIOC_DQEVENT, &event, "DQEVENT");
	if (event.type != V4L2_EVENT_CTRL || event.id != V4L2_CID_BRIGHTNESS || event.pending != 0 ||
	    event.u.ctrl.value != 100 || event.u.ctrl.minimum != 0 || event.u.ctrl.maximum != 255 ||
	    event.u.ctrl.default_value != 128 || event.reserved[0] || event.reserved[7])
		fail("DQEVENT: members");
	check_age(event.timestamp.tv_sec, (long)event.timestamp.tv_nsec, "DQEVENT: time");
	control.value = 128;
	call(fd, VIDIOC_S_EXT_CTRLS, &controls, "S_EXT_CTRLS");
	/* A mistake is told by its place. */
	control.id = 0x98ffff;
	if (ioctl(fd, VIDIOC_TRY_EXT_CTRLS, &controls) != -1 || errno != EINVAL || controls.error_idx != 0)
		fail("TRY_EXT_CTRLS: error_idx");
}

/* A format at its place in another struct; then none of these buffers. */
static void check_create(int fd, const struct v4l2_format *format)
{
	struct v4l2_create_buffers create = {.count = 0, .memory = V4L2_MEMORY_MMAP, .format = *format};

	call(fd, VIDIOC_CREATE_BUFS, &create, "CREATE_BUFS");
	if (!(create.capabilities & V4L2_BUF_CAP_SUPPORTS_MMAP))
		fail("CREATE_BUFS: capabilities");
}

int main(int argc, char **argv)
{
	struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
	struct v4l2_requestbuffers request = {
		.count = COUNT, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	void *memory[COUNT];
	FILE *file;
	int fd;

	if (argc != 3)
		return 2;
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	file = fopen(argv[2], "wb");
	if (fd == -1 || !file)
		fail("open");
	check_input(fd);
	check_event(fd);
	format.fmt.pix.width = 320;
	format.fmt.pix.height = 180;
	format.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
	call(fd, VIDIOC_S_FMT, &format, "S_FMT");
	if (format.fmt.pix.width != 320 || format.fmt.pix.sizeimage != 320 * 180 * 2)
		fail("S_FMT: members");
	call(fd, VIDIOC_REQBUFS, &request, "REQBUFS");
	check_create(fd, &format);
	for (unsigned int i = 0; i < COUNT; i++) {
		struct v4l2_buffer buffer = {.index = i, .type = request.type, .memory = request.memory};

		call(fd, VIDIOC_QUERYBUF, &buffer, "QUERYBUF");
		memory[i] = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)buffer.m.offset);
		if (memory[i] == MAP_FAILED)
			fail("mmap");
		call(fd, VIDIOC_QBUF, &buffer, "QBUF");
	}
	call(fd, VIDIOC_STREAMON, &type, "STREAMON");
	for (unsigned int i = 0; i < COUNT; i++) {
		struct v4l2_buffer buffer = {.type = request.type, .memory = request.memory};

		call(fd, VIDIOC_DQBUF, &buffer, "DQBUF");
		if (buffer.index >= COUNT || buffer.bytesused != format.fmt.pix.sizeimage)
			fail("DQBUF: members");
		check_age(buffer.timestamp.tv_sec, (long)buffer.timestamp.tv_usec * 1000, "DQBUF: time");
		if (fwrite(memory[buffer.index], 1, buffer.bytesused, file) != buffer.bytesused)
			fail("write");
	}
	call(fd, VIDIOC_STREAMOFF, &type, "STREAMOFF");
	if (fclose(file))
		fail("write");
	return 0;
}
