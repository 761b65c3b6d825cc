/*
 * What a driver and the tracer process say to each other, over sockets that keep
 * message boundaries. Plain C: a test compares it with src/graft/protocol.ts.
 *
 * On the tracer's own socket (its descriptor 0):
 *   tracer -> driver   struct tracer_hello, once
 *   driver -> tracer   struct tracer_job, with three descriptors: the job's socket, the
 *                      file to place in the client, and one end of a socket pair, which
 *                      closes when nothing is left of the job
 * On the job's socket, which both sides close when they are done with the job:
 *   tracer -> driver   struct tracer_event: TRACER_SEIZED, TRACER_PLACED, TRACER_DONE;
 *                      after a refusal TRACER_DONE only, or TRACER_UNDONE or TRACER_UNPLACED
 *                      before it
 *   driver -> tracer   struct tracer_resume, the answer to TRACER_PLACED, TRACER_UNDONE and
 *                      TRACER_UNPLACED (and TRACER_PAUSED)
 */
#ifndef V4L2_CUSE_TRACER_PROTOCOL_H
#define V4L2_CUSE_TRACER_PROTOCOL_H

#include <stdint.h>

#define TRACER_PROTOCOL 3

/* tracer_hello.features */
#define TRACER_SUSPENDS_SECCOMP 0x1 /* PTRACE_O_SUSPEND_SECCOMP works here */
#define TRACER_HAS_KCMP 0x2
#define TRACER_CAN_SEIZE 0x4 /* ptrace(2) is allowed at all, in this container say */

struct tracer_hello {
  uint32_t protocol;
  uint32_t features;
};

/* tracer_job.flags */
#define TRACER_SWAP 0x1         /* onto the client's descriptor; else under a new number */
#define TRACER_CLOEXEC 0x2      /* of a new number; a swap keeps what the client had */
#define TRACER_CHECK_DEVICE 0x4 /* the client's descriptor must lead to `device` */
#define TRACER_UNFINISHED 0x8   /* go on although the pending call has no result yet (tests) */

#define TRACER_ARGUMENTS 3

struct tracer_job {
  uint32_t protocol;
  uint32_t flags;
  int32_t thread;
  int32_t fd;    /* the client's descriptor; -1: the first argument of its call */
  uint64_t call; /* number of the system call that the thread must be in */
  /* Its arguments, as far as the masks say. */
  uint64_t arguments[TRACER_ARGUMENTS];
  uint64_t masks[TRACER_ARGUMENTS];
  uint64_t device;     /* st_rdev */
  uint64_t number_at;  /* where in the client's memory a new number is written (an int); 0: nowhere */
  uint32_t failure;    /* errno that a successful call gets when the file could not be placed; 0: none */
  uint32_t answer_ms;  /* how long the pending call may take to end */
  uint32_t step_ms;    /* how long any other step may take */
  uint32_t pause_step; /* for tests: TRACER_PAUSED before this step; 0: none */
};

/* tracer_event.kind */
#define TRACER_SEIZED 1   /* the thread will stop as soon as its call has been answered */
#define TRACER_PLACED 2   /* the file is in the client, which waits for tracer_resume */
#define TRACER_DONE 3     /* the client runs on, or is gone */
#define TRACER_PAUSED 4   /* waits for tracer_resume, at most 10 s */
#define TRACER_UNDONE 5   /* a call that succeeded is about to fail: the client waits for tracer_resume */
#define TRACER_UNPLACED 6 /* the file will not be placed, the call stays as it ended: the client waits, too */

/* tracer_event.reason, of TRACER_DONE. Kept in step with src/graft/outcome.ts. */
#define TRACER_SUCCESS 0
#define TRACER_GONE 1          /* the thread has ended */
#define TRACER_TRACED 2        /* another tracer has it: `detail` is its process, 0 if not visible */
#define TRACER_FORBIDDEN 3     /* the kernel does not let us: `error` */
#define TRACER_SECCOMP 4       /* a filter that cannot be suspended here */
#define TRACER_OTHER_CALL 5    /* not in the call that was expected: `detail` is its number */
#define TRACER_FOREIGN_CODE 6  /* not a program of this machine's own kind, or no call instruction */
#define TRACER_USER_DISPATCH 7 /* syscall user dispatch */
#define TRACER_CALL_FAILED 8   /* the pending call itself ended with `error` */
#define TRACER_OTHER_FILE 9    /* the descriptor does not lead to the device any more */
#define TRACER_NO_MEMORY 10    /* no stack to put arguments on */
#define TRACER_STEP_FAILED 11  /* a call in the client, or one of ours, failed: `step`, `error` */
#define TRACER_NOT_RECEIVED 12 /* the client's security module kept the file from it */
#define TRACER_NO_ANSWER 13    /* the pending call did not end in time */
#define TRACER_STUCK 14        /* a step did not end in time; it will be undone when it does */
#define TRACER_CANCELLED 15    /* the driver said so, or is gone: `error` */
#define TRACER_UNEXPECTED 16   /* something that cannot be: `step`, `error` or signal in `detail` */
#define TRACER_REPLACED 17     /* another job has put a file in its place; the call stays as it was answered */

/* tracer_event.step and tracer_job.pause_step, in the order in which they are taken */
#define TRACER_STEP_SEIZE 1
#define TRACER_STEP_INTERRUPT 2
#define TRACER_STEP_ANSWER 3
#define TRACER_STEP_PREPARE 4
#define TRACER_STEP_SOCKETPAIR 5
#define TRACER_STEP_TAKE 6
#define TRACER_STEP_SEND 7
#define TRACER_STEP_RECEIVE 8
#define TRACER_STEP_UNREGISTER 9
#define TRACER_STEP_DUP 10
#define TRACER_STEP_LOOK 11 /* last, when the client is in dup3(2) already */
#define TRACER_STEP_REGISTER 12
#define TRACER_STEP_CLOSE 13
#define TRACER_STEP_CONFIRM 14
#define TRACER_STEP_RESTORE 15
#define TRACER_STEP_SETTLE 16
#define TRACER_STEP_DETACH 17

#define TRACER_MAX_FDS 32

struct tracer_event {
  uint32_t kind;
  uint32_t reason;
  uint32_t step;
  uint32_t error;
  int64_t detail;
  uint64_t stopped_ns; /* how long the client stood still */
  uint32_t moved;      /* epoll registrations that now are the new file's */
  uint32_t lost;       /* that could not be made again */
  uint32_t fd_count;
  int32_t fds[TRACER_MAX_FDS]; /* numbers in the client that lead to the file */
  uint32_t reserved;
};

struct tracer_resume {
  uint32_t error; /* 0: go on. Else a new number is closed again and the call fails so. */
};

#endif
