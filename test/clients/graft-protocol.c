/*
 * The tracer's messages as C sees them, for the test that compares them with TypeScript's: prints the
 * constants, then a hello, an event and a resume as hex, and then the fields of a job that it reads.
 */
#include "client.h"
#include "tracer/protocol.h"

#include <unistd.h>

#define NUMBER(name) printf("%s %d\n", #name, name)

static void print_bytes(const char *name, const void *bytes, size_t size)
{
	printf("%s ", name);
	print_hex(bytes, size);
}

int main(void)
{
	struct tracer_hello hello = {TRACER_PROTOCOL, 0x12345678};
	struct tracer_resume resume = {0x01020304};
	struct tracer_event event = {.kind = 1,
				     .reason = 2,
				     .step = 3,
				     .error = 4,
				     .detail = -5,
				     .stopped_ns = 0x600000007,
				     .moved = 8,
				     .lost = 9,
				     .fd_count = 3,
				     .fds = {10, 11, 12, 13}};
	union {
		struct tracer_job job;
		char room[sizeof(struct tracer_job) + 1];
	} input;

	NUMBER(TRACER_PROTOCOL);
	NUMBER(TRACER_SUSPENDS_SECCOMP);
	NUMBER(TRACER_HAS_KCMP);
	NUMBER(TRACER_CAN_SEIZE);
	NUMBER(TRACER_SWAP);
	NUMBER(TRACER_CLOEXEC);
	NUMBER(TRACER_CHECK_DEVICE);
	NUMBER(TRACER_UNFINISHED);
	NUMBER(TRACER_SEIZED);
	NUMBER(TRACER_PLACED);
	NUMBER(TRACER_DONE);
	NUMBER(TRACER_PAUSED);
	NUMBER(TRACER_UNDONE);
	NUMBER(TRACER_UNPLACED);
	NUMBER(TRACER_MAX_FDS);
	NUMBER(TRACER_STEP_SEIZE);
	NUMBER(TRACER_STEP_INTERRUPT);
	NUMBER(TRACER_STEP_ANSWER);
	NUMBER(TRACER_STEP_PREPARE);
	NUMBER(TRACER_STEP_SOCKETPAIR);
	NUMBER(TRACER_STEP_TAKE);
	NUMBER(TRACER_STEP_SEND);
	NUMBER(TRACER_STEP_RECEIVE);
	NUMBER(TRACER_STEP_UNREGISTER);
	NUMBER(TRACER_STEP_DUP);
	NUMBER(TRACER_STEP_LOOK);
	NUMBER(TRACER_STEP_REGISTER);
	NUMBER(TRACER_STEP_CLOSE);
	NUMBER(TRACER_STEP_CONFIRM);
	NUMBER(TRACER_STEP_RESTORE);
	NUMBER(TRACER_STEP_SETTLE);
	NUMBER(TRACER_STEP_DETACH);
	NUMBER(TRACER_SUCCESS);
	NUMBER(TRACER_GONE);
	NUMBER(TRACER_TRACED);
	NUMBER(TRACER_FORBIDDEN);
	NUMBER(TRACER_SECCOMP);
	NUMBER(TRACER_OTHER_CALL);
	NUMBER(TRACER_FOREIGN_CODE);
	NUMBER(TRACER_USER_DISPATCH);
	NUMBER(TRACER_CALL_FAILED);
	NUMBER(TRACER_OTHER_FILE);
	NUMBER(TRACER_NO_MEMORY);
	NUMBER(TRACER_STEP_FAILED);
	NUMBER(TRACER_NOT_RECEIVED);
	NUMBER(TRACER_NO_ANSWER);
	NUMBER(TRACER_STUCK);
	NUMBER(TRACER_CANCELLED);
	NUMBER(TRACER_UNEXPECTED);
	NUMBER(TRACER_REPLACED);

	print_bytes("hello", &hello, sizeof hello);
	print_bytes("event", &event, sizeof event);
	print_bytes("resume", &resume, sizeof resume);

	if (read(0, &input, sizeof input.room) != sizeof input.job)
		die("read");
	printf("job %u %#x %d %d %lu", input.job.protocol, input.job.flags, input.job.thread, input.job.fd,
	       input.job.call);
	for (int i = 0; i < TRACER_ARGUMENTS; i++)
		printf(" %lu/%lu", input.job.arguments[i], input.job.masks[i]);
	printf(" %lu %#lx %u %u %u %u\n", input.job.device, input.job.number_at, input.job.failure, input.job.answer_ms,
	       input.job.step_ms, input.job.pause_step);
	return 0;
}
