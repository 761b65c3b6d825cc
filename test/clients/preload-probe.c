/*
 * Calls on files that are none of ours, as any program makes them. The test runs
 * it with and without the helper library and compares what it prints.
 *
 *   preload-probe          outcomes
 *   preload-probe bench N  nanoseconds per mmap() with munmap(), and per ioctl()
 */
#include "client.h"

#include <fcntl.h>
#include <linux/media.h>
#include <linux/videodev2.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Tells success with a changed errno from success. */
static const char *quiet(long result)
{
	return result == -1 ? strerrorname_np(errno) : errno == 77 ? "ok" : "errno changed";
}

static void print_mmap(const char *name, int flags, int fd)
{
	void *mapped;

	errno = 77;
	mapped = mmap(NULL, 4096, PROT_READ, flags, fd, 0);
	printf("mmap %s: %s\n", name, quiet((long)mapped));
	if (mapped != MAP_FAILED)
		munmap(mapped, 4096);
}

static void print_ioctls(const char *name, int fd)
{
	static const unsigned long cmds[] = {VIDIOC_QUERYCAP, VIDIOC_REQBUFS,          VIDIOC_CREATE_BUFS,
					     VIDIOC_EXPBUF,   MEDIA_IOC_REQUEST_ALLOC, FIONREAD};
	static char arg[256];

	printf("ioctl %s:", name);
	for (size_t i = 0; i < sizeof cmds / sizeof *cmds; i++) {
		errno = 77;
		printf(" %s", quiet(ioctl(fd, cmds[i], arg)));
	}
	putchar('\n');
}

static void print_outcomes(void)
{
	int pipes[2], sockets[2];
	int file = open("/proc/self/exe", O_RDONLY);
	int folder = open("/", O_RDONLY | O_DIRECTORY);
	int null = open("/dev/null", O_RDWR);
	int zero = open("/dev/zero", O_RDWR);
	int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	int random = open("/dev/urandom", O_RDONLY);
	int event = eventfd(0, 0);

	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		die("setup");
	print_mmap("anonymous", MAP_PRIVATE | MAP_ANONYMOUS, -1);
	print_mmap("no file", MAP_SHARED, -1);
	print_mmap("file", MAP_PRIVATE, file);
	print_mmap("file shared", MAP_SHARED, file);
	print_mmap("folder", MAP_SHARED, folder);
	print_mmap("pipe", MAP_SHARED, pipes[0]);
	print_mmap("socket", MAP_SHARED, sockets[0]);
	print_mmap("eventfd", MAP_SHARED, event);
	print_mmap("null", MAP_SHARED, null);
	print_mmap("zero", MAP_SHARED, zero);
	print_mmap("terminal", MAP_SHARED, terminal);
	print_mmap("terminal private", MAP_PRIVATE, terminal);
	print_mmap("random", MAP_SHARED, random);
	print_ioctls("no file", -1);
	print_ioctls("file", file);
	print_ioctls("pipe", pipes[0]);
	print_ioctls("socket", sockets[0]);
	print_ioctls("eventfd", event);
	print_ioctls("null", null);
	print_ioctls("terminal", terminal);
	print_ioctls("random", random);

	/* Nothing may have been left open: the next number is the next in line. */
	printf("next fd: %d\n", dup(null) - random);
	fflush(stdout);
	if (fork() == 0) {
		print_mmap("terminal after fork", MAP_SHARED, terminal);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void bench(unsigned long count)
{
	int file = open("/proc/self/exe", O_RDONLY);
	int bytes;
	double start = now_ns(), middle;

	for (unsigned long i = 0; i < count; i++) {
		void *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);

		munmap(mapped, 4096);
	}
	middle = now_ns();
	for (unsigned long i = 0; i < count; i++)
		ioctl(file, FIONREAD, &bytes);
	printf("mmap %.1f ioctl %.1f\n", (middle - start) / (double)count, (now_ns() - middle) / (double)count);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "bench"))
		bench(number(argv[2]));
	else
		print_outcomes();
	return 0;
}
