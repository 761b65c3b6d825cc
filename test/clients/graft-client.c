/*
 * A client of the tests of the tracer. It makes one system call that sleeps, with known
 * values in all registers and below its stack, and says afterwards what has changed.
 *
 *   graft-client CALL [WORD...]
 *
 * CALL   read, poll, ppoll, nanosleep, futex: interrupted calls that are repeated;
 *        vfork: sleeps until its end; ioctl: one of the target; int80: a call as 32-bit programs make it;
 *        none: no call (with "exec": what is left of the program after it)
 * WORDs  target=PATH   the file to be replaced; default /dev/zero
 *        cloexec       it is close-on-exec
 *        dup=N         N further numbers for it
 *        other         a further descriptor for another open file of the same path
 *        epoll         registered in an epoll instance; its numbers too
 *        threads=N     so many threads make system calls all the while
 *        filter        a seccomp filter ends the process at the tracer's calls
 *        edge=grows    the stack ends where the stack pointer is; it can grow
 *        edge=ends     it cannot
 *        edge=fixed    the stack is at an address that is the same in all clients
 *        edge=readonly below it is memory that may only be read
 *        edge=hangs    below it is memory that never comes
 *        sp=N          the stack pointer is N during the call
 *        cmd=N         what ioctl asks for
 *        unshare       the thread has a table of descriptors of its own
 *        files=N       RLIMIT_NOFILE during the call
 *        handle        handlers for signals 34 (counts what it carries) and SIGUSR1
 *        traced        a child traces this process
 *        mask          SIGUSR1 and SIGUSR2 are blocked
 *        worker        the call is made by a further thread
 *
 * The first line of output says where things are, the second what was found. Calls
 * that wait do so for standard input. A byte on descriptor 3 makes a second thread:
 *        x  execve(2) this program again     t  install the filter for all threads
 *        f  fork, and leave the child        e  exit(2) of the process
 *        c  close the target                 s  send signal 34 to the first thread, 32 times
 *        o  the same, and open /dev/null under its number; p  or the target's path once more
 *        X  execve(2), as x; it then has memory where the fixed stack was, and looks whether it is changed
 *        i, j, a  the instruction of the call becomes int $0x80; a jump to itself; one to another call
 */
#include "client.h"
#include "watched-call.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ORDERS 3
#define MOST 64

/* ---- What else the client is -------------------------------------------------------------- */

static int target = -1;
static const char *path = "/dev/zero";
static char *self;

static void install_filter(unsigned flags)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvmsg, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_dup3, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_ctl, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = {sizeof program / sizeof *program, program};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter))
		die("seccomp");
}

static void *make_calls(void *file)
{
	for (;;) {
		struct stat status;
		int fd = open(file, O_RDONLY | O_CLOEXEC);

		fstat(fd, &status);
		fcntl(fd, F_SETFD, 0);
		getppid();
		if (close(fd))
			die("a thread's file was closed by somebody else");
		if (!(status.st_mode & S_IFCHR))
			die("a thread's file was replaced");
	}
	return NULL;
}

static void send_numbered(int value)
{
	siginfo_t info = {.si_signo = 34, .si_code = SI_QUEUE};

	info.si_pid = getpid();
	info.si_value.sival_int = value;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), 34, &info);
}

static void change_instruction(uint8_t first, uint8_t second)
{
#ifdef __x86_64__
	uint8_t *page = (uint8_t *)((uintptr_t)watched_instruction & ~(uintptr_t)4095);

	if (mprotect(page, 2 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC))
		die("mprotect");
	watched_instruction[0] = first;
	watched_instruction[1] = second;
#else
	(void)first;
	(void)second;
#endif
}

/* Where "edge=fixed" has its stack: free in small address spaces, too, and under AddressSanitizer. */
#define FIXED_STACK ((uint8_t *)0x10000000)
#define FIXED_ROOM (1024 * 4096)
/* What is there before execve(2), and afterwards. */
#define FIXED_BYTE 0x5a
#define WATCHED_BYTE 0xa5

