/*
 * ending NODE...
 *
 * Opens all nodes of a device, prints "open", waits until the device has ended, and
 * prints what it hears of each, which the tests compare: "NAME: poll 0x18, ioctl
 * EIO, open ENXIO". The ioctl is one that every node of the kind has.
 */
#include "client.h"

#include <fcntl.h>
#include <linux/media.h>
#include <linux/v4l2-subdev.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MOST 16

static int ask(int fd, const char *name)
{
	union {
		struct v4l2_capability video;
		struct media_device_info media;
		struct v4l2_subdev_capability subdev;
	} answer = {0};

	if (!strncmp(name, "video", 5))
		return ioctl(fd, VIDIOC_QUERYCAP, &answer.video);
	if (!strncmp(name, "media", 5))
		return ioctl(fd, MEDIA_IOC_DEVICE_INFO, &answer.media);
	return ioctl(fd, VIDIOC_SUBDEV_QUERYCAP, &answer.subdev);
}

int main(int argc, char **argv)
{
	struct pollfd entries[MOST];
	int count = argc - 1;

	if (count < 1 || count > MOST)
		return 2;
	alarm(30);
	for (int i = 0; i < count; i++) {
		/* Nothing that a living device without events is ready for. */
		entries[i] = (struct pollfd){.fd = open(argv[i + 1], O_RDWR), .events = POLLPRI};
		if (entries[i].fd == -1)
			die(argv[i + 1]);
		if (ask(entries[i].fd, basename(argv[i + 1])))
			die("a living device");
	}
	puts("open");
	fflush(stdout);
	for (int i = 0; i < count; i++) {
		/* Not the POLLERR of a sub-device without events. */
		do {
			if (poll(&entries[i], 1, 10000) != 1)
				die("poll");
			usleep(10000);
		} while (!(entries[i].revents & POLLHUP));
		printf("%.5s: poll 0x%x, ", basename(argv[i + 1]), (unsigned int)entries[i].revents);
		printf("ioctl %s, ", outcome(ask(entries[i].fd, basename(argv[i + 1]))));
		printf("open %s\n", outcome(open(argv[i + 1], O_RDWR)));
	}
	return 0;
}
