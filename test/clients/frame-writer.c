/* A program that feeds a camera and knows write() only: a file of YUYV frames, again and again, until it is ended. */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "frame-writer: %s: %s\n", what, strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
	struct timespec pause = {0};
	size_t bytes;
	char *frame;
	FILE *film;
	int fd;

	if (argc != 6) {
		fputs("usage: frame-writer NODE FILE WIDTH HEIGHT FPS\n", stderr);
		return 2;
	}
	format.fmt.pix.width = (unsigned)atoi(argv[3]);
	format.fmt.pix.height = (unsigned)atoi(argv[4]);
	format.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
	format.fmt.pix.field = V4L2_FIELD_NONE;
	bytes = (size_t)format.fmt.pix.width * format.fmt.pix.height * 2;
	pause.tv_nsec = 999999999 / atoi(argv[5]);
	frame = malloc(bytes);
	film = fopen(argv[2], "rb");
	fd = open(argv[1], O_WRONLY);
	if (!frame || !film || fd < 0)
		die("open");
	if (ioctl(fd, VIDIOC_S_FMT, &format))
		die("VIDIOC_S_FMT");
	if (format.fmt.pix.sizeimage != bytes) {
		fputs("frame-writer: the device gives another format\n", stderr);
		return 1;
	}
	for (;;) {
		if (fread(frame, bytes, 1, film) != 1) {
			rewind(film);
			continue;
		}
		if (write(fd, frame, bytes) != (ssize_t)bytes)
			die("write");
		nanosleep(&pause, NULL);
	}
}
