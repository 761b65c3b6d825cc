/*
 * Clients of a device that are disturbed while they are given files: killed, stopped, flooded with signals, replaced by
 * execve(2), their descriptor closed by another thread, and so on, at a random moment of their call. Each client is a
 * process of its own that checks itself; what it finds is a line of JSON, and a second line tells how it ended.
 *
 *   graft-storm [--seed N] [--rounds N] [--parallel N] [--kinds NAME,...] [--ops NAME,...] [--hang MS] [--refused]
 *               [--maps] FOLDER VIDEO [MEDIA]
 *   graft-storm --lenient ... : until the device is gone; whatever a call says is right, if the client is as it was
 *
 * FOLDER     for the frames of a camera
 * --refused  the kernel has no FUSE passthrough: nobody gets buffers to map
 * --maps     the device itself can be mapped, as a FUSE node can
 * --first N  number of the first round
 */
#include "storm-client.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MOST_PARALLEL 16
#define GONE 3 /* exit status of a client that could not open its device */

struct run {
	uint64_t seed, rounds, first, parallel, hang_ms;
	enum kind kinds[KINDS];
	unsigned kind_count, ops;
	struct setup setup;
};

/* Of all managers and clients, in memory that they share. */
struct shared {
	_Atomic uint64_t span_ns;
	struct place {
		_Atomic int wakes;
		struct view view;
	} places[MOST_PARALLEL];
};

static struct shared *shared;

static void print_file(const char *folder, const char *name)
{
	static const char *const wanted[] = {"State:", "TracerPid:", "SigPnd:", "ShdPnd:", "SigBlk:"};
	const bool all = strcmp(name, "status") != 0;
	char path[400], line[300];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return;
	fprintf(stderr, "--- %s\n", path);
	while (fgets(line, sizeof line, file)) {
		bool shown = all;

		for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
			shown = shown || !strncmp(line, wanted[i], strlen(wanted[i]));
		if (shown)
			fputs(line, stderr);
	}
	if (!strcmp(name, "wchan"))
		fputc('\n', stderr);
	fclose(file);
}

/* For whoever has to find out why a client hangs. */
static void print_process(pid_t pid)
{
	static const char *const names[] = {"status", "wchan", "stack", "syscall"};
	char path[64], thread[320];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(thread, sizeof thread, "%s/%s", path, entry->d_name);
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			print_file(thread, names[i]);
	}
	if (folder)
		closedir(folder);
}

static void wait_futex(_Atomic int *word, int value, uint64_t ms)
{
	const struct timespec limit = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	syscall(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0);
}

/* Has the process ended, at the latest at `limit`? It is a zombie then. */
static bool has_ended(pid_t pid, uint64_t limit)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		siginfo_t info = {0};
		const uint64_t now = now_ns();
		struct timespec left;

		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG))
			die("waitid");
		if (info.si_pid == pid)
			return true;
		if (now >= limit)
			return false;
		left = (struct timespec){(time_t)((limit - now) / 1000000000u), (long)((limit - now) % 1000000000u)};
		sigtimedwait(&child, NULL, &left);
	}
}

/* SIGKILL, or SIGSTOP and SIGCONT, once the client's call has begun. */
static void disturb_from_outside(const struct plan *its_plan, struct place *place, pid_t pid, uint64_t limit)
{
	int value;

	while (value = atomic_load(&place->wakes), !place->view.begin_ns) {
		if (now_ns() >= limit || has_ended(pid, 0))
			return;
		wait_futex(&place->wakes, value, 100);
	}
	await_moment(its_plan, &place->view);
	atomic_store(&place->view.disturbed_ns, now_ns());
	kill(pid, its_plan->kind == KILL ? SIGKILL : SIGSTOP);
	if (its_plan->kind == STOP) {
		usleep(its_plan->pause_us);
		kill(pid, SIGCONT);
	}
}

static void print_end(const struct plan *its_plan, pid_t pid, const struct view *its_view, int status, bool hung)
{
	const uint64_t end = its_view->end_ns, moment = its_view->disturbed_ns;
	char line[400], how[40];

	if (hung)
		snprintf(how, sizeof how, "hung");
	else if (WIFEXITED(status))
		snprintf(how, sizeof how, "exit %d", WEXITSTATUS(status));
	else
		snprintf(how, sizeof how, "signal %d", WTERMSIG(status));
	snprintf(line, sizeof line,
		 "{\"round\":%d,\"pid\":%d,\"kind\":\"%s\",\"op\":\"%s\",\"caller\":\"%s\",\"from\":\"%s\","
		 "\"permille\":%u,\"end\":\"%s\","
		 "\"when\":\"%s\",\"ms\":%lu,\"doing\":\"%s\"}\n",
		 its_plan->round, pid, kind_names[its_plan->kind], op_names[its_plan->op],
		 its_plan->worker ? "worker" : "first", its_plan->from_seized ? "seized" : "call", its_plan->permille,
		 how,
		 !moment               ? "never"
		 : end && moment > end ? "after"
				       : "within",
		 (unsigned long)((now_ns() - its_view->begin_ns) / 1000000),
		 its_view->doing ? its_view->doing : "starting");
	if (write(1, line, strlen(line)) < 0)
		die("write");
}

