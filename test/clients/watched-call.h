/*
 * Makes one system call with known values in all registers and below the stack, and tells what the call
 * has changed of them. Watches nothing on other processors than x86-64.
 */
#ifndef WATCHED_CALL_H
#define WATCHED_CALL_H

#include "client.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BELOW 1024 /* bytes of stack that are watched */

#ifdef __x86_64__

struct machine_state {
	uint64_t registers[16]; /* rax rbx rcx rdx rsi rdi rbp rsp r8 .. r15 */
	uint64_t flags;
	uint8_t xmm[16][16];
	uint64_t mxcsr;
	uint64_t fpu_control;
	uint8_t below[BELOW]; /* the bytes below the stack pointer, lowest first */
	uint8_t high[16][16]; /* the upper halves of the AVX registers */
};

/* Used by the assembly below, by these names. */
__attribute__((used)) static struct machine_state before, after;
__attribute__((used)) static uint64_t stack_pointer;
__attribute__((used)) static uint64_t old_mode; /* int $0x80 instead of syscall */
__attribute__((used)) static uint64_t has_avx;

#define AT(state, number) #state "+8*" #number "(%rip)"
#define LOAD_XMM(number) "movups before+136+16*" #number "(%rip), %xmm" #number "\n"
#define SAVE_XMM(number) "movups %xmm" #number ", after+136+16*" #number "(%rip)\n"
#define LOAD_HIGH(number) "vinsertf128 $1, before+1432+16*" #number "(%rip), %ymm" #number ", %ymm" #number "\n"
#define SAVE_HIGH(number) "vextractf128 $1, %ymm" #number ", after+1432+16*" #number "(%rip)\n"

_Static_assert(offsetof(struct machine_state, flags) == 128, "see the assembly");
_Static_assert(offsetof(struct machine_state, xmm) == 136, "see the assembly");
_Static_assert(offsetof(struct machine_state, mxcsr) == 392, "see the assembly");
_Static_assert(offsetof(struct machine_state, fpu_control) == 400, "see the assembly");
_Static_assert(offsetof(struct machine_state, below) == 408, "see the assembly");
_Static_assert(offsetof(struct machine_state, high) == 1432, "see the assembly");

