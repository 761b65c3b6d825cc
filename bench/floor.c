// The floor under every round trip between two processes: one wakes the other through an eventfd and is woken back.
// Prints microseconds per round trip. What a call to a server in userspace takes beyond that is its own.
//   floor COUNT
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void wake(int fd)
{
	const uint64_t one = 1;
	if (write(fd, &one, sizeof one) != sizeof one)
		_exit(1);
}

static void sleep_until_woken(int fd)
{
	uint64_t count;
	if (read(fd, &count, sizeof count) != sizeof count)
		_exit(1);
}

int main(int argc, char **argv)
{
	const int count = argc == 2 ? atoi(argv[1]) : 0;
	const int there = eventfd(0, EFD_CLOEXEC), back = eventfd(0, EFD_CLOEXEC);
	if (count < 1 || there < 0 || back < 0) {
		fprintf(stderr, "usage: %s COUNT\n", argv[0]);
		return 2;
	}
	const pid_t peer = fork();
	if (peer < 0)
		return 1;
	if (peer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			sleep_until_woken(there);
			wake(back);
		}
	}
	double start = 0;
	for (int i = -count / 10; i < count; i++) {
		if (i == 0)
			start = now_us();
		wake(there);
		sleep_until_woken(back);
	}
	printf("%.2f\n", (now_us() - start) / count);
	kill(peer, SIGKILL);
	return 0;
}
