/*
 * A client of a mem2mem device that does what it is told, step by step, and prints a line for each: "step: ok" or
 * "step: EINVAL". Pictures are RGB3; the OUTPUT buffer of frame F has byte (31 * F + 7 * N) at N, and its time stamp
 * is F seconds, so that a CAPTURE buffer can be checked by itself.
 *
 *   m2m-client VIDEO STEP...
 *     open              one more file, on which the next steps work
 *     file N            the N-th opened file
 *     size WIDTHxHEIGHT sets the format of OUTPUT
 *     export            what is allocated from now on is mapped by what EXPBUF gives
 *     alloc N           N buffers on each queue, mapped
 *     on|off|free WHICH WHICH is out, cap or both
 *     queue out INDEX FRAME | queue cap INDEX
 *     dequeue WHICH     prints index, sequence, and of CAPTURE what the picture is
 *     ctrl ID VALUE     sets a control
 *     nonblock          O_NONBLOCK from now on
 *     poll MS           what poll() says of both queues
 *     media PATH        opens the media device
 *     request R | reinit R | submit R | drop R
 *     rctrl R ID VALUE | rqueue R INDEX FRAME
 *     rwait R MS        waits until request R is complete
 *     close | sleep MS | mark TEXT
 */
#include "../../clients/client.h"
#include "../../clients/v4l2-stream.h"

#include <fcntl.h>
#include <linux/media.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#define MAX_FILES 16
#define MAX_REQUESTS 64

struct file {
	struct stream out, cap;
	uint32_t width, height;
};

static struct file files[MAX_FILES];
static int requests[MAX_REQUESTS];
static int media = -1;

static uint8_t byte_of(uint32_t frame, size_t at)
{
	return (uint8_t)(31 * frame + 7 * at);
}

/* Is `bytes` frame `frame`, mirrored so? */
static bool is_picture(const struct file *file, const uint8_t *bytes, uint32_t frame, bool h, bool v)
{
	for (uint32_t y = 0; y < file->height; y++) {
		for (uint32_t x = 0; x < file->width; x++) {
			size_t at = 3 * ((size_t)y * file->width + x);
			size_t from_x = h ? file->width - 1 - x : x, from_y = v ? file->height - 1 - y : y;
			size_t from = 3 * (from_y * file->width + from_x);

			for (size_t i = 0; i < 3; i++)
				if (bytes[at + i] != byte_of(frame, from + i))
					return false;
		}
	}
	return true;
}

static const char *picture_name(const struct file *file, const uint8_t *bytes, uint32_t frame)
{
	static const char *const names[] = {"plain", "hflip", "vflip", "hvflip"};

	for (unsigned int i = 0; i < 4; i++)
		if (is_picture(file, bytes, frame, i & 1, i & 2))
			return names[i];
	return "something else";
}

static struct stream *side(struct file *file, const char *which)
{
	return strcmp(which, "out") ? &file->cap : &file->out;
}

static int set_size(struct file *file, const char *text)
{
	struct v4l2_format format = {.type = file->out.type};

	if (sscanf(text, "%ux%u", &file->width, &file->height) != 2)
		die("size");
	format.fmt.pix.width = file->width;
	format.fmt.pix.height = file->height;
	format.fmt.pix.pixelformat = V4L2_PIX_FMT_RGB24;
	return ioctl(file->out.fd, VIDIOC_S_FMT, &format);
}

static int allocate(struct file *file, unsigned int count)
{
	struct stream *const both[] = {&file->out, &file->cap};

	for (unsigned int i = 0; i < 2; i++) {
		if (stream_allocate(both[i], count))
			return -1;
		for (unsigned int index = 0; index < both[i]->count; index++)
			stream_map(both[i], index);
	}
	return 0;
}

