/*
 * What graft-storm.c's two sides share: the plan of a round, which follows from the seed and the
 * round's number alone, and what a client shows of itself while it is in its call.
 */
#ifndef STORM_PLAN_H
#define STORM_PLAN_H

#include "client.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum kind {
	UNDISTURBED,
	KILL,    /* SIGKILL, from outside */
	STOP,    /* SIGSTOP, and SIGCONT a little later, from outside */
	SIGNALS, /* 40 queued signals with numbers, whose handler has SA_RESTART, or has not */
	TIMERS,  /* SIGALRM and SIGPROF of interval timers all the while */
	EXEC,    /* the rest by another thread of the client: execve(2) */
	EXIT,    /* exit_group(2) */
	HANDLER, /* a signal whose handler makes the same call */
	FORK,
	VFORK,
	CLOSE,       /* of the descriptor */
	REPLACE,     /* dup2(2) of another file onto it */
	REOPEN,      /* close(2), and open(2) of another file, which gets its number */
	UNMAP,       /* of the page with the call's argument */
	PROTECT,     /* that page becomes read-only */
	STACK,       /* nobody disturbs, but the stack ends near the stack pointer */
	THREAD_EXIT, /* a signal whose handler ends the thread */
	KINDS
};

static const char *const kind_names[KINDS] = {"undisturbed", "kill",    "stop",    "signals", "timers",     "exec",
					      "exit",        "handler", "fork",    "vfork",   "close",      "replace",
					      "reopen",      "unmap",   "protect", "stack",   "thread-exit"};

enum op { REQBUFS, CREATE_BUFS, EXPBUF, REQUEST_ALLOC, OPS };

static const char *const op_names[OPS] = {"REQBUFS", "CREATE_BUFS", "EXPBUF", "REQUEST_ALLOC"};

struct plan {
	int round;
	enum kind kind;
	enum op op;
	unsigned permille; /* when, of the time that a call takes */
	bool from_seized;  /* that time begins when the thread is traced, not with the call */
	bool worker;       /* a further thread makes the call */
	bool first_acts;   /* and the first thread disturbs it, not one more */
	bool restart;      /* handlers have SA_RESTART */
	bool process;      /* signals are sent to the process, not to the thread */
	bool cloexec;
	bool output;       /* on a mem2mem device: OUTPUT first */
	bool noise;        /* one more thread opens and closes files */
	bool grows;        /* the stack */
	unsigned dups;     /* of the descriptor */
	unsigned room;     /* bytes of stack that are left */
	unsigned pause_us; /* between the steps of a disturbance */
};

/* What a client shows to the process that watches it. */
struct view {
	_Atomic int tid; /* of the thread that makes the call */
	_Atomic uint64_t begin_ns, end_ns, disturbed_ns;
	uint64_t span_ns; /* how long the call usually takes */
	_Atomic(const char *) doing;
	_Atomic int *wakes; /* a futex: something has changed here */
};

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void sleep_until(uint64_t ns)
{
	struct timespec moment = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL))
		;
}

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15u;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

static inline unsigned below(uint64_t *state, unsigned bound)
{
	return (unsigned)(next_random(state) % bound);
}

/* The kinds take turns, in an order of the seed's. */
static inline struct plan plan_round(uint64_t seed, int round, const enum kind *kinds, unsigned kind_count,
				     unsigned ops)
{
	uint64_t state = seed ^ ((uint64_t)round + 1) * 0xd1342543de82ef95u;
	struct plan plan = {.round = round, .kind = kinds[(seed + (unsigned)round) % kind_count]};

	do
		plan.op = below(&state, OPS);
	while (!(ops & 1u << plan.op));
	plan.permille = below(&state, 1200);
	plan.from_seized = below(&state, 2);
	plan.worker = below(&state, 2) || plan.kind == THREAD_EXIT;
	plan.first_acts = below(&state, 2);
	plan.restart = below(&state, 2);
	plan.process = below(&state, 2);
	plan.cloexec = below(&state, 2);
	plan.output = below(&state, 2);
	plan.noise = below(&state, 3) == 0;
	plan.grows = below(&state, 2);
	plan.dups = below(&state, 3);
	plan.room = below(&state, 513) & ~7u;
	plan.pause_us = below(&state, 5000);
	return plan;
}

/* Is the thread traced? `fd` is of its /proc/.../status. */
static inline bool is_traced(int fd)
{
	char text[2048];
	ssize_t size = pread(fd, text, sizeof text - 1, 0);
	const char *line;

	if (size <= 0)
		return false;
	text[size] = 0;
	line = strstr(text, "\nTracerPid:\t");
	return line && line[12] != '0';
}

/* Waits, once the call has begun, for the moment of the disturbance. */
static inline void await_moment(const struct plan *plan, const struct view *view)
{
	uint64_t begin = view->begin_ns, span = view->span_ns;

	if (plan->from_seized) {
		const uint64_t limit = begin + 2 * span;
		char path[64];
		int status;

		snprintf(path, sizeof path, "/proc/%d/status", view->tid);
		status = open(path, O_RDONLY | O_CLOEXEC);
		while (status >= 0 && !is_traced(status) && now_ns() < limit)
			usleep(50);
		if (status >= 0)
			close(status);
		begin = now_ns();
		span /= 2;
	}
	sleep_until(begin + span * plan->permille / 1000);
}

#endif