static uint8_t *map_fixed(int byte)
{
	uint8_t *room = mmap(FIXED_STACK, FIXED_ROOM, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (room != FIXED_STACK)
		die("mmap");
	memset(room, byte, FIXED_ROOM);
	return room;
}

static bool is_unchanged(void)
{
	for (size_t i = 0; i < FIXED_ROOM; i++)
		if (FIXED_STACK[i] != WATCHED_BYTE)
			return false;
	return true;
}

static void *obey(void *nothing)
{
	pid_t parent = getpid();
	char order, name[24];
	int count = 0;

	while (read(ORDERS, &order, 1) == 1) {
		if (order == 'x')
			execl(self, self, "none", "exec", NULL);
		else if (order == 't')
			install_filter(SECCOMP_FILTER_FLAG_TSYNC);
		else if (order == 'e')
			syscall(SYS_exit_group, 7);
		else if (order == 'X')
			execl(self, self, "none", "exec", "watch", NULL);
		else if (order == 'i')
			change_instruction(0xcd, 0x80);
		else if (order == 'j')
			change_instruction(0xeb, 0xfe);
#ifdef __x86_64__
		else if (order == 'a')
			change_instruction(0xeb, (uint8_t)(stray - watched_instruction - 2));
#endif
		else if (order == 'o' || order == 'p') {
			if (dup3(open(order == 'o' ? "/dev/null" : path, O_RDWR | O_CLOEXEC), target, 0) != target)
				die("dup3");
		} else if (order == 'c')
			close(target);
		else if (order == 's')
			for (int i = 0; i < 32; i++)
				send_numbered(i);
		else if (order == 'f' && fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (getppid() == parent) /* it may have ended before that */
				sleep(1);
			_exit(0);
		}
		/* Seen from outside: so many were carried out. */
		snprintf(name, sizeof name, "orders-%d", ++count);
		prctl(PR_SET_NAME, name);
	}
	return nothing;
}

/* Signals 34 that came, in the order in which they were sent? */
static volatile int handled, disordered, usr1;

static void on_numbered(int number, siginfo_t *info, void *context)
{
	if (info->si_value.sival_int != handled)
		disordered++;
	handled++;
	(void)number;
	(void)context;
}

static void on_usr1(int number)
{
	usr1++;
	(void)number;
}

static void trace_me(void)
{
	int ready[2];
	char byte;
	pid_t child;

	if (pipe2(ready, O_CLOEXEC))
		die("pipe");
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_SEIZE, getppid(), 0, 0))
			die("ptrace");
		if (write(ready[1], "", 1) != 1)
			die("write");
		for (;;)
			waitpid(getppid(), NULL, __WALL);
	}
	if (read(ready[0], &byte, 1) != 1)
		die("read");
	close(ready[0]);
	close(ready[1]);
}

static void print_fds(const char *name)
{
	DIR *folder = opendir("/proc/self/fd");
	const char *comma = "";
	struct dirent *entry;

	printf("\"%s\":[", name);
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(folder))
			continue;
		printf("%s%s", comma, entry->d_name);
		comma = ",";
	}
	printf("]");
	closedir(folder);
}

static uint64_t masked(void)
{
	uint64_t mask = 0;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask);
	return mask;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void print_content(const char *name, int fd)
{
	char bytes[16] = "";
	ssize_t size = pread(fd, bytes, sizeof bytes - 1, 0);

	printf("\"%s\":\"%.*s\",", name, size < 0 || !bytes[0] ? 0 : (int)size, bytes);
}

/* ---- The call ---------------------------------------------------------------------------------- */

static const char *call_name;
static long result;
static volatile int mailbox = -1; /* for the number of a new descriptor */
static char input;
static bool signals_expected;
static uint64_t command; /* of ioctl */

static uint64_t call_number;
static uint64_t call_arguments[6];

static void prepare_call(void)
{
	static struct pollfd polled = {0, POLLIN, 0};
	static struct timespec pause = {1, 500000000}, limit = {30, 0};
	static int futex;
	static uint64_t none;
	static uint32_t argument = 0xffffffff;

	if (!strcmp(call_name, "read")) {
		call_number = SYS_read;
		call_arguments[1] = (uint64_t)&input;
		call_arguments[2] = 1;
	} else if (!strcmp(call_name, "ioctl")) {
		call_number = SYS_ioctl;
		call_arguments[0] = (uint64_t)target;
		call_arguments[1] = command;
		call_arguments[2] = (uint64_t)&argument;
	} else if (!strcmp(call_name, "ppoll")) {
		call_number = SYS_ppoll;
		call_arguments[0] = (uint64_t)&polled;
		call_arguments[1] = 1;
		call_arguments[2] = (uint64_t)&limit;
		call_arguments[3] = (uint64_t)&none;
		call_arguments[4] = sizeof none;
	} else if (!strcmp(call_name, "nanosleep")) {
		call_number = SYS_nanosleep;
		call_arguments[0] = (uint64_t)&pause;
		call_arguments[1] = (uint64_t)&pause;
	} else if (!strcmp(call_name, "futex")) {
		call_number = SYS_futex;
		call_arguments[0] = (uint64_t)&futex;
		call_arguments[1] = FUTEX_WAIT_PRIVATE;
		call_arguments[3] = (uint64_t)&pause;
#ifdef __x86_64__
	} else if (!strcmp(call_name, "poll")) {
		call_number = SYS_poll;
		call_arguments[0] = (uint64_t)&polled;
		call_arguments[1] = 1;
		call_arguments[2] = (uint64_t)-1;
	} else if (!strcmp(call_name, "vfork")) {
		call_number = SYS_vfork;
	} else if (!strcmp(call_name, "int80")) {
		old_mode = 1;
		call_number = 29; /* pause(): a 32-bit call could not read into our memory */
#endif
	} else {
		fprintf(stderr, "unknown call %s\n", call_name);
		exit(2);
	}
}

