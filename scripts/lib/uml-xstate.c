/*
 * Preloaded into User-Mode Linux on processors whose register state is larger than it knows (Intel AMX: 11 KB).
 *
 * It sets the registers of its processes with PTRACE_SETREGSET from what PTRACE_GETREGSET gave it, in a buffer of the size
 * that AVX-512 needs. The kernel takes the whole state only (EFAULT). What is missing are registers that no process of a
 * guest can have: they are in their initial state, which the header of the state says already, so zeros will do.
 *
 * Built without a libc, as that of User-Mode Linux may be older than this machine's.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define EXPORT __attribute__((visibility("default")))
/* Of all states that there are; a static buffer, since its stacks are small and it has one thread for its processes. */
#define MOST 65536

static unsigned char whole[MOST];
static size_t whole_size;

static long system_call(long request, long pid, void *address, void *data)
{
	register void *r10 __asm__("r10") = data;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(SYS_ptrace), "D"(request), "S"(pid), "d"(address), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

/* How large the state is on this processor, or 0. Fills `whole`, which is zeroed. */
static size_t ask_size(long pid)
{
	struct iovec all = {whole, MOST};
	size_t at;

	if (system_call(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all) < 0)
		return 0;
	for (at = 0; at < MOST; at++)
		whole[at] = 0;
	return all.iov_len;
}

static long set_whole(long pid, const struct iovec *part)
{
	struct iovec all = {whole, 0};
	size_t at;

	if (whole_size == 0)
		whole_size = ask_size(pid);
	if (part->iov_len > whole_size)
		return -EFAULT;
	for (at = 0; at < part->iov_len; at++)
		whole[at] = ((const unsigned char *)part->iov_base)[at];
	all.iov_len = whole_size;
	return system_call(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &all);
}

EXPORT long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	long pid, word = 0, result;
	void *address, *data;
	int peeks = request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER;

	va_start(arguments, request);
	pid = va_arg(arguments, int);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);

	if (whole_size != 0 && request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE)
		result = set_whole(pid, data);
	else
		/* The system call writes the word that the function returns. */
		result = system_call(request, pid, address, peeks ? (void *)&word : data);
	if (result == -EFAULT && whole_size == 0 && request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE)
		result = set_whole(pid, data);
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	if (peeks)
		errno = 0;
	return peeks ? word : result;
}
