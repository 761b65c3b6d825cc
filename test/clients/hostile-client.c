/*
 * A client that asks for what it must not get, of the mem2mem example. Each refusal must be the documented one and
 * change nothing: what the device says of itself is compared before and after.
 *
 *   hostile-client DEVICE arguments ROUNDS   prints "name: EFAULT" for each call that must fail, in the first round
 *   hostile-client DEVICE fuzz SEED CALLS    random ioctls of type 'V'; prints how many ended with EIO
 */
#include "client.h"

#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int device;
static long page;
/* A page to read and write, one to read, one that cannot be touched; behind each, one that cannot be touched. */
static uint8_t *writable, *readable, *untouchable;
static bool isQuiet;

/* What clients can see. */
static struct state {
	struct v4l2_format format[2];
	struct v4l2_control flip;
	struct v4l2_buffer buffer;
	enum v4l2_priority priority;
} before, after;

static void look(struct state *state)
{
	memset(state, 0, sizeof *state);
	state->format[0].type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	state->format[1].type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	state->flip.id = V4L2_CID_HFLIP;
	state->buffer.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	if (ioctl(device, VIDIOC_G_FMT, &state->format[0]) || ioctl(device, VIDIOC_G_FMT, &state->format[1]) ||
	    ioctl(device, VIDIOC_G_CTRL, &state->flip) || ioctl(device, VIDIOC_QUERYBUF, &state->buffer) ||
	    ioctl(device, VIDIOC_G_PRIORITY, &state->priority))
		die("looking");
}

static void expect_refusal(const char *name, int result)
{
	int error = errno;

	look(&after);
	errno = error;
	if (!isQuiet)
		printf("%s: %s%s\n", name, outcome(result),
		       memcmp(&before, &after, sizeof before) ? ", and a change" : "");
}

static uint8_t *pages(int protection)
{
	uint8_t *start = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED || mprotect(start + page, (size_t)page, PROT_NONE) ||
	    mprotect(start, (size_t)page, protection))
		die("mmap");
	return start;
}

/* Two flips: the one that there is, set, then the same once more. */
static void put_controls(uint8_t *at)
{
	struct v4l2_ext_control controls[2] = {{.id = V4L2_CID_HFLIP, .value = 1}, {.id = V4L2_CID_HFLIP, .value = 1}};

	memcpy(at, controls, sizeof controls);
}

static void controls(const char *name, unsigned long cmd, uint32_t count, void *array, int request)
{
	struct v4l2_ext_controls wish = {.count = count, .controls = array};

	if (request != -2) {
		wish.which = V4L2_CTRL_WHICH_REQUEST_VAL;
		wish.request_fd = request;
	}
	expect_refusal(name, ioctl(device, cmd, &wish));
}

static void bad_controls(void)
{
	struct v4l2_ext_control *last = (void *)(writable + page - sizeof *last);

	last->id = V4L2_CID_HFLIP;
	last->value = 1;
	controls("array over the end of its mapping", VIDIOC_S_EXT_CTRLS, 2, last, -2);
	controls("array at no address", VIDIOC_S_EXT_CTRLS, 1, NULL, -2);
	controls("array in the kernel", VIDIOC_S_EXT_CTRLS, 1, (void *)~0xffful, -2);
	controls("array that cannot be read", VIDIOC_S_EXT_CTRLS, 1, untouchable, -2);
	put_controls(writable);
	controls("more controls than there can be", VIDIOC_S_EXT_CTRLS, 1025, writable, -2);
	controls("4294967295 controls", VIDIOC_S_EXT_CTRLS, UINT32_MAX, writable, -2);
	controls("values that cannot be written", VIDIOC_G_EXT_CTRLS, 1, readable, -2);
	controls("controls of request -1", VIDIOC_S_EXT_CTRLS, 1, writable, -1);
	controls("controls of a request that is not open", VIDIOC_S_EXT_CTRLS, 1, writable, 1000000);
	controls("controls of a request that is none", VIDIOC_S_EXT_CTRLS, 1, writable, 0);
	controls("controls of a request that is the device", VIDIOC_S_EXT_CTRLS, 1, writable, device);
}

static void buffer(const char *name, struct v4l2_buffer wish)
{
	expect_refusal(name, ioctl(device, VIDIOC_QBUF, &wish));
}