static int queue(struct file *file, bool out, unsigned int index, uint32_t frame, int request)
{
	struct stream *stream = out ? &file->out : &file->cap;
	struct v4l2_buffer buffer;

	stream_describe(stream, &buffer, index);
	if (out) {
		uint8_t *bytes = stream->planes[index][0].start;
		size_t size = 3 * (size_t)file->width * file->height;

		for (size_t i = 0; bytes && i < size; i++)
			bytes[i] = byte_of(frame, i);
		buffer.bytesused = (uint32_t)size;
		buffer.field = V4L2_FIELD_NONE;
		buffer.timestamp.tv_sec = frame;
	}
	if (request >= 0) {
		buffer.flags |= V4L2_BUF_FLAG_REQUEST_FD;
		buffer.request_fd = request;
	}
	return ioctl(stream->fd, VIDIOC_QBUF, &buffer);
}

static void dequeue(struct file *file, const char *which)
{
	struct stream *stream = side(file, which);
	struct v4l2_buffer buffer;

	if (stream_dequeue(stream, &buffer)) {
		printf("dequeue %s: %s\n", which, outcome(-1));
		return;
	}
	printf("dequeue %s: index %u sequence %u frame %ld", which, buffer.index, buffer.sequence,
	       (long)buffer.timestamp.tv_sec);
	if (buffer.flags & V4L2_BUF_FLAG_ERROR)
		printf(" error");
	else if (stream == &file->cap)
		printf(" %s",
		       picture_name(file, stream->planes[buffer.index][0].start, (uint32_t)buffer.timestamp.tv_sec));
	putchar('\n');
}

static int set_control(struct file *file, int request, const char *id, const char *value)
{
	struct v4l2_ext_control control = {.id = (uint32_t)number(id), .value = (int32_t)number(value)};
	struct v4l2_ext_controls controls = {.count = 1, .controls = &control};

	if (request >= 0) {
		controls.which = V4L2_CTRL_WHICH_REQUEST_VAL;
		controls.request_fd = request;
	}
	return ioctl(file->out.fd, VIDIOC_S_EXT_CTRLS, &controls);
}

static void poll_queues(struct file *file, int timeout_ms)
{
	struct pollfd entry = {.fd = file->out.fd, .events = POLLIN | POLLOUT};
	int ready = poll(&entry, 1, timeout_ms);

	printf("poll:%s%s%s%s\n", ready ? "" : " nothing", entry.revents & POLLIN ? " in" : "",
	       entry.revents & POLLOUT ? " out" : "", entry.revents & POLLERR ? " error" : "");
}

static void wait_request(const char *name, int request, int timeout_ms)
{
	struct pollfd entry = {.fd = request, .events = POLLPRI};
	int ready = poll(&entry, 1, timeout_ms);

	printf("rwait %s: %s\n", name,
	       ready == -1               ? outcome(-1)
	       : !ready                  ? "nothing"
	       : entry.revents & POLLPRI ? "complete"
					 : "error");
}

static unsigned int slot(const char *text, unsigned int room)
{
	unsigned long value = number(text);

	if (value >= room)
		die("too many");
	return (unsigned int)value;
}

int main(int argc, char **argv)
{
	const char *device;
	struct file *file = files;
	int opened = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: m2m-client VIDEO STEP...\n");
		return 2;
	}
	device = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