/* Loads `before`, makes the call, stores `after`. Nothing is pushed in between. */
void watched_call(void);
extern uint8_t watched_instruction[2], stray[1];
/* clang-format off */
__asm__(".text\n.globl watched_call, watched_instruction, stray\nwatched_call:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp, stack_pointer(%rip)\n"
	"lea -1024(%rsp), %rdi; lea before+408(%rip), %rsi; mov $1024, %ecx; cld; rep movsb\n"
	LOAD_XMM(0) LOAD_XMM(1) LOAD_XMM(2) LOAD_XMM(3) LOAD_XMM(4) LOAD_XMM(5) LOAD_XMM(6) LOAD_XMM(7)
	LOAD_XMM(8) LOAD_XMM(9) LOAD_XMM(10) LOAD_XMM(11) LOAD_XMM(12) LOAD_XMM(13) LOAD_XMM(14) LOAD_XMM(15)
	"cmpq $0, has_avx(%rip); je 1f\n"
	LOAD_HIGH(0) LOAD_HIGH(1) LOAD_HIGH(2) LOAD_HIGH(3) LOAD_HIGH(4) LOAD_HIGH(5) LOAD_HIGH(6) LOAD_HIGH(7)
	LOAD_HIGH(8) LOAD_HIGH(9) LOAD_HIGH(10) LOAD_HIGH(11) LOAD_HIGH(12) LOAD_HIGH(13) LOAD_HIGH(14) LOAD_HIGH(15)
	"1: ldmxcsr before+392(%rip); fldcw before+400(%rip)\n"
	"mov " AT(before, 0) ", %rax; mov " AT(before, 1) ", %rbx; mov " AT(before, 3) ", %rdx\n"
	"mov " AT(before, 4) ", %rsi; mov " AT(before, 5) ", %rdi; mov " AT(before, 6) ", %rbp\n"
	"mov " AT(before, 8) ", %r8; mov " AT(before, 9) ", %r9; mov " AT(before, 10) ", %r10\n"
	"mov " AT(before, 12) ", %r12; mov " AT(before, 13) ", %r13; mov " AT(before, 14) ", %r14\n"
	"mov " AT(before, 15) ", %r15\n"
	"cmpq $0, old_mode(%rip); jne 2f\n"
	"stc; watched_instruction: syscall; jmp 3f\n"
	/* Where a changed instruction leads to: a call that the tracer does not make. */
	"stray: mov $292, %eax; xor %edi, %edi; mov $77, %esi; xor %edx, %edx; syscall; 5: jmp 5b\n"
	"2: mov %rdi, %rbx; mov %rsi, %rcx; int $0x80\n"
	"3: mov %rax, " AT(after, 0) "; mov %rbx, " AT(after, 1) "; mov %rcx, " AT(after, 2) "\n"
	"mov %rdx, " AT(after, 3) "; mov %rsi, " AT(after, 4) "; mov %rdi, " AT(after, 5) "\n"
	"mov %rbp, " AT(after, 6) "; mov %rsp, " AT(after, 7) "; mov %r8, " AT(after, 8) "\n"
	"mov %r9, " AT(after, 9) "; mov %r10, " AT(after, 10) "; mov %r11, " AT(after, 11) "\n"
	"mov %r12, " AT(after, 12) "; mov %r13, " AT(after, 13) "; mov %r14, " AT(after, 14) "\n"
	"mov %r15, " AT(after, 15) "\n"
	/* The child of vfork(): waits for a byte and ends. Registers are its own, memory is not. */
	"test %rax, %rax; jnz 4f; cmpq $58, " AT(before, 0) "; jne 4f\n"
	"xor %eax, %eax; xor %edi, %edi; lea child_byte(%rip), %rsi; mov $1, %edx; syscall\n"
	"mov $60, %eax; xor %edi, %edi; syscall\n"
	"4: lea after+408(%rip), %rdi; lea -1024(%rsp), %rsi; mov $1024, %ecx; cld; rep movsb\n"
	"mov stack_pointer(%rip), %rsp\n"
	"pushfq; popq after+128(%rip)\n"
	SAVE_XMM(0) SAVE_XMM(1) SAVE_XMM(2) SAVE_XMM(3) SAVE_XMM(4) SAVE_XMM(5) SAVE_XMM(6) SAVE_XMM(7)
	SAVE_XMM(8) SAVE_XMM(9) SAVE_XMM(10) SAVE_XMM(11) SAVE_XMM(12) SAVE_XMM(13) SAVE_XMM(14) SAVE_XMM(15)
	"cmpq $0, has_avx(%rip); je 5f\n"
	SAVE_HIGH(0) SAVE_HIGH(1) SAVE_HIGH(2) SAVE_HIGH(3) SAVE_HIGH(4) SAVE_HIGH(5) SAVE_HIGH(6) SAVE_HIGH(7)
	SAVE_HIGH(8) SAVE_HIGH(9) SAVE_HIGH(10) SAVE_HIGH(11) SAVE_HIGH(12) SAVE_HIGH(13) SAVE_HIGH(14) SAVE_HIGH(15)
	"vzeroupper\n"
	"5: stmxcsr after+392(%rip); fstcw after+400(%rip)\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
	".size watched_call, .-watched_call\n");
/* clang-format on */
__attribute__((used)) static char child_byte;

static long make_call(uint64_t number, const uint64_t arguments[6])
{
	static const int places[6] = {5, 4, 3, 10, 8, 9};

	for (int i = 0; i < 16; i++) {
		before.registers[i] = 0x0101010101010101u * (unsigned)(i + 0x40);
		memset(before.xmm[i], 0xa0 + i, 16);
		memset(before.high[i], 0xc0 + i, 16);
	}
	has_avx = __builtin_cpu_supports("avx") != 0;
	for (int i = 0; i < BELOW; i++)
		before.below[i] = (uint8_t)(i * 7 + 3);
	before.mxcsr = 0x3f80;       /* all exceptions masked, rounding down */
	before.fpu_control = 0x0f7f; /* rounding towards zero */
	before.registers[0] = number;
	for (int i = 0; i < 6; i++)
		before.registers[places[i]] = arguments[i];
	watched_call();
	__asm__ volatile("fninit");
	{
		uint32_t usual = 0x1f80;
		__asm__ volatile("ldmxcsr %0" ::"m"(usual));
	}
	return (long)after.registers[0];
}

/* Writes the names of what the call has changed, but for rax, rcx and r11, which it may. */
static inline void write_damage(FILE *out, bool signals)
{
	static const char *const names[16] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
					      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	const char *comma = "";
	size_t watched = signals ? 128 : BELOW; /* handlers may use all but the red zone */

	fprintf(out, "\"damaged\":[");
	for (int i = 0; i < 16; i++) {
		uint64_t wanted = i == 7 ? stack_pointer : before.registers[i];
		if (i == 0 || i == 2 || i == 11 || (old_mode && i == 1))
			continue;
		if (after.registers[i] != wanted)
			fprintf(out, "%s\"%s %#lx\"", comma, names[i], (unsigned long)after.registers[i]), comma = ",";
	}
	if (!old_mode && !(after.registers[11] & 1)) /* r11 has the flags that the call was made with */
		fprintf(out, "%s\"r11\"", comma), comma = ",";
	if (memcmp(before.xmm, after.xmm, sizeof before.xmm))
		fprintf(out, "%s\"xmm\"", comma), comma = ",";
	if (has_avx && memcmp(before.high, after.high, sizeof before.high))
		fprintf(out, "%s\"ymm\"", comma), comma = ",";
	if (before.mxcsr != after.mxcsr || before.fpu_control != (after.fpu_control & 0xffff))
		fprintf(out, "%s\"fpu control\"", comma), comma = ",";
	for (size_t i = BELOW - watched; i < BELOW; i++) {
		if (before.below[i] != after.below[i]) {
			fprintf(out, "%s\"stack-%zu\"", comma, BELOW - i);
			break;
		}
	}
	fprintf(out, "]");
}