static void bad_buffers(void)
{
	struct v4l2_buffer good = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = V4L2_MEMORY_USERPTR};
	struct v4l2_buffer wish;

	good.bytesused = 1;
	good.m.userptr = (unsigned long)writable;
	good.length = (uint32_t)page;
	wish = good, wish.index = UINT32_MAX;
	buffer("buffer 4294967295", wish);
	wish = good, wish.type = UINT32_MAX;
	buffer("buffer of type 4294967295", wish);
	wish = good, wish.memory = V4L2_MEMORY_MMAP;
	buffer("buffer of other memory", wish);
	wish = good, wish.flags = V4L2_BUF_FLAG_REQUEST_FD, wish.request_fd = -1;
	buffer("buffer in request -1", wish);
	wish = good, wish.flags = V4L2_BUF_FLAG_REQUEST_FD, wish.request_fd = device;
	buffer("buffer in a request that is the device", wish);
}

static void bad_numbers(void)
{
	struct v4l2_create_buffers create = {.count = 1, .memory = V4L2_MEMORY_USERPTR};
	struct v4l2_fmtdesc format = {.index = UINT32_MAX, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
	struct v4l2_event_subscription events = {.type = UINT32_MAX};
	struct v4l2_requestbuffers buffers = {.count = UINT32_MAX, .type = UINT32_MAX, .memory = V4L2_MEMORY_USERPTR};
	enum v4l2_priority priority = (enum v4l2_priority)UINT32_MAX;
	uint8_t bytes[1 << 14] = {0};

	create.format.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	create.format.fmt.pix.sizeimage = 1;
	expect_refusal("buffers smaller than a picture", ioctl(device, VIDIOC_CREATE_BUFS, &create));
	create.format.type = UINT32_MAX;
	expect_refusal("buffers for type 4294967295", ioctl(device, VIDIOC_CREATE_BUFS, &create));
	expect_refusal("format 4294967295", ioctl(device, VIDIOC_ENUM_FMT, &format));
	expect_refusal("event 4294967295", ioctl(device, VIDIOC_SUBSCRIBE_EVENT, &events));
	expect_refusal("buffers of type 4294967295", ioctl(device, VIDIOC_REQBUFS, &buffers));
	expect_refusal("priority 4294967295", ioctl(device, VIDIOC_S_PRIORITY, &priority));
	expect_refusal("QUERYCAP of no size", ioctl(device, _IOC(_IOC_READ, 'V', 0, 0), bytes));
	expect_refusal("QUERYCAP of 16383 bytes", ioctl(device, _IOC(_IOC_READ, 'V', 0, 16383), bytes));
	expect_refusal("S_FMT in one direction",
		       ioctl(device, _IOC(_IOC_WRITE, 'V', 5, sizeof(struct v4l2_format)), bytes));
	expect_refusal("ioctl 255", ioctl(device, _IOC(_IOC_READ | _IOC_WRITE, 'V', 255, 64), bytes));
}

/*
 * vb2 forgets the memory that a buffer had when the next is refused, and from then on the queue is used without
 * requests: the one refusal that leaves traces.
 */
static void small_memory(void)
{
	struct v4l2_buffer wish = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = V4L2_MEMORY_USERPTR, .length = 1};

	wish.m.userptr = (unsigned long)writable;
	printf("memory smaller than a picture: %s\n", outcome(ioctl(device, VIDIOC_QBUF, &wish)));
	wish.flags = V4L2_BUF_FLAG_REQUEST_FD;
	printf("a request after that: %s\n", outcome(ioctl(device, VIDIOC_QBUF, &wish)));
}

static void arguments(unsigned long rounds)
{
	struct v4l2_requestbuffers buffers = {
		.count = 1, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = V4L2_MEMORY_USERPTR};

	if (ioctl(device, VIDIOC_REQBUFS, &buffers))
		die("REQBUFS");
	look(&before);
	for (unsigned long round = 0; round < rounds; round++) {
		bad_controls();
		bad_buffers();
		bad_numbers();
		if (memcmp(&before, &after, sizeof before)) {
			printf("round %lu changed something\n", round);
			exit(1);
		}
		isQuiet = true;
	}
	small_memory();
	printf("done\n");
}

static uint64_t seed;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return below ? (uint32_t)(seed >> 16) % below : (uint32_t)(seed >> 16);
}

