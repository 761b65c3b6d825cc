/*
 * What a driver and the decoder process say to each other, over a socket that keeps message boundaries (descriptor 0
 * of the process). Plain C: a test compares it with src/decoder/protocol.ts.
 *
 *   decoder -> driver   struct decoder_hello, once; then a struct decoder_answer for each DECODER_JOB
 *   driver -> decoder   struct decoder_memory with one descriptor, struct decoder_forget, struct decoder_job
 *
 * Neither side trusts the other: a bitstream may have taken the decoder over, and what a client says is in the orders.
 * The decoder ends at the first order that makes no sense.
 */
#ifndef V4L2_CUSE_DECODER_PROTOCOL_H
#define V4L2_CUSE_DECODER_PROTOCOL_H

#include <stdint.h>

#define DECODER_PROTOCOL 1

/* decoder_hello.features */
#define DECODER_HAS_DAV1D 0x1
#define DECODER_IS_NOBODY 0x2 /* gave up its user; only root can */
#define DECODER_IS_FILTERED 0x4

struct decoder_hello {
	uint32_t protocol;
	uint32_t features;
};

/* The first word of each order */
#define DECODER_MEMORY 1
#define DECODER_FORGET 2
#define DECODER_JOB 3

/* Both queues: OUTPUT buffers from 0, CAPTURE buffers from DECODER_CAPTURE_SLOT. */
#define DECODER_SLOTS 128
#define DECODER_CAPTURE_SLOT 64

/* The memory of a buffer, whose descriptor comes with the message: replaces what was in the slot. */
struct decoder_memory {
	uint32_t order;
	uint32_t slot;
	uint64_t offset; /* whole pages */
	uint64_t size;
};

/* The buffers of these slots are no longer needed. */
struct decoder_forget {
	uint32_t order;
	uint32_t first;
	uint32_t count;
};

/* decoder_job.codec */
#define DECODER_H264 1
#define DECODER_HEVC 2
#define DECODER_MPEG2 3
#define DECODER_VP8 4
#define DECODER_VP9 5
#define DECODER_AV1 6
#define DECODER_FWHT 7

/* decoder_job.flags */
#define DECODER_NEW_FRAME 0x1 /* the first job of its CAPTURE buffer */
#define DECODER_MORE 0x2      /* keep it: the rest of what is decoded together comes with the next job */
#define DECODER_SLICES 0x4    /* H.264: a job need not be a whole picture */
#define DECODER_RESTART 0x8   /* forget all references first */

/* decoder_job.layout */
#define DECODER_NV12 1
#define DECODER_YU12 2
#define DECODER_P010 3

#define DECODER_PIECES 4096
#define DECODER_INLINE 65536

/* decoder_piece.where */
#define DECODER_OF_JOB 0    /* bytes that follow the pieces in the message */
#define DECODER_OF_SOURCE 1 /* bytes of the OUTPUT buffer */

/* What is decoded is put together from pieces. */
struct decoder_piece {
	uint32_t where;
	uint32_t offset;
	uint32_t size;
};

struct decoder_job {
	uint32_t order;
	uint32_t serial;
	uint32_t codec;
	uint32_t flags;
	uint32_t source;      /* slot */
	uint32_t destination; /* slot */
	uint32_t layout;
	uint32_t width;
	uint32_t height;
	uint32_t stride;  /* bytes of a luma line */
	uint32_t pieces;  /* struct decoder_piece: so many follow */
	uint32_t inlined; /* then so many bytes */
};

/* decoder_answer.status */
#define DECODER_DONE 0
#define DECODER_NO_PICTURE 1   /* nothing in it made a picture */
#define DECODER_BROKEN 2       /* the bitstream is broken; what was decoded is in the buffer */
#define DECODER_OTHER_LAYOUT 3 /* the picture has another bit depth or chroma format */
#define DECODER_LARGER 4       /* the picture is larger than the CAPTURE format */
#define DECODER_NO_MEMORY 5
#define DECODER_NO_CODEC 6 /* the libraries lack the decoder */

struct decoder_answer {
	uint32_t serial;
	uint32_t status;
	uint32_t width; /* of the picture, pixels */
	uint32_t height;
};

#endif