#elif defined(__aarch64__)

#define FIRST 9 /* of the registers that are watched: those before have the arguments, and what is needed here */
#define LAST 28
#define MARK 0x5eed000000000000u

/* What there was after the call. Before it, general register n had MARK + n, and vector register n twice MARK + 64 + n. */
static struct {
	uint64_t general[LAST - FIRST + 1];
	uint64_t vectors[32][2];
	uint64_t below[BELOW / 8]; /* the stack, highest first; it was full of MARK */
} after;

#define SET_VECTOR(n) "add x9, x6, #64+" #n "\n dup v" #n ".2d, x9\n"
#define KEEP_VECTOR(n) "str q" #n ", [x7], #16\n"
#define SET(n) "add x" #n ", x6, #" #n "\n"
#define KEEP(n) "str x" #n ", [x7], #8\n"
/* clang-format off */
#define EACH_VECTOR(of) \
	of(0) of(1) of(2) of(3) of(4) of(5) of(6) of(7) of(8) of(9) of(10) of(11) of(12) of(13) of(14) of(15) \
	of(16) of(17) of(18) of(19) of(20) of(21) of(22) of(23) of(24) of(25) of(26) of(27) of(28) of(29) of(30) of(31)
#define EACH(of) \
	of(9) of(10) of(11) of(12) of(13) of(14) of(15) of(16) of(17) of(18) of(19) of(20) of(21) of(22) of(23) \
	of(24) of(25) of(26) of(27) of(28)
/* clang-format on */

/* Not syscall(3): it would set errno, which a graft must not. */
__attribute__((noinline)) static long make_call(uint64_t number, const uint64_t arguments[6])
{
	register uint64_t x0 __asm__("x0") = arguments[0];
	register uint64_t x1 __asm__("x1") = arguments[1];
	register uint64_t x2 __asm__("x2") = arguments[2];
	register uint64_t x3 __asm__("x3") = arguments[3];
	register uint64_t x4 __asm__("x4") = arguments[4];
	register uint64_t x5 __asm__("x5") = arguments[5];
	register uint64_t mark __asm__("x6") = MARK;
	register void *kept __asm__("x7") = &after;
	register uint64_t x8 __asm__("x8") = number;

	/* clang-format off */
	__asm__ volatile("mov x9, sp\n mov x10, #128\n"
			 "1: str x6, [x9, #-8]!\n subs x10, x10, #1\n b.ne 1b\n"
			 EACH_VECTOR(SET_VECTOR) EACH(SET)
			 "svc #0\n"
			 EACH(KEEP) EACH_VECTOR(KEEP_VECTOR)
			 "mov x9, sp\n mov x10, #128\n"
			 "2: ldr x11, [x9, #-8]!\n str x11, [x7], #8\n subs x10, x10, #1\n b.ne 2b\n"
			 : "+r"(x0), "+r"(kept)
			 : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(mark), "r"(x8)
			 : "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
			   "x22", "x23", "x24", "x25", "x26", "x27", "x28", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
			   "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",
			   "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc",
			   "memory");
	/* clang-format on */
	return (long)x0;
}

/* Writes the names of what the call has changed. */
static inline void write_damage(FILE *out, bool signals)
{
	const char *comma = "";

	fprintf(out, "\"damaged\":[");
	for (unsigned i = FIRST; i <= LAST; i++) {
		if (after.general[i - FIRST] != MARK + i)
			fprintf(out, "%s\"x%u\"", comma, i), comma = ",";
	}
	for (unsigned i = 0; i < 32; i++) {
		if (after.vectors[i][0] != MARK + 64 + i || after.vectors[i][1] != MARK + 64 + i)
			fprintf(out, "%s\"v%u\"", comma, i), comma = ",";
	}
	/* Handlers may use all of it: there is no red zone. */
	for (unsigned i = 0; !signals && i < BELOW / 8; i++) {
		if (after.below[i] != MARK) {
			fprintf(out, "%s\"stack-%u\"", comma, 8 * (i + 1));
			break;
		}
	}
	fprintf(out, "]");
}

#endif

static inline void print_damage(bool signals)
{
	write_damage(stdout, signals);
}

#endif
