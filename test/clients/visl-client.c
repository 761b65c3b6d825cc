/*
 * A stateless decoder's client that does what it is told, step by step, and prints a line for each: "step: ok" or
 * "step: EINVAL". Requests have numbers, 0 to 15; "-" is none.
 *
 *   visl-client VIDEO MEDIA STEP...
 *     format FOURCC WIDTHxHEIGHT SIZEIMAGE  of OUTPUT; CAPTURE follows
 *     alloc N             N buffers on each queue, mapped
 *     on|off|free WHICH   WHICH is out, cap or both
 *     request R           a new one;  other R MEDIA: one of another device;  file R PATH: no request at all
 *     drop R              closes it, and keeps the descriptor's number
 *     vp8 R key|TIMESTAMP VP8 frame parameters: a key frame, or one that refers to that frame, ns
 *     fwht R              FWHT parameters of a key frame
 *     control R ID SIZE   SIZE bytes of zeros;  wild R ID SIZE: from where no memory is
 *     bitstream R INDEX TIMESTAMP SIZE  queues an OUTPUT buffer
 *     frame R INDEX       queues a CAPTURE buffer
 *     submit R | reinit R
 *     wait R MS           until it is complete
 *     dequeue out|cap     prints index, sequence, time stamp and whether it is in error
 *     save PATH           appends the CAPTURE buffer that was dequeued last to a file
 *     mark TEXT | sleep MS
 */
#include "client.h"
#include "v4l2-stream.h"

#include <fcntl.h>
#include <linux/media.h>
#include <poll.h>
#include <unistd.h>

#define MAX_REQUESTS 16

static struct stream out = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE};
static struct stream cap = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE};
static int requests[MAX_REQUESTS];
static struct v4l2_buffer dequeued;
static struct v4l2_plane dequeued_planes[VIDEO_MAX_PLANES];

static unsigned int slot(const char *text, unsigned int limit)
{
	unsigned long value = number(text);

	if (value >= limit) {
		fprintf(stderr, "no %s here\n", text);
		exit(2);
	}
	return (unsigned int)value;
}

static int open_or_die(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd == -1)
		die(path);
	return fd;
}

static int set_format(const char *fourcc, const char *size, const char *sizeimage)
{
	struct v4l2_format format = {.type = out.type};
	struct v4l2_pix_format_mplane *pix = &format.fmt.pix_mp;

	if (strlen(fourcc) != 4 || sscanf(size, "%ux%u", &pix->width, &pix->height) != 2)
		die("format");
	pix->pixelformat = v4l2_fourcc(fourcc[0], fourcc[1], fourcc[2], fourcc[3]);
	pix->field = V4L2_FIELD_NONE;
	pix->num_planes = 1;
	pix->plane_fmt[0].sizeimage = (uint32_t)number(sizeimage);
	return ioctl(out.fd, VIDIOC_S_FMT, &format);
}

static int allocate(struct stream *stream, unsigned int count)
{
	if (stream_allocate(stream, count))
		return -1;
	for (unsigned int index = 0; index < stream->count; index++)
		stream_map(stream, index);
	return 0;
}

static int free_buffers(struct stream *stream)
{
	stream_unmap(stream);
	return stream_free(stream);
}

static int set_control(const char *request, uint32_t id, void *value, uint32_t size)
{
	struct v4l2_ext_control control = {.id = id, .size = size, .ptr = value};
	struct v4l2_ext_controls controls = {.count = 1, .controls = &control};

	if (strcmp(request, "-")) {
		controls.which = V4L2_CTRL_WHICH_REQUEST_VAL;
		controls.request_fd = requests[slot(request, MAX_REQUESTS)];
	}
	return ioctl(out.fd, VIDIOC_S_EXT_CTRLS, &controls);
}

/* The smallest parameters that the control framework accepts. */
static int set_vp8(const char *request, const char *reference)
{
	struct v4l2_ctrl_vp8_frame frame = {.width = 320, .height = 240, .num_dct_parts = 1};

	frame.flags = V4L2_VP8_FRAME_FLAG_SHOW_FRAME;
	if (!strcmp(reference, "key"))
		frame.flags |= V4L2_VP8_FRAME_FLAG_KEY_FRAME;
	else
		frame.last_frame_ts = frame.golden_frame_ts = frame.alt_frame_ts = number(reference);
	return set_control(request, V4L2_CID_STATELESS_VP8_FRAME, &frame, sizeof frame);
}

static int set_fwht(const char *request)
{
	struct v4l2_ctrl_fwht_params params = {.version = 3, .width = 640, .height = 480};

	params.flags = V4L2_FWHT_FL_I_FRAME | V4L2_FWHT_FL_PIXENC_YUV | 2 << V4L2_FWHT_FL_COMPONENTS_NUM_OFFSET;
	return set_control(request, V4L2_CID_STATELESS_FWHT_PARAMS, &params, sizeof params);
}

static int set_any(const char *request, const char *id, const char *size, int is_wild)
{
	static char zeros[1 << 16];

	return set_control(request, (uint32_t)number(id), is_wild ? (void *)16 : zeros,
			   (uint32_t)slot(size, sizeof zeros));
}

static int queue(struct stream *stream, const char *request, const char *index, uint64_t timestamp_ns, uint32_t size)
{
	struct v4l2_buffer buffer;

	stream_describe(stream, &buffer, slot(index, MAX_BUFFERS));
	buffer.length = 1;
	buffer.m.planes[0].bytesused = size;
	buffer.timestamp.tv_sec = (time_t)(timestamp_ns / 1000000000);
	buffer.timestamp.tv_usec = (suseconds_t)(timestamp_ns % 1000000000 / 1000);
	if (strcmp(request, "-")) {
		buffer.flags |= V4L2_BUF_FLAG_REQUEST_FD;
		buffer.request_fd = requests[slot(request, MAX_REQUESTS)];
	}
	return ioctl(stream->fd, VIDIOC_QBUF, &buffer);
}

