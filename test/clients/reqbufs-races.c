/*
 * A client that makes it hard for whoever serves its REQBUFS. It prints how its calls ended, "ok 3 EINVAL 2".
 *
 *   reqbufs-races DEVICE KIND ROUNDS [US]
 *
 *   replace   another thread puts /dev/null onto the descriptor meanwhile: at once, later, at last after US
 *             (9000: more than a graft takes, unless the machine is emulated)
 *   close     another thread closes it and opens /dev/null, which gets its number
 *   unmap     another thread takes the argument's page away and gives it back, all the while
 *   same      two threads allocate and free, on the same descriptor
 *   dups      the same on two duplicates
 *   signal    from a handler that has a stack of its own, while the thread waits for an event
 *   vfork     a child that shares our memory, but not our descriptors; then we
 */
#include "client.h"

#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTCOMES 200

static const char *device;
static int fd = -1;
static atomic_ulong ended[OUTCOMES]; /* by errno; 0: ok */

static void count(int result)
{
	int error = result == -1 ? errno : 0;

	ended[error < OUTCOMES ? error : OUTCOMES - 1]++;
}

static int reqbufs_at(struct v4l2_requestbuffers *request, int on, unsigned int buffers)
{
	*request = (struct v4l2_requestbuffers){
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .count = buffers};
	return ioctl(on, VIDIOC_REQBUFS, request);
}

static int reqbufs(int on, unsigned int buffers)
{
	struct v4l2_requestbuffers request;

	return reqbufs_at(&request, on, buffers);
}

static int open_file(const char *path)
{
	int opened = open(path, O_RDWR | O_CLOEXEC);

	if (opened == -1)
		die(path);
	return opened;
}

static void pause_us(long us)
{
	struct timespec time = {.tv_nsec = us * 1000};

	nanosleep(&time, NULL);
}

/* ---- The descriptor goes ------------------------------------------------------------------- */

static bool by_dup;
static long delay_us, longest_us = 9000;

static void *take_away(void *nothing)
{
	int null = by_dup ? open_file("/dev/null") : -1;

	pause_us(delay_us);
	if (by_dup) {
		dup2(null, fd);
		close(null);
	} else {
		close(fd);
		open_file("/dev/null");
	}
	return nothing;
}

static void race_with_close(unsigned long rounds)
{
	for (unsigned long round = 0; round < rounds; round++) {
		pthread_t thread;

		fd = open_file(device);
		/* From at once to after the end. */
		delay_us = (long)round * longest_us / (long)rounds;
		if (pthread_create(&thread, NULL, take_away, NULL))
			die("pthread_create");
		count(reqbufs(fd, 4));
		pthread_join(thread, NULL);
		close(fd);
	}
}

/* ---- The argument goes --------------------------------------------------------------------- */

static void *page;
static int content; /* of the page: whenever it is there, it has the argument */
static atomic_bool stop;

static void map_page(void)
{
	page = mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | (page ? MAP_FIXED : 0), content, 0);
	if (page == MAP_FAILED)
		die("mmap");
}

static void *unmap_and_map(void *nothing)
{
	while (!stop) {
		pause_us(1500);
		munmap(page, 4096);
		pause_us(500);
		map_page();
	}
	return nothing;
}

static void race_with_unmap(unsigned long rounds)
{
	static const struct v4l2_requestbuffers wish = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .count = 4};
	pthread_t thread;

	content = memfd_create("argument", MFD_CLOEXEC);
	if (content == -1 || ftruncate(content, 4096) || pwrite(content, &wish, sizeof wish, 0) != sizeof wish)
		die("memfd");
	map_page();
	if (pthread_create(&thread, NULL, unmap_and_map, NULL))
		die("pthread_create");
	for (unsigned long round = 0; round < rounds; round++) {
		fd = open_file(device);
		count(ioctl(fd, VIDIOC_REQBUFS, page));
		close(fd);
	}
	stop = true;
	pthread_join(thread, NULL);
}

/* ---- Several call --------------------------------------------------------------------------- */

static unsigned long each;

