/*
 * What a driver and the process that converts pictures say to each other, over a socket that keeps message boundaries
 * (descriptor 0 of the process). Plain C: a test compares it with src/convert/protocol.ts.
 *
 *   converter -> driver   struct convert_hello, once; then a struct convert_answer for each CONVERT_JOB
 *   driver -> converter   struct convert_memory with one descriptor, struct convert_forget, struct convert_job
 *
 * Neither side trusts the other: a picture may have taken the converter over, and what a client says is in the orders.
 * The converter ends at the first order that makes no sense.
 */
#ifndef V4L2_CUSE_CONVERT_PROTOCOL_H
#define V4L2_CUSE_CONVERT_PROTOCOL_H

#include <stdint.h>

#define CONVERT_PROTOCOL 1

/* convert_hello.features */
#define CONVERT_IS_NOBODY 0x2 /* gave up its user; only root can */
#define CONVERT_IS_FILTERED 0x4

struct convert_hello {
	uint32_t protocol;
	uint32_t features;
};

/* The first word of each order */
#define CONVERT_MEMORY 1
#define CONVERT_FORGET 2
#define CONVERT_JOB 3

#define CONVERT_SLOTS 1024

/* Memory, whose descriptor comes with the message: replaces what was in the slot. */
struct convert_memory {
	uint32_t order;
	uint32_t slot;
	uint64_t offset; /* whole pages */
	uint64_t size;
	uint32_t writable; /* 0 or 1 */
	uint32_t reserved;
};

#define CONVERT_FORGOTTEN 62

/* The memories of the first `count` of these slots are no longer needed. */
struct convert_forget {
	uint32_t order;
	uint32_t count;
	uint32_t slots[CONVERT_FORGOTTEN];
};

/* convert_picture.format: the names after V4L2_PIX_FMT_ */
#define CONVERT_YUYV 1
#define CONVERT_UYVY 2
#define CONVERT_YVYU 3
#define CONVERT_NV12 4
#define CONVERT_NV21 5
#define CONVERT_NV16 6
#define CONVERT_NV24 7
#define CONVERT_NV42 8
#define CONVERT_YUV420 9
#define CONVERT_YVU420 10
#define CONVERT_YUV422P 11
#define CONVERT_P010 12
#define CONVERT_GREY 13
#define CONVERT_Y10 14
#define CONVERT_Y16 15
#define CONVERT_RGB24 16
#define CONVERT_BGR24 17
#define CONVERT_XBGR32 18
#define CONVERT_ABGR32 19
#define CONVERT_RGBX32 20
#define CONVERT_RGBA32 21
#define CONVERT_XRGB32 22
#define CONVERT_ARGB32 23
#define CONVERT_BGRX32 24
#define CONVERT_BGRA32 25
#define CONVERT_BGR32 26
#define CONVERT_RGB32 27
#define CONVERT_RGB565 28
#define CONVERT_XRGB555 29
#define CONVERT_MJPEG 30
#define CONVERT_JPEG 31
#define CONVERT_PNG 32

/* convert_picture.matrix */
#define CONVERT_BT601 1
#define CONVERT_BT709 2
#define CONVERT_BT2020 3
#define CONVERT_SMPTE240M 4

/* convert_job.fit: what becomes of another ratio of the sides */
#define CONVERT_STRETCH 0
#define CONVERT_BARS 1
#define CONVERT_CUT 2

/* convert_job.flags */
#define CONVERT_GREYED 0x1 /* no colours, and darker */
#define CONVERT_FAST 0x2   /* bilinear, not bicubic */

#define CONVERT_LARGEST 16384 /* width and height, pixels */
#define CONVERT_PLANES 3

struct convert_picture {
	uint32_t slot;
	uint32_t format;
	uint32_t width; /* pixels; of a compressed source 0 */
	uint32_t height;
	uint32_t matrix;
	uint32_t full;                   /* 1: full range */
	uint32_t offset[CONVERT_PLANES]; /* bytes, into the memory */
	uint32_t stride[CONVERT_PLANES]; /* bytes; 0 for compressed ones */
	uint32_t bytes;                  /* compressed: those that are there, or the room there is */
};

struct convert_job {
	uint32_t order;
	uint32_t serial;
	struct convert_picture source;
	struct convert_picture destination;
	/* A part of the source, pixels; its width 0: all of it. */
	uint32_t left;
	uint32_t top;
	uint32_t width;
	uint32_t height;
	uint32_t fit;
	uint32_t flags;
	uint32_t quality; /* of JPEG, 1 to 100 */
};

/* convert_answer.status */
#define CONVERT_DONE 0
#define CONVERT_BROKEN 1    /* what is compressed cannot be read */
#define CONVERT_TOO_LARGE 2 /* what is compressed does not fit into its room */
#define CONVERT_NO_MEMORY 3 /* none left, or the file of a memory was made shorter */
#define CONVERT_OUTSIDE 4   /* the part is not in the source */

struct convert_answer {
	uint32_t serial;
	uint32_t status;
	uint32_t bytes; /* of the destination, to the last one written */
};

#endif