static void hang(uint8_t *page)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {{(uint64_t)page, 4096}, UFFDIO_REGISTER_MODE_MISSING, 0};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		die("userfaultfd");
}

/*
 * A stack that begins with one page; its lowest byte. Below it is nothing, where it can grow or not, or memory.
 */
static uint8_t *edge_of_stack(const char *edge)
{
	size_t page = 4096, room = 1024 * page;
	bool grows = !strcmp(edge, "grows");
	uint8_t *place, *stack;

	if (!strcmp(edge, "fixed"))
		return map_fixed(FIXED_BYTE) + FIXED_ROOM - page;
	place = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	stack = place + room - page;
	if (place == MAP_FAILED || munmap(place, room))
		die("mmap");
	if (mmap(stack, page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (grows ? MAP_GROWSDOWN : 0), -1, 0) != stack)
		die("mmap");
	*stack = 0;
	if (grows || !strcmp(edge, "ends"))
		return stack;
	if (mmap(stack - page, page, PROT_READ | (!strcmp(edge, "hangs") ? PROT_WRITE : 0),
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != stack - page)
		die("mmap");
	if (!strcmp(edge, "hangs"))
		hang(stack - page);
	return stack;
}

/* Makes the call with another stack pointer, of which nothing may be used meanwhile. */
static void call_on(uint64_t stack)
{
#ifdef __x86_64__
	{
		register uint64_t r10 __asm__("r10") = call_arguments[3];
		register uint64_t r8 __asm__("r8") = call_arguments[4];

		__asm__ volatile("mov %%rsp, %%rbx; mov %6, %%rsp; syscall; mov %%rbx, %%rsp"
				 : "=a"(result)
				 : "a"(call_number), "D"(call_arguments[0]), "S"(call_arguments[1]),
				   "d"(call_arguments[2]), "r"(r10), "r"(stack), "r"(r8)
				 : "rbx", "rcx", "r11", "memory");
		before = after;
		before.registers[7] = stack_pointer = after.registers[7];
		after.registers[11] = 1;
	}
#else
	(void)stack;
#endif
}

static bool other_stack_given;
static int target_flags = O_RDWR, dups[MOST], dup_count, other = -1, epoll = -1, threads, files;
static bool filter, own_files;
static const char *edge;
static uint64_t other_stack;

/* Says where things are, makes the call, says what was found, and ends. */
static void *run(void *nothing)
{
	struct rlimit limit;
	rlim_t limit_before;
	uint64_t mask = masked(), started;

	printf("{\"pid\":%d,\"tid\":%d,\"call\":%lu,\"mailbox\":\"%p\",\"target\":%d,\"other\":%d,\"dups\":[", getpid(),
	       (int)syscall(SYS_gettid), call_number, (void *)&mailbox, target, other);
	for (int i = 0; i < dup_count; i++)
		printf("%s%d", i ? "," : "", dups[i]);
	printf("],");
	if (!threads)
		print_fds("fds");
	else
		printf("\"fds\":[]");
	printf("}\n");
	fflush(stdout);
	if (own_files && unshare(CLONE_FILES))
		die("unshare");
	if (filter)
		install_filter(0);
	if (edge)
		other_stack = (uint64_t)edge_of_stack(edge);

	getrlimit(RLIMIT_NOFILE, &limit);
	limit_before = limit.rlim_cur;
	if (files)
		limit.rlim_cur = (rlim_t)files;
	setrlimit(RLIMIT_NOFILE, &limit);
	started = now_ms();
	if (other_stack || other_stack_given)
		call_on(other_stack);
	else
		result = make_call(call_number, call_arguments);

	limit.rlim_cur = limit_before;
	setrlimit(RLIMIT_NOFILE, &limit);
	printf("{\"result\":%ld,\"ms\":%lu,", result, now_ms() - started);
	print_damage(signals_expected);
	printf(",\"mask\":%s,", mask == masked() ? "true" : "false");
	print_content("content", target);
	printf("\"mailbox\":%d,", mailbox);
	if (mailbox >= 0) {
		print_content("mailed", mailbox);
		printf("\"mailedCloexec\":%d,", fcntl(mailbox, F_GETFD));
	}
	if (other >= 0)
		print_content("other", other);
	for (int i = 0; i < dup_count; i++) {
		char name[16];
		snprintf(name, sizeof name, "dup%d", i);
		print_content(name, dups[i]);
		printf("\"cloexec%d\":%d,", i, fcntl(dups[i], F_GETFD));
	}
	printf("\"cloexec\":%d,\"handled\":%d,\"disordered\":%d,\"usr1\":%d,\"events\":[", fcntl(target, F_GETFD),
	       handled, disordered, usr1);
	if (epoll >= 0) {
		struct epoll_event events[MOST];
		int count = epoll_wait(epoll, events, MOST, 0);

		for (int i = 0; i < count; i++)
			printf("%s\"%#x %#lx\"", i ? "," : "", events[i].events, (unsigned long)events[i].data.u64);
	}
	printf("],");
	if (!threads)
		print_fds("fds");
	else
		printf("\"fds\":[]");
	printf("}\n");
	fflush(stdout);
	exit(0);
	return nothing;
}

int main(int argc, char **argv)
{
	bool handle = false, traced = false, exec = false, watch = false, want_epoll = false, want_other = false,
	     worker = false;
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x1122334455667788};
	pthread_t thread;
	sigset_t all, usual;

	self = "/proc/self/exe";
	call_name = argc > 1 ? argv[1] : "none";
	for (int i = 2; i < argc; i++) {
		const char *word = argv[i];

		if (!strncmp(word, "target=", 7))
			path = word + 7;
		else if (!strcmp(word, "cloexec"))
			target_flags |= O_CLOEXEC;
		else if (!strncmp(word, "dup=", 4))
			dup_count = (int)number(word + 4);
		else if (!strcmp(word, "other"))
			want_other = true;
		else if (!strcmp(word, "epoll"))
			want_epoll = true;
		else if (!strncmp(word, "threads=", 8))
			threads = (int)number(word + 8);
		else if (!strcmp(word, "filter"))
			filter = true;
		else if (!strncmp(word, "edge=", 5))
			edge = word + 5;
		else if (!strncmp(word, "sp=", 3))
			other_stack = number(word + 3), other_stack_given = true;
		else if (!strncmp(word, "cmd=", 4))
			command = number(word + 4);
		else if (!strcmp(word, "unshare"))
			own_files = true;
		else if (!strcmp(word, "watch"))
			watch = true;
		else if (!strncmp(word, "files=", 6))
			files = (int)number(word + 6);
		else if (!strcmp(word, "handle"))
			handle = true;
		else if (!strcmp(word, "traced"))
			traced = true;
		else if (!strcmp(word, "worker"))
			worker = true;
		else if (!strcmp(word, "exec"))
			exec = true;
		else if (!strcmp(word, "mask")) {
			sigset_t set;
			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			sigaddset(&set, SIGUSR2);
			sigprocmask(SIG_BLOCK, &set, NULL);
		} else {
			fprintf(stderr, "unknown word %s\n", word);
			return 2;
		}
	}

	if (exec) {
		/* After execve(2): what was inherited. */
		printf("{\"exec\":true,\"pid\":%d,", getpid());
		print_fds("fds");
		printf("}\n");
		if (watch) {
			map_fixed(WATCHED_BYTE);
			fflush(stdout);
			if (read(0, &input, 1) != 1)
				die("read");
			printf("{\"unchanged\":%s}\n", is_unchanged() ? "true" : "false");
		}
		fflush(stdout);
		return 0;
	}
	if ((target = open(path, target_flags)) < 0)
		die(path);
	for (int i = 0; i < dup_count && i < MOST; i++)
		dups[i] = fcntl(target, i % 2 ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	if (want_other)
		other = open(path, target_flags);
	if (want_epoll) {
		epoll = epoll_create1(EPOLL_CLOEXEC);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, target, &event))
			die("epoll_ctl");
		event.data.u64++;
		for (int i = 0; i < dup_count; i++)
			if (epoll_ctl(epoll, EPOLL_CTL_ADD, dups[i], &event))
				die("epoll_ctl");
	}
	if (handle) {
		struct sigaction action = {.sa_sigaction = on_numbered, .sa_flags = SA_SIGINFO | SA_RESTART};
		struct sigaction plain = {.sa_handler = on_usr1, .sa_flags = 0};
		sigaction(34, &action, NULL);
		sigaction(SIGUSR1, &plain, NULL);
		signals_expected = true;
	}
	/* Signals are for the first thread. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &usual);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, make_calls, (void *)"/dev/null"))
			die("pthread_create");
	if (fcntl(ORDERS, F_GETFD) >= 0 && pthread_create(&thread, NULL, obey, NULL))
		die("pthread_create");
	sigprocmask(SIG_SETMASK, &usual, NULL);
	if (traced)
		trace_me();
	prepare_call();
	if (!worker)
		run(NULL);
	if (pthread_create(&thread, NULL, run, NULL))
		die("pthread_create");
	for (;;)
		pause();
}