static void *allocate_and_free(void *on)
{
	for (unsigned long i = 0; i < each; i++) {
		count(reqbufs(*(int *)on, 2 + (unsigned int)(i % 3)));
		count(reqbufs(*(int *)on, 0));
	}
	return NULL;
}

static void race_of_two(unsigned long rounds, bool duplicates)
{
	for (unsigned long round = 0; round < rounds; round++) {
		pthread_t thread;
		int other;

		fd = open_file(device);
		other = duplicates ? dup(fd) : fd;
		each = 3;
		if (pthread_create(&thread, NULL, allocate_and_free, &other))
			die("pthread_create");
		allocate_and_free(&fd);
		pthread_join(thread, NULL);
		if (duplicates)
			close(other);
		close(fd);
	}
}

/* ---- In unusual places ------------------------------------------------------------------------ */

static void on_signal(int number)
{
	int error = errno;

	(void)number;
	count(reqbufs(fd, 4));
	errno = error;
}

static void from_handler(unsigned long rounds)
{
	static uint8_t stack[1 << 16];
	stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	struct v4l2_event_subscription wish = {.type = V4L2_EVENT_CTRL, .id = V4L2_CID_ALPHA_COMPONENT};
	struct v4l2_event event;

	if (sigaltstack(&own, NULL) || sigaction(SIGALRM, &action, NULL))
		die("sigaction");
	for (unsigned long round = 0; round < rounds; round++) {
		struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
		struct itimerspec soon = {.it_value = {.tv_nsec = 30000000}};
		timer_t timer;

		fd = open_file(device);
		if (ioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &wish) || timer_create(CLOCK_MONOTONIC, &how, &timer) ||
		    timer_settime(timer, 0, &soon, NULL))
			die("timer");
		if (ioctl(fd, VIDIOC_DQEVENT, &event) != -1 || errno != EINTR)
			die("the handler did not interrupt DQEVENT");
		timer_delete(timer);
		close(fd);
	}
}

static bool is_node(void)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode);
}

/* Runs it while we sleep in vfork(2); its status. Has no variables that the child could spoil. */
static int in_child(void)
{
	static int status;
	pid_t child = vfork();

	if (child == 0) {
		count(reqbufs(fd, 4));
		_exit(is_node());
	}
	if (child == -1 || waitpid(child, &status, 0) != child)
		die("vfork");
	return status;
}

static void from_vfork(unsigned long rounds)
{
	for (unsigned long round = 0; round < rounds; round++) {
		int status;

		fd = open_file(device);
		status = in_child();
		if (!is_node())
			die("the parent's descriptor was replaced");
		/* The child's, where it has mapped; it was told EINVAL otherwise. */
		count(reqbufs(fd, 0));
		count(reqbufs(fd, 4));
		if (is_node() == (WEXITSTATUS(status) == 0))
			die("one was served, the other not");
		close(fd);
	}
}

int main(int argc, char **argv)
{
	const bool complete = argc == 4 || argc == 5;
	const char *kind = complete ? argv[2] : "";
	unsigned long rounds = complete ? number(argv[3]) : 0;

	device = complete ? argv[1] : "";
	if (argc == 5)
		longest_us = (long)number(argv[4]);
	by_dup = !strcmp(kind, "replace");
	if (by_dup || !strcmp(kind, "close"))
		race_with_close(rounds);
	else if (!strcmp(kind, "unmap"))
		race_with_unmap(rounds);
	else if (!strcmp(kind, "same") || !strcmp(kind, "dups"))
		race_of_two(rounds, !strcmp(kind, "dups"));
	else if (!strcmp(kind, "signal"))
		from_handler(rounds);
	else if (!strcmp(kind, "vfork"))
		from_vfork(rounds);
	else {
		fputs("usage: reqbufs-races DEVICE replace|close|unmap|same|dups|signal|vfork ROUNDS [US]\n", stderr);
		return 2;
	}
	for (int error = 0; error < OUTCOMES; error++)
		if (ended[error])
			printf("%s %lu\n", error ? strerrorname_np(error) : "ok", ended[error]);
	return 0;
}