/* One client, from its start to its end. @returns false when there is no device any more. */
static bool run_round(const struct run *run, struct place *place, int round)
{
	const struct plan its_plan = plan_round(run->seed, round, run->kinds, run->kind_count, run->ops);
	const uint64_t limit = now_ns() + run->hang_ms * 1000000;
	const pid_t parent = getpid();
	bool hung;
	int status;
	pid_t pid;

	memset(&place->view, 0, sizeof place->view);
	place->view.span_ns = atomic_load(&shared->span_ns);
	place->view.wakes = &place->wakes;
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		exit(client(&its_plan, &run->setup, &place->view));
	}
	if (its_plan.kind == KILL || its_plan.kind == STOP)
		disturb_from_outside(&its_plan, place, pid, limit);
	hung = !has_ended(pid, limit);
	if (hung) {
		fprintf(stderr, "round %d hangs (%s)\n", round, place->view.doing ? place->view.doing : "starting");
		print_process(pid);
		kill(pid, SIGKILL);
		/* It may be in a call that even SIGKILL does not end: the line has to come. */
		has_ended(pid, now_ns() + 2000000000u);
	}
	if (waitpid(pid, &status, hung ? WNOHANG : 0) < 0)
		die("waitpid");
	print_end(&its_plan, pid, &place->view, status, hung);
	/* Moments are spread over the time that calls take here and now. */
	if (its_plan.kind == UNDISTURBED && place->view.end_ns) {
		const uint64_t span = place->view.end_ns - place->view.begin_ns;

		atomic_store(&shared->span_ns, (3 * atomic_load(&shared->span_ns) + span) / 4);
	}
	return !WIFEXITED(status) || WEXITSTATUS(status) != GONE;
}

/* Every `parallel`-th round. */
static void manage(const struct run *run, unsigned which)
{
	for (uint64_t round = which; round < run->rounds; round += run->parallel)
		if (!run_round(run, &shared->places[which], (int)(run->first + round)))
			break;
	exit(0);
}

static unsigned parse_names(char *text, const char *const *names, unsigned count, enum kind *chosen)
{
	unsigned found = 0, set = 0;

	for (char *name = strtok(text, ","); name; name = strtok(NULL, ",")) {
		unsigned i = 0;

		while (i < count && strcmp(names[i], name))
			i++;
		if (i == count) {
			fprintf(stderr, "unknown: %s\n", name);
			exit(2);
		}
		if (chosen)
			chosen[found++] = (enum kind)i;
		set |= 1u << i;
	}
	return chosen ? found : set;
}

static int after_exec_main(char **argv)
{
	static struct setup there;
	static struct view its_view;

	there = (struct setup){argv[5], argv[6][0] ? argv[6] : NULL, argv[7], !strcmp(argv[8], "refuses"), false,
			       false};
	setup = &there;
	view = &its_view;
	plan = (struct plan){.round = (int)number(argv[2]), .kind = EXEC};
	return after_exec(argv[3], atoi(argv[4]));
}

int main(int argc, char **argv)
{
	struct run run = {.rounds = 1, .parallel = 1, .hang_ms = 10000, .ops = 1u << REQBUFS};
	sigset_t child;

	if (argc == 9 && !strcmp(argv[1], "--after-exec"))
		return after_exec_main(argv);
	for (run.kind_count = 0; run.kind_count < KINDS; run.kind_count++)
		run.kinds[run.kind_count] = (enum kind)run.kind_count;
	for (argv++, argc--; argc > 1 && !strncmp(*argv, "--", 2); argv++, argc--) {
		const char *option = *argv + 2;

		if (!strcmp(option, "refused")) {
			run.setup.refuses = true;
			continue;
		}
		if (!strcmp(option, "maps")) {
			run.setup.maps = true;
			continue;
		}
		if (!strcmp(option, "lenient")) {
			run.setup.lenient = true;
			continue;
		}
		argv++, argc--;
		if (!strcmp(option, "seed"))
			run.seed = number(*argv);
		else if (!strcmp(option, "rounds"))
			run.rounds = number(*argv);
		else if (!strcmp(option, "first"))
			run.first = number(*argv);
		else if (!strcmp(option, "parallel"))
			run.parallel = number(*argv);
		else if (!strcmp(option, "hang"))
			run.hang_ms = number(*argv);
		else if (!strcmp(option, "kinds"))
			run.kind_count = parse_names(*argv, kind_names, KINDS, run.kinds);
		else if (!strcmp(option, "ops"))
			run.ops = parse_names(*argv, op_names, OPS, NULL);
		else
			argc = 0;
	}
	if (argc < 2 || argc > 3 || run.parallel < 1 || run.parallel > MOST_PARALLEL) {
		fprintf(stderr, "usage: see the top of graft-storm.c\n");
		return 2;
	}
	run.setup.folder = argv[0];
	run.setup.video = argv[1];
	run.setup.media = argc == 3 ? argv[2] : NULL;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	shared->span_ns = 8000000;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (unsigned i = 0; i < run.parallel; i++)
		if (fork() == 0)
			manage(&run, i);
	for (unsigned i = 0; i < run.parallel; i++) {
		int status;

		if (wait(&status) < 0 || status)
			return 1;
	}
	return 0;
}
