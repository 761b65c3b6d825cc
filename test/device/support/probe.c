/*
 * probe NODE STEP...: one client of a device, told what to do step by step.
 *
 * Prints one line per step: the step, its result, and for a failure the name of
 * the errno. Test programs read these lines; see probe.ts for the steps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *node;
static int files[64]; /* The n-th file that was opened. */
static int file_count;
static int current = -1; /* Descriptor that the steps use. */

static char **steps;
static int step_count, step_at;

static const char *next(void)
{
	if (step_at >= step_count) {
		fprintf(stderr, "probe: a step lacks its argument\n");
		exit(2);
	}
	return steps[step_at++];
}

static long number(void)
{
	return strtol(next(), NULL, 0);
}

static void result(const char *step, long value)
{
	int error = errno;
	if (value < 0) {
		const char *name = strerrorname_np(error);
		printf("%s -1 %s\n", step, name != NULL ? name : "?");
	} else {
		printf("%s %ld\n", step, value);
	}
	fflush(stdout);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_signal(int number)
{
	(void)number;
}

static int open_flags(const char *text)
{
	int flags = 0;
	if (strstr(text, "rw"))
		flags |= O_RDWR;
	if (strstr(text, "wo"))
		flags |= O_WRONLY;
	if (strstr(text, "nonblock"))
		flags |= O_NONBLOCK;
	return flags;
}

static size_t from_hex(const char *text, unsigned char *bytes, size_t room)
{
	size_t size = strlen(text) / 2;
	if (size > room)
		size = room;
	for (size_t i = 0; i < size; i++) {
		unsigned int value = 0;
		sscanf(text + 2 * i, "%2x", &value);
		bytes[i] = (unsigned char)value;
	}
	return size;
}

static void to_hex(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
}

/* ioctl CMD HEX: prints the result and the argument as it is afterwards. */
static void do_ioctl(void)
{
	unsigned long cmd = strtoul(next(), NULL, 0);
	unsigned char *bytes = calloc(1, 1 << 14);
	size_t size = from_hex(next(), bytes, 1 << 14);
	int value = ioctl(current, cmd, bytes);
	int error = errno;
	if (value < 0)
		printf("ioctl -1 %s ", strerrorname_np(error) ? strerrorname_np(error) : "?");
	else
		printf("ioctl %d ", value);
	to_hex(bytes, size);
	printf("\n");
	fflush(stdout);
	free(bytes);
}

static void do_read(size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	ssize_t got = read(current, bytes, size);
	int error = errno;
	if (got < 0) {
		printf("read -1 %s\n", strerrorname_np(error));
	} else if (got <= 64) {
		printf("read %zd ", got);
		to_hex(bytes, (size_t)got);
		printf("\n");
	} else {
		uint32_t sum = 0;
		for (ssize_t i = 0; i < got; i++)
			sum = sum * 31 + bytes[i];
		printf("read %zd sum %08x\n", got, (unsigned)sum);
	}
	fflush(stdout);
	free(bytes);
}

static void do_write_size(size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(i >> 8 ^ i);
	result("write", write(current, bytes, size));
	free(bytes);
}

static void do_poll(void)
{
	struct pollfd one = {.fd = current, .events = (short)number()};
	int timeout = (int)number();
	double start = now();
	int value = poll(&one, 1, timeout);
	if (value < 0)
		result("poll", value);
	else
		printf("poll %d 0x%x after %.0f\n", value, (unsigned)(unsigned short)one.revents,
		       (now() - start) * 1e3);
	fflush(stdout);
}

static void do_select(void)
{
	struct timeval timeout = {0, number() * 1000};
	timeout.tv_sec = timeout.tv_usec / 1000000;
	timeout.tv_usec %= 1000000;
	fd_set in, out, other;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&other);
	FD_SET(current, &in);
	FD_SET(current, &other);
	int value = select(current + 1, &in, &out, &other, &timeout);
	if (value < 0)
		result("select", value);
	else
		printf("select %d %s%s\n", value, FD_ISSET(current, &in) ? "r" : "",
		       FD_ISSET(current, &other) ? "e" : "");
	fflush(stdout);
}

/* epoll EVENTS TIMEOUT COUNT: waits COUNT times on one epoll descriptor. */
static void do_epoll(void)
{
	struct epoll_event event = {.events = (uint32_t)number()};
	int timeout = (int)number();
	long count = number();
	int epoll = epoll_create1(0);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, current, &event) < 0) {
		result("epoll", -1);
		close(epoll);
		return;
	}
	for (long i = 0; i < count; i++) {
		struct epoll_event got = {0};
		int value = epoll_wait(epoll, &got, 1, timeout);
		if (value < 0)
			result("epoll", value);
		else
			printf("epoll %d 0x%x\n", value, value > 0 ? (unsigned)got.events : 0);
		fflush(stdout);
	}
	close(epoll);
}

