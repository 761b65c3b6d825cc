/*
 * A client that serves a file system of its own and answers nothing that would let others go on: whoever closes,
 * reads or looks at its file waits. It passes that file to a driver in all the places where a descriptor or memory of
 * the client is expected. Started as root (it mounts), it is nobody when it opens the device.
 *
 *   fuse-client DEVICE STEP...
 *
 *   dmabuf     queues the file as a DMABUF buffer
 *   socket     names the file as the socket on which mmap()'s memory is awaited
 *   memory     has control values read from a mapping of the file
 *   request    queues a buffer with the file as its request
 *   cap        QUERYCAP: is the device there?
 *
 * Prints a line for each: "dmabuf: EINVAL after 3 ms", and "asked: FLUSH" when somebody waits for the file.
 */
#include "client.h"
#include "protocol.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/fuse.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534
#define FILE_NODE 2
#define FILE_SIZE (1 << 20)

static char picture[1 << 20];

static void answer(int fuse, uint64_t unique, int error, const void *body, size_t size)
{
	char message[512];
	struct fuse_out_header header = {.len = (uint32_t)(sizeof header + size), .error = -error, .unique = unique};

	memcpy(message, &header, sizeof header);
	if (size)
		memcpy(message + sizeof header, body, size);
	if (write(fuse, message, header.len) == -1 && errno != ENOENT)
		die("answer");
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr attr = {.ino = node, .nlink = 1, .blksize = 4096};

	attr.mode = node == FILE_NODE ? S_IFREG | 0666 : S_IFDIR | 0777;
	attr.size = node == FILE_NODE ? FILE_SIZE : 0;
	return attr;
}

static void asked(const char *what)
{
	printf("asked: %s\n", what);
	fflush(stdout);
}

static void serve_one(int fuse, const char *message)
{
	const struct fuse_in_header *in = (const void *)message;

	switch (in->opcode) {
	case FUSE_INIT: {
		struct fuse_init_out out = {.major = 7, .minor = 31, .max_write = 65536, .max_background = 16};

		answer(fuse, in->unique, 0, &out, sizeof out);
		break;
	}
	case FUSE_LOOKUP: {
		/* Attributes that are never valid: fstat() has to ask again. */
		struct fuse_entry_out out = {.nodeid = FILE_NODE, .entry_valid = 3600, .attr = attributes(FILE_NODE)};

		answer(fuse, in->unique, 0, &out, sizeof out);
		break;
	}
	case FUSE_OPEN: {
		struct fuse_open_out out = {.fh = 1};

		answer(fuse, in->unique, 0, &out, sizeof out);
		break;
	}
	case FUSE_GETATTR:
		if (in->nodeid == FILE_NODE) {
			asked("GETATTR");
		} else {
			struct fuse_attr_out out = {.attr_valid = 3600, .attr = attributes(in->nodeid)};

			answer(fuse, in->unique, 0, &out, sizeof out);
		}
		break;
	case FUSE_FLUSH:
		/* Its own end asks, too. */
		if (in->pid == (uint32_t)getppid())
			answer(fuse, in->unique, 0, NULL, 0);
		else
			asked("FLUSH");
		break;
	case FUSE_READ:
		asked("READ");
		break;
	case FUSE_STATFS:
		asked("STATFS");
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(fuse, in->unique, ENOSYS, NULL, 0);
	}
}

/* Until the client has gone. */
static _Noreturn void serve(int fuse, int client)
{
	static _Alignas(8) char message[1 << 18];
	struct pollfd files[2] = {{.fd = fuse, .events = POLLIN}, {.fd = client, .events = POLLIN}};

	for (;;) {
		if (poll(files, 2, -1) == -1)
			die("poll");
		if (files[1].revents)
			_exit(0);
		if (read(fuse, message, sizeof message) > 0)
			serve_one(fuse, message);
	}
}

static int open_own_file(void)
{
	char folder[] = "/tmp/fuse-client-XXXXXX", path[64], options[128];
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK), ends[2], file;

	if (fuse == -1 || pipe(ends) || !mkdtemp(folder))
		die("/dev/fuse");
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
	/* Nobody else sees the mount, and it goes with this process. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("fuse-client", folder, "fuse", MS_NOSUID | MS_NODEV, options))
		die("mount");
	if (!fork()) {
		close(ends[1]);
		serve(fuse, ends[0]);
	}
	close(ends[0]);
	snprintf(path, sizeof path, "%s/file", folder);
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file == -1 || umount2(folder, MNT_DETACH) || rmdir(folder))
		die(path);
	close(fuse);
	return file;
}

static int queue(int device, struct v4l2_buffer *buffer, uint32_t memory)
{
	struct v4l2_requestbuffers wish = {.count = 1, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = memory};

	if (ioctl(device, VIDIOC_REQBUFS, &wish))
		die("REQBUFS");
	buffer->type = wish.type;
	buffer->memory = memory;
	buffer->bytesused = 1;
	return ioctl(device, VIDIOC_QBUF, buffer);
}

static int step(const char *name, int device, int file)
{
	struct v4l2_capability capability;
	struct v4l2_buffer buffer = {0};

	if (!strcmp(name, "cap"))
		return ioctl(device, VIDIOC_QUERYCAP, &capability);
	if (!strcmp(name, "dmabuf")) {
		buffer.m.fd = file;
		return queue(device, &buffer, V4L2_MEMORY_DMABUF);
	}
	if (!strcmp(name, "request")) {
		buffer.flags = V4L2_BUF_FLAG_REQUEST_FD;
		buffer.request_fd = file;
		/* But for the request, nothing is wrong with it. */
		buffer.m.userptr = (unsigned long)picture;
		buffer.length = sizeof picture;
		return queue(device, &buffer, V4L2_MEMORY_USERPTR);
	}
	if (!strcmp(name, "socket")) {
		struct v4l2_cuse_map map = {.version = V4L2_CUSE_PROTOCOL_VERSION,
					    .length = 4096,
					    .prot = PROT_READ | PROT_WRITE,
					    .flags = MAP_SHARED};
		struct v4l2_cuse_hello hello = {.version = V4L2_CUSE_PROTOCOL_VERSION,
						.features = V4L2_CUSE_FEATURE_MAP};
		struct v4l2_requestbuffers wish = {
			.count = 1, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = V4L2_MEMORY_MMAP};

		map.socket = file;
		if (ioctl(device, V4L2_CUSE_HELLO, &hello) || ioctl(device, VIDIOC_REQBUFS, &wish))
			die("hello");
		return ioctl(device, V4L2_CUSE_MAP, &map);
	}
	if (!strcmp(name, "memory")) {
		void *mapping = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		struct v4l2_ext_controls controls = {.count = 1, .controls = mapping};

		if (mapping == MAP_FAILED)
			die("mmap");
		return ioctl(device, VIDIOC_S_EXT_CTRLS, &controls);
	}
	fprintf(stderr, "no step %s\n", name);
	exit(2);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	int file, device;

	if (argc < 3) {
		fprintf(stderr, "usage: fuse-client DEVICE STEP...\n");
		return 2;
	}
	file = open_own_file();
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		die("setuid");
	device = open(argv[1], O_RDWR | O_CLOEXEC);
	if (device == -1)
		die(argv[1]);
	for (int at = 2; at < argc; at++) {
		long start = now_ms();
		int result = step(argv[at], device, file);

		printf("%s: %s after %ld ms\n", argv[at], outcome(result), now_ms() - start);
		fflush(stdout);
	}
	/* What it left behind stays until it is killed. */
	printf("done\n");
	fflush(stdout);
	pause();
	return 0;
}
