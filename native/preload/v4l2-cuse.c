/*
 * libv4l2-cuse.so, preloaded into clients of a v4l2-cuse device.
 *
 * CUSE can neither map memory nor hand out descriptors. This library makes up
 * for it with the device's driver (protocol.h): it wraps mmap() and ioctl(). It
 * steps in where the kernel has refused an mmap() in the way in which it refuses
 * it for a CUSE device, maps the nodes that V4L2_CUSE_VIEW lists without asking
 * the kernel first, and asks ahead of four ioctls whether the device is one
 * of ours (HELLO). Calls on other files go through unchanged. stat.c wraps the
 * stat family for nodes that the kernel has as regular files.
 *
 * No state, no allocation, no cancellation point: safe wherever mmap() and
 * ioctl() are safe, in threads, in signal handlers and after fork().
 *
 * Not reached: programs that make the system call themselves (Go, libv4l2's
 * v4l2_mmap), set-user-ID programs, and programs of another kind than the library
 * was built for: 32-bit ones need one of 32 bits (the loader ignores the library).
 */
#include "nodes.h"
#include "protocol.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/media.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

_Static_assert(sizeof(struct v4l2_exportbuffer) <= sizeof(((struct v4l2_cuse_fd *)0)->arg), "arg");

#define EXPORT __attribute__((visibility("default")))
#define RARE __attribute__((noinline, cold)) /* keeps the way through for others short */

typedef void *mmap_function(void *, size_t, int, int, int, off64_t);
typedef int ioctl_function(int, unsigned long, ...);

/*
 * The next definition of each, so that other preloaded libraries and sanitizers
 * stay in the chain. Null until the constructor ran; the plain system call
 * serves calls before that. Written once, before the program's threads exist.
 */
static mmap_function *next_mmap;
static ioctl_function *next_ioctl;

__attribute__((constructor)) static void find_next(void)
{
	next_mmap = (mmap_function *)dlsym(RTLD_NEXT, sizeof(off_t) == 8 ? "mmap" : "mmap64");
	next_ioctl = (ioctl_function *)dlsym(RTLD_NEXT, "ioctl");
}

static void *plain_mmap(void *address, size_t length, int prot, int flags, int fd, off64_t offset)
{
	if (__builtin_expect(next_mmap != NULL, 1))
		return next_mmap(address, length, prot, flags, fd, offset);
#ifdef SYS_mmap2
	if (offset < 0 || offset % 4096 || offset / 4096 > UINT32_MAX) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap2, address, length, prot, flags, fd, (unsigned long)(offset / 4096));
#else
	return (void *)syscall(SYS_mmap, address, length, prot, flags, fd, offset);
#endif
}

static int ended(int fd);

static int plain_ioctl(ioctl_function *next, int fd, unsigned long cmd, void *arg)
{
	int result;

	if (__builtin_expect(next != NULL, 1))
		result = next(fd, cmd, arg);
	else
		result = (int)syscall(SYS_ioctl, fd, cmd, arg);
	if (__builtin_expect(result == -1, 0) && (errno == ENOTCONN || errno == ECONNABORTED))
		return ended(fd);
	return result;
}

/*
 * Everything below calls the kernel by syscall(): close() and recvmsg() of libc
 * are cancellation points, which mmap() and ioctl() must not become.
 */

/* A call to the driver that a signal does not end: neither mmap() nor EXPBUF knows EINTR. */
static int ask_driver(int fd, unsigned long cmd, void *arg)
{
	long result;

	do
		result = syscall(SYS_ioctl, fd, cmd, arg);
	while (result == -1 && errno == EINTR);
	return (int)result;
}

static void close_fd(int fd)
{
	int saved = errno;

	syscall(SYS_close, fd);
	errno = saved;
}

/* The descriptor that the driver has sent on `socket`, close-on-exec; -1 with errno. Never waits. */
static int receive_fd(int socket)
{
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* Not CMSG_SPACE: its padding would hold a second descriptor. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *header;
	long received;
	int fd;

	do
		received = syscall(SYS_recvmsg, socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (received == -1 && errno == EINTR);
	header = received == 1 ? CMSG_FIRSTHDR(&message) : NULL;
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(int))) {
		errno = EIO; /* The driver promised a descriptor. */
		return -1;
	}
	memcpy(&fd, CMSG_DATA(header), sizeof fd);
	return fd;
}