/* bench CMD COUNT: microseconds for one ioctl, which may also be refused with EAGAIN. */
static void do_bench(void)
{
	unsigned long cmd = strtoul(next(), NULL, 0);
	long count = number();
	static unsigned char bytes[1 << 14];
	for (int i = 0; i < 200; i++)
		(void)ioctl(current, cmd, bytes);
	double start = now();
	for (long i = 0; i < count; i++) {
		if (ioctl(current, cmd, bytes) < 0 && errno != EAGAIN) {
			result("bench", -1);
			return;
		}
	}
	printf("bench %.2f\n", (now() - start) * 1e6 / (double)count);
	fflush(stdout);
}

struct threads_job {
	int fd;
	unsigned long cmd;
	long count;
	long failures;
};

static void *run_thread(void *data)
{
	struct threads_job *job = data;
	unsigned char bytes[1 << 14];
	for (long i = 0; i < job->count; i++) {
		memset(bytes, (int)i, 4);
		if (ioctl(job->fd, job->cmd, bytes) < 0)
			job->failures++;
	}
	return NULL;
}

/* threads CMD THREADS COUNT: that many ioctls in each of that many threads at once. */
static void do_threads(void)
{
	unsigned long cmd = strtoul(next(), NULL, 0);
	long threads = number(), count = number(), failures = 0;
	pthread_t ids[64];
	struct threads_job jobs[64];
	if (threads > 64)
		threads = 64;
	for (long i = 0; i < threads; i++) {
		jobs[i] = (struct threads_job){current, cmd, count, 0};
		pthread_create(&ids[i], NULL, run_thread, &jobs[i]);
	}
	for (long i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		failures += jobs[i].failures;
	}
	printf("threads %ld failures\n", failures);
	fflush(stdout);
}

/* The descriptor that the other end of `socket` sent, or -1 with errno. */
static int receive(int socket)
{
	char byte;
	struct iovec data = {&byte, 1};
	char control[CMSG_SPACE(sizeof(int))];
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	if (recvmsg(socket, &message, 0) != 1)
		return -1;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_type != SCM_RIGHTS) {
		errno = ENODATA;
		return -1;
	}
	int fd;
	memcpy(&fd, CMSG_DATA(header), sizeof fd);
	return fd;
}

