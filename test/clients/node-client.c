/*
 * What a program does with a camera's node, without any help: opens it FILES times, streams through each file with
 * its own buffers at the same time, and prints one line for each thing that could differ from a device of the kernel.
 *
 *   node-client NODE FILES
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFERS 3
#define MAX_FILES 16

static const char *name_of(int error)
{
	return error == 0 ? "ok" : strerrorname_np(error);
}

/* Prints a call and how it ended. */
static void tell(const char *what, long result)
{
	printf("%s: %s\n", what, result == -1 ? name_of(errno) : "ok");
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Of each mapping. */
static size_t length;

static int stream(int fd, unsigned char *first[BUFFERS])
{
	struct v4l2_requestbuffers ask = {
		.count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	if (ioctl(fd, VIDIOC_REQBUFS, &ask) == -1)
		return -1;
	for (unsigned i = 0; i < BUFFERS; i++) {
		struct v4l2_buffer buffer = {.index = i, .type = ask.type, .memory = ask.memory};

		if (ioctl(fd, VIDIOC_QUERYBUF, &buffer) == -1)
			return -1;
		length = buffer.length;
		first[i] = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, buffer.m.offset);
		if (first[i] == MAP_FAILED || ioctl(fd, VIDIOC_QBUF, &buffer) == -1)
			return -1;
	}
	return ioctl(fd, VIDIOC_STREAMON, &type);
}

static int dequeue(int fd, struct v4l2_buffer *buffer)
{
	memset(buffer, 0, sizeof *buffer);
	buffer->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	buffer->memory = V4L2_MEMORY_MMAP;
	return ioctl(fd, VIDIOC_DQBUF, buffer);
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 1;
	int files[MAX_FILES];
	struct v4l2_buffer buffer;
	unsigned char *first[BUFFERS];
	struct pollfd waiting;

	if (count < 1 || count > MAX_FILES)
		return 2;
	for (int i = 0; i < count; i++) {
		struct v4l2_capability capability;

		files[i] = open(argv[1], O_RDWR | (i == 0 ? O_TRUNC : 0));
		if (files[i] == -1) {
			printf("open: %s\n", name_of(errno));
			return 1;
		}
		if (ioctl(files[i], VIDIOC_QUERYCAP, &capability) == 0)
			printf("card: %s\n", (char *)capability.card);
	}
	tell("ftruncate", ftruncate(files[0], 0));
	tell("unknown ioctl", ioctl(files[0], _IO('V', 250)));
	tell("fsync", fsync(files[0]));

	/* One file streams; the others are refused, until it is closed. */
	for (int i = 0; i < count; i++) {
		tell("stream", stream(files[i], first));
		if (i + 1 < count) {
			struct v4l2_requestbuffers ask = {
				.count = 1, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

			tell("another's buffers", ioctl(files[i + 1], VIDIOC_REQBUFS, &ask));
		}
		for (int frame = 0; frame < BUFFERS; frame++) {
			unsigned long sum = 0;

			waiting = (struct pollfd){.fd = files[i], .events = POLLIN};
			tell("poll", poll(&waiting, 1, 5000) == 1 && (waiting.revents & POLLIN) ? 0 : -1);
			if (dequeue(files[i], &buffer) == -1) {
				printf("DQBUF: %s\n", name_of(errno));
				return 1;
			}
			for (unsigned k = 0; k < buffer.bytesused; k++)
				sum += first[buffer.index][k];
			printf("frame %u of %u bytes: %s\n", buffer.sequence, buffer.bytesused,
			       sum > 0 ? "seen" : "black");
		}

		/* O_NONBLOCK, asked for long after open(2). */
		fcntl(files[i], F_SETFL, O_RDWR | O_NONBLOCK);
		tell("DQBUF without waiting", dequeue(files[i], &buffer));
		fcntl(files[i], F_SETFL, O_RDWR);

		/* A signal without SA_RESTART. */
		struct sigaction action = {.sa_handler = on_alarm};
		struct itimerval soon = {.it_value = {.tv_usec = 200000}};

		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &soon, NULL);
		tell("DQBUF and a signal", dequeue(files[i], &buffer));

		/* A duplicate in another process keeps the file. */
		pid_t child = fork();
		if (child == 0) {
			usleep(200000);
			_exit(ioctl(files[i], VIDIOC_STREAMOFF, &(int){V4L2_BUF_TYPE_VIDEO_CAPTURE}) == 0 ? 0 : 1);
		}
		close(files[i]);
		/* A mapping keeps the queue as a descriptor does. */
		for (int k = 0; k < BUFFERS; k++)
			munmap(first[k], length);
		int status = -1;
		waitpid(child, &status, 0);
		printf("the child's file: %s\n", status == 0 ? "ok" : "gone");
	}
	return 0;
}