static int open_pair(int pair[2])
{
	return (int)syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static void close_pair(const int pair[2])
{
	close_fd(pair[0]);
	close_fd(pair[1]);
}

/* The descriptor that the driver sends in answer to `cmd`, whose `arg` names pair[1]. -1 with errno. */
static int fetch_fd(int device, unsigned long cmd, void *arg, const int pair[2])
{
	return ask_driver(device, cmd, arg) == -1 ? -1 : receive_fd(pair[0]);
}

/* memcpy() where one side is the caller's, and may be anywhere: the kernel finds out. 0, or -1 with errno. */
static int copy(void *to, const void *from, size_t size, const int pair[2])
{
	if (syscall(SYS_sendto, pair[1], from, size, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) != (long)size)
		return -1;
	return syscall(SYS_recvfrom, pair[0], to, size, MSG_DONTWAIT, NULL, NULL) == (long)size ? 0 : -1;
}

/*
 * The end of a driver is what a kernel driver calls the end of its device: ENODEV. On a FUSE file the kernel says
 * ENOTCONN, or ECONNABORTED to a call that waits. Other files have other reasons for these.
 */
RARE static int ended(int fd)
{
	int reason = errno;

	errno = v4l2_cuse_is_file_node(fd) ? ENODEV : reason;
	return -1;
}

/* Tells the driver that this client has the helper. False: not one of our devices. */
RARE static int hello(int device)
{
	struct v4l2_cuse_hello greeting = {
		.version = V4L2_CUSE_PROTOCOL_VERSION,
		.features = V4L2_CUSE_FEATURE_MAP | V4L2_CUSE_FEATURE_FD,
	};

	return ask_driver(device, V4L2_CUSE_HELLO, &greeting) != -1;
}

/*
 * The errno of a call that failed both ways: the driver's word counts on its own
 * device, and `plain`, the kernel's first answer, on any other, whatever that one
 * thought of our question.
 */
RARE static void settle_errno(int device, int plain)
{
	int reason = errno;

	errno = reason != ENOTTY && hello(device) ? reason : plain;
}

static void *map_through_driver(void *address, size_t length, int prot, int flags, int device, off64_t offset)
{
	struct v4l2_cuse_map map = {
		.version = V4L2_CUSE_PROTOCOL_VERSION,
		.offset = (uint64_t)offset,
		.length = length,
		.prot = (uint32_t)prot,
		.flags = (uint32_t)flags,
	};
	void *result = MAP_FAILED;
	int pair[2];
	int fd;

	if (open_pair(pair) == -1)
		return result;
	map.socket = pair[1];
	fd = fetch_fd(device, V4L2_CUSE_MAP, &map, pair);
	close_pair(pair);
	if (fd != -1) {
		result = plain_mmap(address, length, prot, flags, fd, (off64_t)map.fd_offset);
		close_fd(fd);
	}
	return result;
}

/*
 * ENODEV is CUSE's answer, and FUSE's for a shared mapping of a file with direct I/O. It comes before anything is
 * unmapped, so MAP_FIXED needs no care. Private mappings too: let the driver say that V4L2 has none.
 */
RARE static void *map_refused(void *address, size_t length, int prot, int flags, int fd, off64_t offset, int before)
{
	void *result = MAP_FAILED;

	if (!v4l2_cuse_may_be_node(fd)) {
		errno = ENODEV;
		return result;
	}
	result = map_through_driver(address, length, prot, flags, fd, offset);
	if (result != MAP_FAILED)
		errno = before;
	else
		settle_errno(fd, ENODEV);
	return result;
}

/*
 * The kernel maps a FUSE node as any file: all of its memory, at any time. The driver refuses what V4L2 does: buffers that
 * were not allocated for MMAP, half a buffer, a private mapping.
 */
RARE static void *map_node(void *address, size_t length, int prot, int flags, int fd, off64_t offset, int before)
{
	void *result = map_through_driver(address, length, prot, flags, fd, offset);

	if (result != MAP_FAILED)
		errno = before;
	else if (errno == ENOTCONN || errno == ECONNABORTED)
		errno = ENODEV;
	return result;
}

EXPORT void *mmap64(void *address, size_t length, int prot, int flags, int fd, off64_t offset)
{
	int before = errno;
	void *result;

	if (!(flags & MAP_ANONYMOUS) && v4l2_cuse_is_listed_node(fd))
		return map_node(address, length, prot, flags, fd, offset, before);
	result = plain_mmap(address, length, prot, flags, fd, offset);
	if (__builtin_expect(result != MAP_FAILED, 1) || errno != ENODEV || fd < 0)
		return result;
	return map_refused(address, length, prot, flags, fd, offset, before);
}

#ifdef __LP64__
EXPORT void *mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
	__attribute__((alias("mmap64")));
#else
/* An offset of 32 bits is not negative: buffers may be anywhere in 4 GiB. */
EXPORT void *mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	return mmap64(address, length, prot, flags, fd, (off64_t)(unsigned long)offset);
}
#endif

