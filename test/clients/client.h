/* What the client programs share: outcomes as text that tests compare, and hex. */
#ifndef CLIENT_H
#define CLIENT_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* musl has no names of errors. These are the ones that tests look for. */
#ifndef __GLIBC__
static inline const char *strerrorname_np(int error)
{
	static const struct {
		int number;
		const char *name;
	} known[] = {
		{EPERM, "EPERM"},   {ENOENT, "ENOENT"}, {EINTR, "EINTR"},   {EIO, "EIO"},
		{EBADF, "EBADF"},   {EAGAIN, "EAGAIN"}, {ENOMEM, "ENOMEM"}, {EACCES, "EACCES"},
		{EFAULT, "EFAULT"}, {EBUSY, "EBUSY"},   {ENODEV, "ENODEV"}, {EINVAL, "EINVAL"},
		{EMFILE, "EMFILE"}, {ENOTTY, "ENOTTY"}, {ENOSYS, "ENOSYS"}, {ENOTCONN, "ENOTCONN"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].number == error)
			return known[i].name;
	return "an error without a name";
}
#endif

/* Ends the program: the test set it up wrongly, or a step failed that must not. */
static inline _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerrorname_np(errno));
	exit(1);
}

/* "ok" or "EINVAL", of a call that returned `result`. */
static inline const char *outcome(long result)
{
	return result == -1 ? strerrorname_np(errno) : "ok";
}

static inline unsigned long number(const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || end == text || *end) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(2);
	}
	return value;
}

/* Bytes of a hex string, spaces allowed; at most `room`. */
static inline size_t unhex(const char *text, uint8_t *bytes, size_t room)
{
	size_t count = 0;

	while (*text) {
		char digits[3] = {text[0], text[0] ? text[1] : 0, 0};
		char *end;

		if (*text == ' ') {
			text++;
			continue;
		}
		if (count == room || !digits[1]) {
			fprintf(stderr, "bad hex\n");
			exit(2);
		}
		bytes[count++] = (uint8_t)strtoul(digits, &end, 16);
		if (end != digits + 2) {
			fprintf(stderr, "bad hex: %s\n", digits);
			exit(2);
		}
		text += 2;
	}
	return count;
}

static inline void print_hex(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	putchar('\n');
}

#endif
