/* What goes on beside a client's stream, for mapping-client.c: threads that call, threads that sleep, seccomp filters. */
#ifndef SIDE_THREADS_H
#define SIDE_THREADS_H

#include "client.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_CALLERS 8
/* Longer than any machine needs to wake a thread. */
#define SLEEP_S 25

/* ---- Threads that make system calls with files of their own ------------------------------ */

static atomic_bool callers_end;
static atomic_ulong hurt;
static pthread_t callers[MOST_CALLERS];
static int caller_count;

/* One file, opened, duplicated, read and closed. Who closes or replaces it, or moves its number, is found out. */
static void call_once(uint64_t mark)
{
	uint64_t seen[2] = {0, 0};
	int ends[2];
	int fd = (int)syscall(SYS_memfd_create, "own", 1 /* MFD_CLOEXEC */);
	int copy;

	if (pwrite(fd, &mark, sizeof mark, 0) != sizeof mark)
		hurt++;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (pread(fd, &seen[0], sizeof mark, 0) != sizeof mark ||
	    pread(copy, &seen[1], sizeof mark, 0) != sizeof mark || seen[0] != mark || seen[1] != mark)
		hurt++;
	if (close(fd) || pread(copy, &seen[0], sizeof mark, 0) != sizeof mark || seen[0] != mark || close(copy))
		hurt++;
	if (pipe2(ends, O_CLOEXEC) || write(ends[1], &mark, sizeof mark) != sizeof mark ||
	    read(ends[0], &seen[0], sizeof mark) != sizeof mark || seen[0] != mark || close(ends[0]) || close(ends[1]))
		hurt++;
}

static void *keep_calling(void *mark)
{
	for (uint64_t i = 0; !callers_end; i++)
		call_once((uint64_t)(uintptr_t)mark + i);
	return NULL;
}

static void start_callers(int count)
{
	callers_end = false;
	for (caller_count = 0; caller_count < count && caller_count < MOST_CALLERS; caller_count++)
		if (pthread_create(&callers[caller_count], NULL, keep_calling,
				   (void *)((uintptr_t)(caller_count + 1) << 32)))
			die("pthread_create");
}

/* How often a file was not as its thread had left it. */
static unsigned long stop_callers(void)
{
	callers_end = true;
	for (int i = 0; i < caller_count; i++)
		pthread_join(callers[i], NULL);
	return hurt;
}

/* ---- A thread that sleeps ---------------------------------------------------------------- */

struct sleeper {
	const char *how;
	int fd;
	short events;
	pthread_t thread;
	atomic_int tid;
	int epoll;
	const char *told;
	char text[32];
};

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void *sleep_until_told(void *argument)
{
	struct sleeper *self = argument;
	struct pollfd file = {.fd = self->fd, .events = self->events};
	struct timeval limit = {.tv_sec = SLEEP_S};
	struct epoll_event found = {0};
	struct v4l2_event event;
	fd_set set;
	time_t started = seconds();
	int result;

	self->tid = (int)syscall(SYS_gettid);
	FD_ZERO(&set);
	FD_SET(self->fd, &set);
	if (!strncmp(self->how, "poll", 4)) {
		result = poll(&file, 1, SLEEP_S * 1000);
		snprintf(self->text, sizeof self->text, "poll %#x", (unsigned int)file.revents);
	} else if (!strcmp(self->how, "select")) {
		result = select(self->fd + 1, NULL, NULL, &set, &limit);
		snprintf(self->text, sizeof self->text, "select %d", result);
	} else if (!strncmp(self->how, "epoll", 5)) {
		result = epoll_wait(self->epoll, &found, 1, SLEEP_S * 1000);
		snprintf(self->text, sizeof self->text, "epoll %#x", (unsigned int)found.events);
	} else {
		result = ioctl(self->fd, VIDIOC_DQEVENT, &event) ? -1 : 1;
		snprintf(self->text, sizeof self->text, "dqevent %s", outcome(result));
	}
	/* What it finds at its end is no news. */
	self->told = result && seconds() - started < SLEEP_S ? self->text : "by the time limit only";
	return NULL;
}

static bool sleeps(pid_t thread)
{
	char name[64], text[256] = "";
	const char *behind;
	int fd;

	snprintf(name, sizeof name, "/proc/thread-self/../%d/stat", thread);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || read(fd, text, sizeof text - 1) < 0)
		die("the thread ends instead of sleeping");
	close(fd);
	behind = strrchr(text, ')');
	return behind && behind[1] == ' ' && behind[2] == 'S';
}

/* Returns when the thread sleeps, and does so for good: not in the question to the driver that comes before. */
static void go_to_sleep(struct sleeper *self)
{
	static const struct timespec moment = {.tv_nsec = 20000000};
	struct epoll_event event = {.events = (uint32_t)self->events};

	if (!strncmp(self->how, "epoll", 5)) {
		self->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (self->epoll == -1 || epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->fd, &event))
			die("epoll");
	}
	if (pthread_create(&self->thread, NULL, sleep_until_told, self))
		die("pthread_create");
	for (int asleep = 0; asleep < 5; nanosleep(&moment, NULL))
		asleep = self->tid && sleeps(self->tid) ? asleep + 1 : 0;
}

static const char *wake_up(struct sleeper *self)
{
	pthread_join(self->thread, NULL);
	return self->told;
}

/* ---- Seccomp filters ----------------------------------------------------------------------- */

/* Found out without the driver: by tracing a child. */
static bool suspends_filters(void)
{
	pid_t child = fork();
	bool can;

	if (child == 0)
		for (;;)
			pause();
	can = ptrace(PTRACE_SEIZE, child, NULL, (void *)(uintptr_t)(1 << 21) /* PTRACE_O_SUSPEND_SECCOMP */) == 0;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return can;
}

static void install_filter(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvmsg, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = {sizeof program / sizeof *program, program};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter))
		die("seccomp");
}

/* Does the filter kill a child that makes such a call? */
static bool is_filtered(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int pair[2];

		syscall(SYS_socketpair, 1, 1, 0, pair);
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

#endif