static int send_to(int socket, int fd)
{
	char byte = 0;
	struct iovec data = {&byte, 1};
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

/*
 * pass: sends the descriptor to a process that never had it, which does the remaining steps. This process closes
 * its own, waits for the other, and ends.
 */
static void do_pass(void)
{
	int pair[2], carried = current;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		exit(3);
	pid_t child = fork();
	if (child == 0) {
		close(carried);
		current = receive(pair[0]);
		close(pair[0]);
		close(pair[1]);
		result("pass", current < 0 ? -1 : 0);
		return;
	}
	if (send_to(pair[1], carried) < 0)
		result("send", -1);
	close(carried);
	close(pair[0]);
	close(pair[1]);
	int status = 0;
	waitpid(child, &status, 0);
	exit(WEXITSTATUS(status));
}

/* map OFFSET LENGTH WORD: maps shared and writable, prints the first and the last byte, then writes WORD there. */
static void do_map(void)
{
	long offset = number(), length = number();
	const char *word = next();
	unsigned char *bytes = mmap(NULL, (size_t)length, PROT_READ | PROT_WRITE, MAP_SHARED, current, offset);
	if (bytes == MAP_FAILED) {
		result("map", -1);
		return;
	}
	printf("map %02x %02x\n", bytes[0], bytes[length - 1]);
	fflush(stdout);
	memcpy(bytes, word, strlen(word));
	munmap(bytes, (size_t)length);
}

static void do_fstat(void)
{
	struct stat status;
	if (fstat(current, &status) < 0)
		result("fstat", -1);
	else
		printf("fstat 0%o %ld\n", status.st_mode, (long)status.st_size);
	fflush(stdout);
}

static void set_handler(int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
}

static void do_step(const char *step)
{
	if (!strcmp(step, "open")) {
		int fd = open(node, open_flags(next()));
		if (fd >= 0) {
			current = fd;
			if (file_count < 64)
				files[file_count++] = fd;
		}
		result(step, fd < 0 ? -1 : file_count - 1);
	} else if (!strcmp(step, "open-other")) { /* open-other NODE: another node, for reading and writing */
		int fd = open(next(), O_RDWR);
		if (fd >= 0) {
			current = fd;
			if (file_count < 64)
				files[file_count++] = fd;
		}
		result(step, fd < 0 ? -1 : file_count - 1);
	} else if (!strcmp(step, "cloexec")) {
		result(step, fcntl(current, F_GETFD) & FD_CLOEXEC);
	} else if (!strcmp(step, "file")) { /* file N: use the N-th file */
		current = files[number() & 63];
	} else if (!strcmp(step, "use")) { /* use N: use the descriptor N that was inherited */
		current = (int)number();
	} else if (!strcmp(step, "receive")) { /* receive N: use the descriptor that arrives on the socket N */
		current = receive((int)number());
		result(step, current < 0 ? -1 : 0);
	} else if (!strcmp(step, "pass")) {
		do_pass();
	} else if (!strcmp(step, "map")) {
		do_map();
	} else if (!strcmp(step, "fstat")) {
		do_fstat();
	} else if (!strcmp(step, "reopen")) { /* reopen rw|ro|path: opens the file again, by way of /proc */
		char path[64];
		const char *how = next();
		snprintf(path, sizeof path, "/proc/self/fd/%d", current);
		int fd = open(path, strcmp(how, "path") ? open_flags(how) : O_PATH);
		if (fd >= 0)
			current = fd;
		result(step, fd < 0 ? -1 : fd);
	} else if (!strcmp(step, "dup")) {
		current = dup(current);
		result(step, current < 0 ? -1 : 0);
	} else if (!strcmp(step, "close")) {
		result(step, close(current));
	} else if (!strcmp(step, "read")) {
		do_read((size_t)number());
	} else if (!strcmp(step, "write")) {
		const char *text = next();
		result(step, write(current, text, strlen(text)));
	} else if (!strcmp(step, "write-size")) {
		do_write_size((size_t)number());
	} else if (!strcmp(step, "ioctl")) {
		do_ioctl();
	} else if (!strcmp(step,
			   "ioctl-fd")) { /* ioctl-fd CMD: one that makes a descriptor, which is used from now on */
		int fd = -1;
		int value = ioctl(current, strtoul(next(), NULL, 0), &fd);
		if (value >= 0) {
			current = fd;
			if (file_count < 64)
				files[file_count++] = fd;
		}
		result(step, value < 0 ? value : file_count - 1);
	} else if (!strcmp(step, "ioctl-on")) { /* ioctl-on N CMD [FD]: on the N-th file, about this descriptor or FD */
		int on = files[number() & 63];
		unsigned long cmd = strtoul(next(), NULL, 0);
		const char *which = next();
		int fd = strcmp(which, "this") ? (int)strtol(which, NULL, 0) : current;
		result(step, ioctl(on, cmd, &fd));
	} else if (!strcmp(step, "ioctl-bad")) { /* with a pointer to nowhere */
		result(step, ioctl(current, strtoul(next(), NULL, 0), (void *)16));
	} else if (!strcmp(step, "poll")) {
		do_poll();
	} else if (!strcmp(step, "select")) {
		do_select();
	} else if (!strcmp(step, "epoll")) {
		do_epoll();
	} else if (!strcmp(step, "bench")) {
		do_bench();
	} else if (!strcmp(step, "threads")) {
		do_threads();
	} else if (!strcmp(step, "nonblock")) { /* nonblock 0|1 with F_SETFL */
		int flags = fcntl(current, F_GETFL);
		result(step, fcntl(current, F_SETFL, number() ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
	} else if (!strcmp(step, "fionbio")) {
		int on = (int)number();
		result(step, ioctl(current, FIONBIO, &on));
	} else if (!strcmp(step, "handler")) { /* handler restart|interrupt */
		set_handler(strcmp(next(), "restart") ? 0 : SA_RESTART);
	} else if (!strcmp(step, "alarm")) { /* SIGALRM once, after MS */
		long ms = number();
		struct itimerval timer = {{0, 0}, {ms / 1000, ms % 1000 * 1000}};
		setitimer(ITIMER_REAL, &timer, NULL);
	} else if (!strcmp(step, "sleep")) {
		usleep((useconds_t)number() * 1000);
	} else if (!strcmp(step, "fork")) { /* The child does the remaining steps, then the parent does. */
		pid_t child = fork();
		if (child > 0)
			waitpid(child, NULL, 0);
		printf("%s\n", child > 0 ? "parent" : "child");
		fflush(stdout);
	} else if (!strcmp(step, "mark")) {
		printf("mark %s\n", next());
		fflush(stdout);
	} else {
		fprintf(stderr, "probe: no step \"%s\"\n", step);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: probe NODE STEP...\n");
		return 2;
	}
	node = argv[1];
	steps = argv + 2;
	step_count = argc - 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (step_at < step_count)
		do_step(steps[step_at++]);
	return 0;
}