/*
 * `cmd`, one of the two that make a descriptor, on the driver's side. As ioctl(). The descriptor gets the lowest free
 * number, as from the kernel, which a socket keeps for it meanwhile: so the driver can be told.
 */
static int call_for_fd(int device, uint32_t cmd, void *arg)
{
	struct v4l2_cuse_fd call = {.version = V4L2_CUSE_PROTOCOL_VERSION, .cmd = cmd};
	size_t number = 0; /* where in `arg` the descriptor's number goes */
	uint32_t flags = O_CLOEXEC;
	int result = -1;
	int pair[2];
	int fd;

	if (open_pair(pair) == -1)
		return -1;
	if (cmd == VIDIOC_EXPBUF) {
		if (copy(call.arg, arg, sizeof(struct v4l2_exportbuffer), pair) == -1)
			goto out;
		memcpy(&flags, call.arg + offsetof(struct v4l2_exportbuffer, flags), sizeof flags);
		number = offsetof(struct v4l2_exportbuffer, fd);
	}
	call.socket = pair[1];
	call.number = pair[0];
	fd = fetch_fd(device, V4L2_CUSE_FD, &call, pair);
	if (fd == -1)
		goto out;
	memcpy(call.arg + number, &pair[0], sizeof pair[0]);
	result = copy(arg, call.arg, _IOC_SIZE(cmd), pair);
	if (result == 0 && syscall(SYS_dup3, fd, pair[0], flags & O_CLOEXEC) == -1)
		result = -1;
	close_fd(fd);
out:
	close_fd(pair[1]);
	if (result == -1)
		close_fd(pair[0]);
	return result;
}

/* Ahead of calls whose answer depends on whether we are here. They are rare, so nothing is remembered. As hello(). */
RARE static int greet(int device)
{
	int before = errno;
	int is_ours = hello(device);

	errno = before;
	return is_ours;
}

static inline int serve(ioctl_function *next, int fd, unsigned long cmd, void *arg)
{
	/* The kernel looks at 32 bits; some callers pass them sign-extended. */
	switch ((uint32_t)cmd) {
	case VIDIOC_REQBUFS:
	case VIDIOC_CREATE_BUFS:
		greet(fd);
		return plain_ioctl(next, fd, cmd, arg);
	case MEDIA_IOC_REQUEST_ALLOC:
	case VIDIOC_EXPBUF:
		return greet(fd) ? call_for_fd(fd, (uint32_t)cmd, arg) : plain_ioctl(next, fd, cmd, arg);
	default:
		return plain_ioctl(next, fd, cmd, arg);
	}
}

EXPORT int ioctl(int fd, unsigned long cmd, ...)
{
	va_list rest;
	void *arg;

	va_start(rest, cmd);
	arg = va_arg(rest, void *);
	va_end(rest);
	return serve(next_ioctl, fd, cmd, arg);
}

#ifndef __LP64__
/* What 32-bit programs with a 64-bit time_t call (glibc 2.34); it knows how older kernels want some of their ioctls. */
static ioctl_function *next_ioctl_time64;

__attribute__((constructor)) static void find_next_time64(void)
{
	next_ioctl_time64 = (ioctl_function *)dlsym(RTLD_NEXT, "__ioctl_time64");
}

EXPORT int __ioctl_time64(int fd, unsigned long cmd, ...);
int __ioctl_time64(int fd, unsigned long cmd, ...)
{
	va_list rest;
	void *arg;

	va_start(rest, cmd);
	arg = va_arg(rest, void *);
	va_end(rest);
	return serve(next_ioctl_time64, fd, cmd, arg);
}
#endif
