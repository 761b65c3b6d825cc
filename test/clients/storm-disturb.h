/* What happens to a client of graft-storm.c while it is in its call, as far as its own threads do it; and the call. */
#ifndef STORM_DISTURB_H
#define STORM_DISTURB_H

#include "storm-stream.h"
#include "watched-call.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#define SIGNALS_SENT 40
#define SIGNAL_NUMBERED 40
#define PAGE 4096u

/* ---- Of the one client that this process is ----------------------------------------------------- */

static struct plan plan;
static const struct setup *setup;
static struct view *view;
static int target = -1, dups[2] = {-1, -1}, caller;
static long result;
static volatile bool returned;
static _Atomic bool over;
static sem_t begun, disturbed;
static struct files *inheritable;

static inline bool allocates(void)
{
	return plan.op == REQBUFS || plan.op == CREATE_BUFS;
}

static inline bool argument_is_lost(void)
{
	return plan.kind == UNMAP;
}

static inline void start(pthread_t *thread, void *(*run)(void *))
{
	sigset_t all, usual;

	/* Signals are for the thread that makes the call, which has its own mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &usual);
	if (pthread_create(thread, NULL, run, NULL))
		die("pthread_create");
	pthread_sigmask(SIG_SETMASK, &usual, NULL);
}

/* Whoever watches us from outside. */
static inline void wake_watcher(void)
{
	atomic_fetch_add(view->wakes, 1);
	syscall(SYS_futex, view->wakes, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* ---- The call ---------------------------------------------------------------------------------- */

union argument {
	struct v4l2_requestbuffers reqbufs;
	struct v4l2_create_buffers create;
	struct v4l2_exportbuffer expbuf;
	int request;
};

struct call {
	unsigned long number;
	union argument *argument;
	long result;
};

static struct call the_call, nested_call;
static union argument nested_argument;
static int nested_calls;
static long nested_result;

static inline void fill_call(struct call *call, const struct device *device, unsigned count)
{
	const struct stream *stream = plan.output ? &device->output : &device->capture;

	memset(call->argument, 0, sizeof *call->argument);
	switch (plan.op) {
	case REQBUFS:
		call->number = VIDIOC_REQBUFS;
		call->argument->reqbufs =
			(struct v4l2_requestbuffers){.type = stream->type, .memory = V4L2_MEMORY_MMAP, .count = count};
		break;
	case CREATE_BUFS:
		call->number = VIDIOC_CREATE_BUFS;
		call->argument->create = (struct v4l2_create_buffers){.memory = V4L2_MEMORY_MMAP, .count = count};
		call->argument->create.format.type = stream->type;
		if (ioctl(device->fd, VIDIOC_G_FMT, &call->argument->create.format))
			die("G_FMT");
		break;
	case EXPBUF:
		call->number = VIDIOC_EXPBUF;
		call->argument->expbuf =
			(struct v4l2_exportbuffer){.type = device->capture.type, .flags = O_RDWR | O_CLOEXEC, .fd = -1};
		break;
	default:
		call->number = MEDIA_IOC_REQUEST_ALLOC;
		call->argument->request = -1;
	}
}

/* The argument is at the end of a page of its own. */
static inline void prepare_calls(struct device *device)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		die("mmap");
	if (!is_m2m(setup))
		plan.output = false;
	the_call.argument = (union argument *)(void *)(page + PAGE - ((sizeof(union argument) + 15) & ~15u));
	nested_call.argument = &nested_argument;
	fill_call(&the_call, device, BUFFERS);
	fill_call(&nested_call, device, BUFFERS + 1);
	if (sem_init(&begun, 0, 0) || sem_init(&disturbed, 0, 0))
		die("sem_init");
}

static inline int number_in(const struct call *call)
{
	return plan.op == EXPBUF ? call->argument->expbuf.fd : call->argument->request;
}

static inline int number_given(void)
{
	return number_in(&the_call);
}

#ifdef __x86_64__
/* With `room` bytes below the stack pointer, and then nothing, or a stack that can grow. */
static inline long call_on_edge(unsigned long number, void *argument, unsigned room, bool grows)
{
	const size_t size = 1024 * PAGE;
	uint8_t *place = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *stack = place + size - PAGE;
	uint64_t outcome = SYS_ioctl, kept[6];

	if (place == MAP_FAILED || (grows && munmap(place, size)) ||
	    mmap(stack, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (grows ? MAP_GROWSDOWN : 0), -1, 0) != stack)
		die("mmap");
	memset(stack, 0x77, PAGE);
	__asm__ volatile("mov %%rsp, %%rbx; mov %[stack], %%rsp\n"
			 "mov $0x1234567, %%r12; mov %%r12, %%r13; mov %%r12, %%r14; mov %%r12, %%r8; mov %%r12, %%r9\n"
			 "mov %%r12, %%r10; syscall\n"
			 "mov %%rsp, %%r11; mov %%rbx, %%rsp\n"
			 "mov %%r8, (%[kept]); mov %%r9, 8(%[kept]); mov %%r10, 16(%[kept]); mov %%r12, 24(%[kept])\n"
			 "mov %%r13, 32(%[kept]); mov %%r14, 40(%[kept])\n"
			 "sub %[stack], %%r11; mov %%r11, %%r8"
			 : "+a"(outcome)
			 : "D"((long)target), "S"(number), "d"(argument), [stack] "r"(stack + room), [kept] "r"(kept)
			 : "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "memory");
	for (unsigned i = 0; i < 6; i++)
		if (kept[i] != 0x1234567)
			problem("a register has changed");
	for (unsigned i = 0; i < PAGE; i++) {
		if (stack[i] != 0x77) {
			problem("the stack has changed");
			break;
		}
	}
	munmap(grows ? stack : place, grows ? PAGE : size);
	return (long)outcome;
}
#else
static inline long call_on_edge(unsigned long number, void *argument, unsigned room, bool grows)
{
	const uint64_t arguments[6] = {(uint64_t)target, number, (uint64_t)(uintptr_t)argument};

	(void)room;
	(void)grows;
	/* Not ioctl(3): it sets errno when the queue is another client's, and the graft would be blamed. */
	return make_call(SYS_ioctl, arguments);
}
#endif

static inline void make_the_call(struct call *call)
{
	const uint64_t arguments[6] = {(uint64_t)target, call->number, (uint64_t)(uintptr_t)call->argument};

	call->result = plan.kind == STACK ? call_on_edge(call->number, call->argument, plan.room, plan.grows)
					  : make_call(SYS_ioctl, arguments);
}

/* ---- Signals ------------------------------------------------------------------------------------ */

static volatile int handled, disordered, alarms;

static inline bool signals_are_handled(void)
{
	return plan.kind == SIGNALS || plan.kind == TIMERS || plan.kind == HANDLER;
}

static inline void on_numbered(int number, siginfo_t *info, void *context)
{
	if (info->si_value.sival_int != handled)
		disordered++;
	handled++;
	(void)number;
	(void)context;
}

static inline void on_alarm(int number)
{
	alarms++;
	(void)number;
}

static inline void on_nested(int number)
{
	const int before_it = errno;

	nested_calls++;
	do
		nested_result = ioctl(target, nested_call.number, nested_call.argument) ? -errno : 0;
	while (nested_result == -EBUSY && (usleep(1000), !atomic_load(&over)));
	/* The queue may be another client's, and this one's other thread gets it first. */
	if (nested_result == -EBUSY)
		nested_result = 0;
	if (!nested_result && !allocates())
		close(number_in(&nested_call));
	errno = before_it;
	(void)number;
}

static inline void on_exit_thread(int number)
{
	syscall(SYS_exit, 0);
	(void)number;
}

static inline void handle(int number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = plan.restart ? SA_RESTART : 0};

	sigaction(number, &action, NULL);
}

static inline void prepare_disturbance(void)
{
	struct sigaction numbered = {.sa_sigaction = on_numbered,
				     .sa_flags = SA_SIGINFO | (plan.restart ? SA_RESTART : 0)};

	sigaction(SIGNAL_NUMBERED, &numbered, NULL);
	handle(SIGALRM, on_alarm);
	handle(SIGPROF, on_alarm);
	handle(SIGUSR1, on_nested);
	handle(SIGUSR2, on_exit_thread);
}

static inline void send_numbered(int value)
{
	siginfo_t info = {.si_signo = SIGNAL_NUMBERED, .si_code = SI_QUEUE};

	info.si_pid = getpid();
	info.si_value.sival_int = value;
	if (plan.process ? syscall(SYS_rt_sigqueueinfo, getpid(), SIGNAL_NUMBERED, &info)
			 : syscall(SYS_rt_tgsigqueueinfo, getpid(), caller, SIGNAL_NUMBERED, &info))
		problem("sending a signal: %s", strerrorname_np(errno));
}

static inline void set_timers(long us)
{
	const struct itimerval every = {{0, us}, {0, us}};

	setitimer(ITIMER_REAL, &every, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
}

/* With a thread to which it can come. */
static inline void await_alarm(void)
{
	sigset_t none;

	if (plan.kind != TIMERS)
		return;
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	while (!alarms)
		usleep(1000);
	set_timers(0);
}

/* ---- Files ---------------------------------------------------------------------------------------- */

static struct open_file replacement;
static int reopened = -1, inherited;

static inline void inherit(struct files *files)
{
	inheritable = files;
}

static inline void forget(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void forget_files(struct device *device)
{
	for (unsigned i = 0; i < plan.dups; i++)
		forget(&dups[i]);
	if (target != device->fd && target != device->media)
		forget(&target);
	if (reopened != target)
		forget(&reopened);
	forget(&device->fd);
	forget(&device->media);
	target = reopened = -1;
}

static inline void *make_noise(void *nothing)
{
	while (!atomic_load(&over)) {
		struct stat status;
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (fstat(fd, &status) || !S_ISCHR(status.st_mode) || close(fd))
			problem("a thread's file was closed or replaced by somebody else");
		usleep(100);
	}
	return nothing;
}

/* In the child of fork(2): it has what its parent has, and for a moment what it gets. */
static inline int check_child(void)
{
	struct files now;
	int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC), more = 0;
	bool traced = is_traced(status);

	close(status);
	usleep(2000);
	list_files(&now);
	for (int i = 0; i < now.count; i++) {
		if (find_file(inheritable, now.all[i].fd))
			continue;
		more++;
		if (!now.all[i].flags)
			return 103; /* It would survive execve(2). */
	}
	for (int i = 0; i < inheritable->count; i++)
		if (!find_file(&now, inheritable->all[i].fd))
			return 100;
	return traced ? 101 : more;
}

static inline void give_birth(void)
{
	static char *const arguments[] = {"true", NULL};
	int status;
	pid_t child = plan.kind == FORK ? fork() : vfork();

	if (child == 0 && plan.kind == VFORK) {
		execv("/bin/true", arguments);
		_exit(102);
	}
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(check_child());
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return problem("a child: %s", strerrorname_np(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= 100)
		return problem("the child ended with %#x", status);
	inherited = WEXITSTATUS(status) - (plan.noise && WEXITSTATUS(status) > 0);
}

static inline void execute_again(void)
{
	char list[256] = "", round[16], fd[16];
	/* A queue may be the open file's: then it has to be used through what is left of that. */
	const int kept = plan.op == REQUEST_ALLOC ? -1 : plan.cloexec ? dups[0] : target;
	char *const arguments[] = {"graft-storm",
				   "--after-exec",
				   round,
				   list,
				   fd,
				   (char *)setup->video,
				   (char *)(setup->media ? setup->media : ""),
				   (char *)setup->folder,
				   setup->refuses ? "refuses" : "",
				   NULL};
	char *const environment[] = {NULL};

	for (int i = 0; i < inheritable->count; i++)
		if (!inheritable->all[i].flags)
			snprintf(list + strlen(list), sizeof list - strlen(list), "%d,", inheritable->all[i].fd);
	snprintf(round, sizeof round, "%d", plan.round);
	snprintf(fd, sizeof fd, "%d", kept);
	execve("/proc/self/exe", arguments, environment);
	die("execve");
}

/* ---- The disturbance ------------------------------------------------------------------------------- */

static inline bool needs_disturber(void)
{
	return plan.kind >= SIGNALS && plan.kind != STACK;
}

static inline void *disturb(void *nothing)
{
	uint8_t *page = (uint8_t *)((uintptr_t)the_call.argument & ~(uintptr_t)(PAGE - 1));
	sigset_t usr1;
	int other = -1;

	if (plan.kind == REPLACE || plan.kind == REOPEN) {
		other = open("/dev/zero", O_RDWR | O_CLOEXEC);
		look_at(&replacement, other);
		if (plan.kind == REOPEN)
			close(other);
	}
	if (plan.kind == TIMERS)
		set_timers(500);
	while (sem_wait(&begun))
		;
	await_moment(&plan, view);
	atomic_store(&view->disturbed_ns, now_ns());
	switch (plan.kind) {
	case SIGNALS:
		for (int i = 0; i < SIGNALS_SENT; i++) {
			send_numbered(i);
			if (i % 8 == 7)
				usleep(plan.pause_us / 16);
		}
		break;
	case EXEC:
		execute_again();
		break;
	case EXIT:
		syscall(SYS_exit_group, 7);
		break;
	case HANDLER:
		if (plan.process) {
			sigemptyset(&usr1);
			sigaddset(&usr1, SIGUSR1);
			pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
		}
		syscall(SYS_tgkill, getpid(), plan.process ? (int)syscall(SYS_gettid) : caller, SIGUSR1);
		break;
	case FORK:
	case VFORK:
		give_birth();
		break;
	case CLOSE:
		close(target);
		break;
	case REPLACE:
		dup2(other, target);
		close(other);
		break;
	case REOPEN:
		close(target);
		reopened = open("/dev/zero", O_RDWR | O_CLOEXEC);
		break;
	case UNMAP:
		munmap(page, PAGE);
		break;
	case PROTECT:
		mprotect(page, PAGE, PROT_READ);
		break;
	case THREAD_EXIT:
		syscall(SYS_tgkill, getpid(), caller, SIGUSR2);
		break;
	default:
		break;
	}
	sem_post(&disturbed);
	return nothing;
}

#endif