static void dequeue(const char *which)
{
	struct stream *stream = strcmp(which, "out") ? &cap : &out;

	if (stream_dequeue(stream, &dequeued)) {
		printf("dequeue %s: %s\n", which, outcome(-1));
		return;
	}
	memcpy(dequeued_planes, stream->scratch, sizeof dequeued_planes);
	printf("dequeue %s: index %u sequence %u timestamp %lld%s\n", which, dequeued.index, dequeued.sequence,
	       dequeued.timestamp.tv_sec * 1000000000LL + dequeued.timestamp.tv_usec * 1000LL,
	       dequeued.flags & V4L2_BUF_FLAG_ERROR ? " error" : "");
}

static void save(const char *path)
{
	FILE *file = fopen(path, "ab");

	if (!file)
		die(path);
	memcpy(cap.scratch, dequeued_planes, sizeof dequeued_planes);
	stream_write(&cap, &dequeued, file);
	if (fclose(file))
		die(path);
}

static void wait_complete(const char *request, const char *ms)
{
	struct pollfd entry = {.fd = requests[slot(request, MAX_REQUESTS)], .events = POLLPRI};
	int ready = poll(&entry, 1, (int)number(ms));

	if (ready == -1)
		printf("wait %s: %s\n", request, outcome(-1));
	else
		printf("wait %s: %s\n", request, !ready ? "timeout" : entry.revents & POLLPRI ? "complete" : "POLLERR");
}

int main(int argc, char **argv)
{
	int media, at = 3;

	if (argc < 3) {
		fprintf(stderr, "usage: visl-client VIDEO MEDIA STEP...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	out.fd = cap.fd = open_or_die(argv[1]);
	media = open_or_die(argv[2]);
#define NEXT() (at < argc ? argv[at++] : (fprintf(stderr, "a step lacks a word\n"), exit(2), (char *)NULL))
	while (at < argc) {
		const char *step = NEXT(), *first = NEXT();

		if (!strcmp(step, "format")) {
			const char *size = NEXT();

			printf("format: %s\n", outcome(set_format(first, size, NEXT())));
		} else if (!strcmp(step, "alloc")) {
			unsigned int count = slot(first, MAX_BUFFERS);

			printf("alloc: %s\n", outcome(allocate(&out, count) || allocate(&cap, count) ? -1 : 0));
		} else if (!strcmp(step, "on") || !strcmp(step, "off") || !strcmp(step, "free")) {
			int result = 0;

			for (int i = 0; i < 2 && !result; i++) {
				struct stream *stream = i ? &cap : &out;

				if (!strcmp(first, i ? "out" : "cap"))
					continue;
				result = !strcmp(step, "on")    ? stream_on(stream)
					 : !strcmp(step, "off") ? stream_off(stream)
								: free_buffers(stream);
			}
			printf("%s %s: %s\n", step, first, outcome(result));
		} else if (!strcmp(step, "request")) {
			printf("request %s: %s\n", first,
			       outcome(ioctl(media, MEDIA_IOC_REQUEST_ALLOC, &requests[slot(first, MAX_REQUESTS)])));
		} else if (!strcmp(step, "other")) {
			int other = open_or_die(NEXT());

			printf("other %s: %s\n", first,
			       outcome(ioctl(other, MEDIA_IOC_REQUEST_ALLOC, &requests[slot(first, MAX_REQUESTS)])));
		} else if (!strcmp(step, "file")) {
			requests[slot(first, MAX_REQUESTS)] = open_or_die(NEXT());
		} else if (!strcmp(step, "drop")) {
			printf("drop %s: %s\n", first, outcome(close(requests[slot(first, MAX_REQUESTS)])));
		} else if (!strcmp(step, "vp8")) {
			printf("vp8 %s: %s\n", first, outcome(set_vp8(first, NEXT())));
		} else if (!strcmp(step, "fwht")) {
			printf("fwht %s: %s\n", first, outcome(set_fwht(first)));
		} else if (!strcmp(step, "control") || !strcmp(step, "wild")) {
			const char *id = NEXT();

			printf("%s %s: %s\n", step, first, outcome(set_any(first, id, NEXT(), *step == 'w')));
		} else if (!strcmp(step, "bitstream")) {
			const char *index = NEXT();
			uint64_t timestamp_ns = number(NEXT());

			printf("bitstream %s: %s\n", first,
			       outcome(queue(&out, first, index, timestamp_ns, (uint32_t)number(NEXT()))));
		} else if (!strcmp(step, "frame")) {
			printf("frame %s: %s\n", first, outcome(queue(&cap, first, NEXT(), 0, 0)));
		} else if (!strcmp(step, "submit")) {
			printf("submit %s: %s\n", first,
			       outcome(ioctl(requests[slot(first, MAX_REQUESTS)], MEDIA_REQUEST_IOC_QUEUE)));
		} else if (!strcmp(step, "reinit")) {
			printf("reinit %s: %s\n", first,
			       outcome(ioctl(requests[slot(first, MAX_REQUESTS)], MEDIA_REQUEST_IOC_REINIT)));
		} else if (!strcmp(step, "wait")) {
			wait_complete(first, NEXT());
		} else if (!strcmp(step, "dequeue")) {
			dequeue(first);
		} else if (!strcmp(step, "save")) {
			save(first);
		} else if (!strcmp(step, "mark")) {
			puts(first);
		} else if (!strcmp(step, "sleep")) {
			usleep((useconds_t)number(first) * 1000);
		} else {
			fprintf(stderr, "no step %s\n", step);
			return 2;
		}
	}
	return 0;
}