static const unsigned long known[] = {
	VIDIOC_QUERYCAP,    VIDIOC_ENUM_FMT,        VIDIOC_G_FMT,
	VIDIOC_S_FMT,       VIDIOC_REQBUFS,         VIDIOC_QUERYBUF,
	VIDIOC_QBUF,        VIDIOC_EXPBUF,          VIDIOC_DQBUF,
	VIDIOC_STREAMON,    VIDIOC_STREAMOFF,       VIDIOC_G_PARM,
	VIDIOC_S_PARM,      VIDIOC_G_CTRL,          VIDIOC_S_CTRL,
	VIDIOC_QUERYCTRL,   VIDIOC_QUERYMENU,       VIDIOC_TRY_FMT,
	VIDIOC_G_PRIORITY,  VIDIOC_S_PRIORITY,      VIDIOC_G_EXT_CTRLS,
	VIDIOC_S_EXT_CTRLS, VIDIOC_TRY_EXT_CTRLS,   VIDIOC_ENUM_FRAMESIZES,
	VIDIOC_DQEVENT,     VIDIOC_SUBSCRIBE_EVENT, VIDIOC_UNSUBSCRIBE_EVENT,
	VIDIOC_CREATE_BUFS, VIDIOC_PREPARE_BUF,     VIDIOC_G_SELECTION,
	VIDIOC_S_SELECTION, VIDIOC_DECODER_CMD,     VIDIOC_QUERY_EXT_CTRL,
	VIDIOC_G_CROP,
};

/* Numbers that mean something, and some that are just past that. */
static uint32_t word(void)
{
	static const uint32_t liked[] = {
		0,
		1,
		2,
		3,
		4,
		8,
		31,
		32,
		33,
		64,
		640,
		4096,
		0x7fffffff,
		0x80000000,
		UINT32_MAX,
		V4L2_CID_HFLIP,
		V4L2_CTRL_FLAG_NEXT_CTRL,
		V4L2_CTRL_WHICH_REQUEST_VAL,
		V4L2_PIX_FMT_RGB24,
		V4L2_PIX_FMT_YUYV,
	};

	return any(3) ? liked[any(COUNT(liked))] : any(0);
}

static void *address(void)
{
	void *const places[] = {NULL, writable, writable + page - 24, readable, untouchable, (void *)~0xffful};

	return places[any(COUNT(places))];
}

static void fuzz(unsigned long calls)
{
	unsigned long failed = 0;
	static _Alignas(8) uint8_t arg[1 << 14];

	for (unsigned long call = 0; call < calls; call++) {
		unsigned long cmd =
			any(4) ? known[any(COUNT(known))]
			       : (unsigned long)_IOC(any(4), 'V', any(256), any(8) ? any(256) : any(1 << 14));

		for (size_t at = 0; at < 256; at += 4) {
			uint32_t value = word();

			memcpy(arg + at, &value, 4);
		}
		if (any(2)) {
			/* Somewhere a pointer that leads somewhere. */
			void *pointer = address();

			memcpy(arg + 8 * any(16), &pointer, sizeof pointer);
		}
		/* Most calls are for a queue that there is. */
		if (any(4))
			arg[0] = (uint8_t)(1 + any(2)), memset(arg + 1, 0, 3);
		if (ioctl(device, cmd, any(20) ? (void *)arg : address()) == -1 && errno == EIO) {
			printf("EIO: %#lx\n", cmd);
			failed++;
		}
	}
	printf("EIO %lu times\n", failed);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: hostile-client DEVICE arguments ROUNDS | fuzz SEED CALLS\n");
		return 2;
	}
	device = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (device == -1)
		die(argv[1]);
	page = sysconf(_SC_PAGESIZE);
	writable = pages(PROT_READ | PROT_WRITE);
	readable = pages(PROT_READ | PROT_WRITE);
	put_controls(readable);
	mprotect(readable, (size_t)page, PROT_READ);
	untouchable = pages(PROT_NONE);
	if (!strcmp(argv[2], "arguments")) {
		arguments(number(argv[3]));
	} else if (!strcmp(argv[2], "fuzz") && argc == 5) {
		seed = number(argv[3]) * 2 + 1;
		fuzz(number(argv[4]));
	} else {
		fprintf(stderr, "no command %s\n", argv[2]);
		return 2;
	}
	return 0;
}
