/*
 * What the helper library inside a client and the driver say to each other:
 * ioctls on the device's own descriptor. src/v4l2/helper-protocol.ts is the
 * other half; a test compares the two.
 *
 * All are _IOWR, so that CUSE carries the argument both ways in one round trip.
 * Nobody else uses type 0xC5 (Documentation/userspace-api/ioctl/ioctl-number.rst),
 * so every other driver answers ENOTTY.
 */
#ifndef V4L2_CUSE_PROTOCOL_H
#define V4L2_CUSE_PROTOCOL_H

#include <linux/ioctl.h>
#include <stdint.h>

#define V4L2_CUSE_PROTOCOL_VERSION 1

#define V4L2_CUSE_FEATURE_MAP 1u /* the client can map: MAP will be used */
#define V4L2_CUSE_FEATURE_FD 2u  /* the client can take descriptors: FD will be used */

/* "This open file's client has the helper." Sent before REQBUFS, CREATE_BUFS, EXPBUF and REQUEST_ALLOC. */
struct v4l2_cuse_hello {
	uint32_t version;
	uint32_t features; /* in: V4L2_CUSE_FEATURE_*; out: those that the driver knows */
};

/*
 * mmap() on the device. The driver sends the descriptor to map over `socket`
 * (SCM_RIGHTS, before it replies), and the place in it in `fd_offset`. A refusal
 * carries the errno that mmap() shall report.
 */
struct v4l2_cuse_map {
	uint32_t version;
	int32_t socket; /* the driver's end, as numbered in the calling process */
	uint64_t offset;
	uint64_t length;
	uint32_t prot;
	uint32_t flags;
	uint64_t fd_offset; /* out */
};

/* An ioctl that makes a descriptor in its caller. The driver carries out `cmd` on `arg`. */
struct v4l2_cuse_fd {
	uint32_t version;
	int32_t socket;
	uint32_t cmd;    /* VIDIOC_EXPBUF or MEDIA_IOC_REQUEST_ALLOC */
	int32_t number;  /* that the descriptor will have, for the driver's log */
	uint8_t arg[64]; /* _IOC_SIZE(cmd) bytes; in and out, but for the descriptor's number */
};

/* The same in programs of 32 bits: the driver does not ask. */
_Static_assert(sizeof(struct v4l2_cuse_hello) == 8 && sizeof(struct v4l2_cuse_map) == 40, "padding");
_Static_assert(sizeof(struct v4l2_cuse_fd) == 80, "padding");

#define V4L2_CUSE_HELLO _IOWR(0xC5, 0, struct v4l2_cuse_hello)
#define V4L2_CUSE_MAP _IOWR(0xC5, 1, struct v4l2_cuse_map)
#define V4L2_CUSE_FD _IOWR(0xC5, 2, struct v4l2_cuse_fd)

#endif
