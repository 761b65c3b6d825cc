/*
 * buffer-life NODE WORD...
 *
 * What a client is told of its buffers from REQBUFS to the last munmap(), of its
 * queue, and of the device's end. Words act on the file that was opened last, or
 * that "file N" chose; each prints a line, which the tests compare.
 */
#include "client.h"

#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 32

static const char *node;
static int files[MOST];
static int file_count;
static int current;
static void *mapped[MOST];
static size_t lengths[MOST];
static int exported = -1;
static pid_t child;
static int child_pipe[2];

static const enum v4l2_buf_type type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static int fd(void)
{
	return files[current];
}

static struct v4l2_buffer buffer_of(unsigned int index)
{
	return (struct v4l2_buffer){.type = type, .index = index, .memory = V4L2_MEMORY_MMAP};
}

/* "querybuf 0: mapped" */
static void tell_flag(const char *what, long index, int result, const struct v4l2_buffer *buffer)
{
	const char *flag = buffer->flags & V4L2_BUF_FLAG_MAPPED ? "mapped" : "not mapped";

	printf("%s %ld: %s\n", what, index, result == -1 ? outcome(-1) : flag);
}

static int access_mode(const char *name)
{
	return !strcmp(name, "ro") ? O_RDONLY : !strcmp(name, "wo") ? O_WRONLY : O_RDWR;
}

static int protection(const char *name)
{
	return !strcmp(name, "r") ? PROT_READ : !strcmp(name, "w") ? PROT_WRITE : PROT_READ | PROT_WRITE;
}

static void open_file(const char *path, const char *what, const char *mode)
{
	int opened = open(path, access_mode(mode));

	printf("%s %s: %s\n", what, mode, outcome(opened));
	if (opened == -1 || file_count == MOST)
		return;
	current = file_count++;
	files[current] = opened;
}

static void map_buffer(unsigned int index, const char *how)
{
	struct v4l2_buffer buffer = buffer_of(index);
	void *start;

	if (ioctl(fd(), VIDIOC_QUERYBUF, &buffer) == -1)
		die("QUERYBUF");
	start = mmap(NULL, buffer.length, protection(how), MAP_SHARED, fd(), buffer.m.offset);
	printf("mmap %u: %s\n", index, outcome(start == MAP_FAILED ? -1 : 0));
	if (start == MAP_FAILED)
		return;
	mapped[index] = start;
	lengths[index] = buffer.length;
}

static void export_buffer(unsigned int index, const char *mode)
{
	struct v4l2_exportbuffer request = {.type = type, .index = index, .flags = (uint32_t)access_mode(mode)};
	static const char *const names[] = {"ro", "wo", "rw"};
	void *start;

	if (ioctl(fd(), VIDIOC_EXPBUF, &request) == -1) {
		printf("expbuf %u %s: %s\n", index, mode, outcome(-1));
		return;
	}
	exported = request.fd;
	start = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, exported, 0);
	printf("expbuf %u %s: %s, writable mapping %s\n", index, mode, names[fcntl(exported, F_GETFL) & O_ACCMODE],
	       outcome(start == MAP_FAILED ? -1 : 0));
	if (start != MAP_FAILED)
		munmap(start, 4096);
}

/* A child that has no file of the device, and waits for "join". */
static void fork_child(void)
{
	char byte;

	fflush(stdout);
	if (pipe(child_pipe))
		die("pipe");
	child = fork();
	if (child == -1)
		die("fork");
	if (child)
		return;
	for (int i = 0; i < file_count; i++)
		close(files[i]);
	close(child_pipe[1]);
	_exit(read(child_pipe[0], &byte, 1) == 0 ? 0 : 1);
}

static void first_event(void)
{
	struct v4l2_event_subscription wanted = {
		.type = V4L2_EVENT_CTRL, .id = V4L2_CID_BRIGHTNESS, .flags = V4L2_EVENT_SUB_FL_SEND_INITIAL};
	struct v4l2_event event = {0};

	if (ioctl(fd(), VIDIOC_SUBSCRIBE_EVENT, &wanted) == -1 || ioctl(fd(), VIDIOC_DQEVENT, &event) == -1)
		die("event");
	printf("event: sequence %u\n", event.sequence);
}