#define NEXT() (++argv && *argv ? *argv : (fprintf(stderr, "an argument is missing\n"), exit(2), ""))
	for (argv += 2; *argv; argv++) {
		const char *step = *argv;

		if (!strcmp(step, "open")) {
			int fd = open(device, O_RDWR | O_CLOEXEC);

			if (fd == -1)
				die("open");
			file = &files[opened++ % MAX_FILES];
			file->out = (struct stream){.fd = fd, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
			file->cap = (struct stream){.fd = fd, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
		} else if (!strcmp(step, "file")) {
			file = &files[slot(NEXT(), MAX_FILES)];
		} else if (!strcmp(step, "size")) {
			const char *text = NEXT();

			printf("size %s: %s\n", text, outcome(set_size(file, text)));
		} else if (!strcmp(step, "export")) {
			file->out.exported = file->cap.exported = 1;
			printf("export: ok\n");
		} else if (!strcmp(step, "alloc")) {
			printf("alloc: %s\n", outcome(allocate(file, slot(NEXT(), MAX_BUFFERS))));
		} else if (!strcmp(step, "on") || !strcmp(step, "off") || !strcmp(step, "free")) {
			int (*verb)(struct stream *) = step[1] == 'n'   ? stream_on
						       : step[1] == 'f' ? stream_off
									: stream_free;
			const char *which = NEXT();
			int result = 0;

			if (strcmp(which, "cap"))
				result = verb(&file->out);
			if (!result && strcmp(which, "out"))
				result = verb(&file->cap);
			printf("%s %s: %s\n", step, which, outcome(result));
		} else if (!strcmp(step, "queue")) {
			bool out = !strcmp(NEXT(), "out");
			unsigned int index = slot(NEXT(), MAX_BUFFERS);
			uint32_t frame = out ? (uint32_t)number(NEXT()) : 0;

			printf("queue %s %u: %s\n", out ? "out" : "cap", index,
			       outcome(queue(file, out, index, frame, -1)));
		} else if (!strcmp(step, "dequeue")) {
			dequeue(file, NEXT());
		} else if (!strcmp(step, "ctrl")) {
			const char *id = NEXT();

			printf("ctrl: %s\n", outcome(set_control(file, -1, id, NEXT())));
		} else if (!strcmp(step, "nonblock")) {
			if (fcntl(file->out.fd, F_SETFL, fcntl(file->out.fd, F_GETFL) | O_NONBLOCK))
				die("fcntl");
		} else if (!strcmp(step, "poll")) {
			poll_queues(file, (int)number(NEXT()));
		} else if (!strcmp(step, "media")) {
			media = open(NEXT(), O_RDWR | O_CLOEXEC);
			if (media == -1)
				die("media");
		} else if (!strcmp(step, "request")) {
			const char *name = NEXT();

			printf("request %s: %s\n", name,
			       outcome(ioctl(media, MEDIA_IOC_REQUEST_ALLOC, &requests[slot(name, MAX_REQUESTS)])));
		} else if (!strcmp(step, "reinit") || !strcmp(step, "submit")) {
			const char *name = NEXT();
			unsigned long cmd = *step == 'r' ? MEDIA_REQUEST_IOC_REINIT : MEDIA_REQUEST_IOC_QUEUE;

			printf("%s %s: %s\n", step, name, outcome(ioctl(requests[slot(name, MAX_REQUESTS)], cmd)));
		} else if (!strcmp(step, "drop")) {
			const char *name = NEXT();

			printf("drop %s: %s\n", name, outcome(close(requests[slot(name, MAX_REQUESTS)])));
		} else if (!strcmp(step, "rctrl")) {
			int request = requests[slot(NEXT(), MAX_REQUESTS)];
			const char *id = NEXT();

			printf("rctrl: %s\n", outcome(set_control(file, request, id, NEXT())));
		} else if (!strcmp(step, "rqueue")) {
			int request = requests[slot(NEXT(), MAX_REQUESTS)];
			unsigned int index = slot(NEXT(), MAX_BUFFERS);

			printf("rqueue: %s\n", outcome(queue(file, true, index, (uint32_t)number(NEXT()), request)));
		} else if (!strcmp(step, "rwait")) {
			const char *name = NEXT();
			int request = requests[slot(name, MAX_REQUESTS)];

			wait_request(name, request, (int)number(NEXT()));
		} else if (!strcmp(step, "close")) {
			stream_unmap(&file->out);
			stream_unmap(&file->cap);
			printf("close: %s\n", outcome(close(file->out.fd)));
		} else if (!strcmp(step, "sleep")) {
			usleep((useconds_t)number(NEXT()) * 1000);
		} else if (!strcmp(step, "mark")) {
			puts(NEXT());
		} else {
			fprintf(stderr, "no step %s\n", step);
			return 2;
		}
	}
	return 0;
}