/* Queues what it is given until the device ends, which takes at most ten seconds; tells how. */
static void until_end(void)
{
	struct pollfd entry = {.fd = fd(), .events = POLLIN | POLLPRI};
	struct v4l2_buffer buffer = buffer_of(0);
	struct v4l2_capability capability;
	struct timeval now = {0};
	fd_set in, except;
	int stop = type;
	char byte;

	puts("streaming");
	fflush(stdout);
	while (poll(&entry, 1, 10000) > 0 && !(entry.revents & (POLLERR | POLLHUP)))
		if (ioctl(fd(), VIDIOC_DQBUF, &buffer) == 0)
			ioctl(fd(), VIDIOC_QBUF, &buffer);
	printf("poll: 0x%x\n", (unsigned int)entry.revents);
	FD_ZERO(&in);
	FD_ZERO(&except);
	FD_SET(fd(), &in);
	FD_SET(fd(), &except);
	select(fd() + 1, &in, NULL, &except, &now);
	printf("select: in %d, except %d\n", FD_ISSET(fd(), &in) != 0, FD_ISSET(fd(), &except) != 0);
	printf("dqbuf: %s\n", outcome(ioctl(fd(), VIDIOC_DQBUF, &buffer)));
	printf("querycap: %s\n", outcome(ioctl(fd(), VIDIOC_QUERYCAP, &capability)));
	printf("streamoff: %s\n", outcome(ioctl(fd(), VIDIOC_STREAMOFF, &stop)));
	printf("read: %s\n", outcome(read(fd(), &byte, 1)));
}

static const char *next(char ***words)
{
	if (!**words)
		die("a word is missing");
	return *(*words)++;
}

static void run(const char *word, char ***words)
{
	struct v4l2_buffer buffer;
	int on = type;

	if (!strcmp(word, "open")) {
		open_file(node, word, next(words));
	} else if (!strcmp(word, "reopen")) {
		char path[32];

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd());
		open_file(path, word, next(words));
	} else if (!strcmp(word, "file")) {
		current = (int)number(next(words)) % MOST;
	} else if (!strcmp(word, "reqbufs")) {
		struct v4l2_requestbuffers request = {
			.type = type, .memory = V4L2_MEMORY_MMAP, .count = (uint32_t)number(next(words))};
		int result = ioctl(fd(), VIDIOC_REQBUFS, &request);

		if (result == -1)
			printf("reqbufs: %s\n", outcome(-1));
		else
			printf("reqbufs: %u\n", request.count);
	} else if (!strcmp(word, "mmap")) {
		unsigned int index = (unsigned int)number(next(words)) % MOST;

		map_buffer(index, next(words));
	} else if (!strcmp(word, "munmap")) {
		size_t index = number(next(words)) % MOST;

		munmap(mapped[index], lengths[index]);
	} else if (!strcmp(word, "querybuf") || !strcmp(word, "qbuf") || !strcmp(word, "prepare")) {
		unsigned long cmd = *word == 'p' ? VIDIOC_PREPARE_BUF : word[1] == 'b' ? VIDIOC_QBUF : VIDIOC_QUERYBUF;
		long index = (long)number(next(words));
		int result;

		buffer = buffer_of((unsigned int)index);
		result = ioctl(fd(), cmd, &buffer);
		tell_flag(word, index, result, &buffer);
	} else if (!strcmp(word, "dqbuf")) {
		int result;

		buffer = buffer_of(0);
		result = ioctl(fd(), VIDIOC_DQBUF, &buffer);
		tell_flag(word, buffer.index, result, &buffer);
	} else if (!strcmp(word, "streamon")) {
		printf("streamon: %s\n", outcome(ioctl(fd(), VIDIOC_STREAMON, &on)));
	} else if (!strcmp(word, "streamoff")) {
		printf("streamoff: %s\n", outcome(ioctl(fd(), VIDIOC_STREAMOFF, &on)));
	} else if (!strcmp(word, "expbuf")) {
		unsigned int index = (unsigned int)number(next(words));

		export_buffer(index, next(words));
	} else if (!strcmp(word, "unexport")) {
		close(exported);
	} else if (!strcmp(word, "fork")) {
		fork_child();
	} else if (!strcmp(word, "join")) {
		close(child_pipe[1]);
		waitpid(child, NULL, 0);
	} else if (!strcmp(word, "close")) {
		close(fd());
	} else if (!strcmp(word, "event")) {
		first_event();
	} else if (!strcmp(word, "seek")) {
		const char *whence = next(words);

		printf("seek %s: %s\n", whence, outcome(lseek(fd(), 0, !strcmp(whence, "end") ? SEEK_END : SEEK_DATA)));
	} else if (!strcmp(word, "until-end")) {
		until_end();
	} else {
		fprintf(stderr, "unknown word: %s\n", word);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	char **words = argv + 2;

	if (argc < 2)
		return 2;
	node = argv[1];
	alarm(30);
	while (*words) {
		const char *word = next(&words);

		run(word, &words);
	}
	return 0;
}
