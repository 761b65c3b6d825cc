/*
 * A client of stateless decoders that submits recorded requests: the controls that src/codec derives from a stream, and
 * its bitstream (test/decoder/recorded.ts writes the file).
 *
 *   request-client VIDEO MEDIA FILE [OPTION...]
 *     --in-flight N    requests at once, 1 to 4; default 2
 *     --rounds N       the file so often; default 1
 *     --frames PATH    writes the CAPTURE buffers of pictures that are shown, in the order of decoding
 *     --mutate SEED    breaks bits of controls and bitstreams: what the device answers does not matter, that it does, does
 *     --stop SEED      STREAMOFF and STREAMON of a queue now and then, with requests under way
 *     --requests N     ends after so many
 *     --turns IN,OUT   waits for a byte from descriptor IN before each request, takes the request back, and writes a byte to
 *                      OUT: two clients submit in turn. Also prints "turn us: p50 N", the time with all of its ioctls.
 *
 * Prints "requests: N, in error: N, refused: N, frames per second: F, latency us: p50 N p99 N". The latency of a request is
 * the time between MEDIA_REQUEST_IOC_QUEUE and POLLPRI.
 */
#include "client.h"

#include <fcntl.h>
#include <linux/media.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_IN_FLIGHT 4
#define MOST_BUFFERS 32
#define MOST_CONTROLS 32
#define PATIENCE_MS 60000

/* The file: 32-bit words, little endian; what is not a multiple of four bytes is padded. */
enum { MAGIC = 0x59504c52, END = 0, REQUEST = 1 };
enum { HOLD = 1, SHOWN = 2 };

struct queue {
	uint32_t type;
	unsigned int count;
	void *start[MOST_BUFFERS];
	size_t length[MOST_BUFFERS];
	bool queued[MOST_BUFFERS];
	uint32_t used[MOST_BUFFERS]; /* bytes, when it came back */
	bool broken[MOST_BUFFERS];
};

struct flight {
	int request;
	bool is_queued;
	double since;
	uint32_t flags;
	uint32_t capture;
};

static int video, media;
static struct queue out = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE};
static struct queue cap = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE};
static struct flight flights[MOST_IN_FLIGHT];
static const uint8_t *file_bytes;
static size_t file_size;
static size_t place;
static FILE *frames;
static uint64_t mutate, stop;
static unsigned long requests_done, in_error, refused, pictures;
static double *latencies;
static size_t latency_room, latency_count;
static int turn_in = -1, turn_out = -1;
static double *turns;
static size_t turn_count;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t next_random(uint64_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state >> 16) % below);
}

static const void *take(size_t size)
{
	const void *at = file_bytes + place;

	if (size > file_size - place) {
		fprintf(stderr, "the file ends too early\n");
		exit(2);
	}
	place += (size + 3) & ~(size_t)3;
	return at;
}

static uint32_t word(void)
{
	uint32_t value;

	memcpy(&value, take(sizeof value), sizeof value);
	return value;
}

static void must(int result, const char *what)
{
	if (result == -1)
		die(what);
}

static void set_controls(struct v4l2_ext_control *controls, uint32_t count, int request)
{
	struct v4l2_ext_controls set = {
		.which = request < 0 ? V4L2_CTRL_WHICH_CUR_VAL : V4L2_CTRL_WHICH_REQUEST_VAL,
		.request_fd = request < 0 ? 0 : request,
		.count = count,
		.controls = controls,
	};

	if (count && ioctl(video, VIDIOC_S_EXT_CTRLS, &set) == -1) {
		if (!mutate)
			die("S_EXT_CTRLS");
		refused++;
	}
}

/* Reads `count` controls of the file, and breaks them if that is what we are for. */
static void read_controls(struct v4l2_ext_control *controls, uint32_t count, bool breaks)
{
	static uint8_t copies[MOST_CONTROLS][16384];

	if (count > MOST_CONTROLS) {
		fprintf(stderr, "%u controls\n", count);
		exit(2);
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t id = word(), is_compound = word(), size = word();
		const void *bytes = take(size);

		controls[i] = (struct v4l2_ext_control){.id = id};
		if (!is_compound) {
			memcpy(&controls[i].value, bytes, sizeof controls[i].value);
			continue;
		}
		if (size > sizeof copies[i]) {
			fprintf(stderr, "a control of %u bytes\n", size);
			exit(2);
		}
		memcpy(copies[i], bytes, size);
		if (breaks && size && next_random(&mutate, 4) == 0)
			copies[i][next_random(&mutate, size)] ^= (uint8_t)(1 << next_random(&mutate, 8));
		controls[i].size = size;
		controls[i].ptr = copies[i];
	}
}

static void set_up(unsigned int in_flight)
{
	struct v4l2_ext_control controls[MOST_CONTROLS];
	struct v4l2_format format = {.type = out.type};
	uint32_t decoded, largest, captures, count;

	if (word() != MAGIC) {
		fprintf(stderr, "no recorded requests\n");
		exit(2);
	}
	format.fmt.pix_mp.pixelformat = word();
	format.fmt.pix_mp.width = word();
	format.fmt.pix_mp.height = word();
	decoded = word();
	largest = word();
	captures = word();
	format.fmt.pix_mp.num_planes = 1;
	format.fmt.pix_mp.plane_fmt[0].sizeimage = largest;
	must(ioctl(video, VIDIOC_S_FMT, &format), "S_FMT of OUTPUT");
	count = word();
	read_controls(controls, count, false);
	set_controls(controls, count, -1);
	format = (struct v4l2_format){.type = cap.type};
	must(ioctl(video, VIDIOC_G_FMT, &format), "G_FMT of CAPTURE");
	format.fmt.pix_mp.pixelformat = decoded;
	must(ioctl(video, VIDIOC_S_FMT, &format), "S_FMT of CAPTURE");
	if (format.fmt.pix_mp.pixelformat != decoded) {
		fprintf(stderr, "the device has not the format\n");
		exit(1);
	}
	out.count = in_flight;
	cap.count = captures;
	for (int i = 0; i < 2; i++) {
		struct queue *queue = i ? &cap : &out;
		struct v4l2_requestbuffers ask = {
			.count = queue->count, .type = queue->type, .memory = V4L2_MEMORY_MMAP};

		must(ioctl(video, VIDIOC_REQBUFS, &ask), "REQBUFS");
		if (ask.count < queue->count || ask.count > MOST_BUFFERS) {
			fprintf(stderr, "%u buffers\n", ask.count);
			exit(1);
		}
		queue->count = ask.count;
		for (unsigned int n = 0; n < queue->count; n++) {
			struct v4l2_plane plane = {0};
			struct v4l2_buffer buffer = {.type = queue->type,
						     .memory = V4L2_MEMORY_MMAP,
						     .index = n,
						     .m.planes = &plane,
						     .length = 1};

			must(ioctl(video, VIDIOC_QUERYBUF, &buffer), "QUERYBUF");
			queue->length[n] = plane.length;
			queue->start[n] =
				mmap(NULL, plane.length, PROT_READ | PROT_WRITE, MAP_SHARED, video, plane.m.mem_offset);
			if (queue->start[n] == MAP_FAILED)
				die("mmap");
		}
		must(ioctl(video, VIDIOC_STREAMON, &queue->type), "STREAMON");
	}
	for (unsigned int i = 0; i < in_flight; i++)
		must(ioctl(media, MEDIA_IOC_REQUEST_ALLOC, &flights[i].request), "REQUEST_ALLOC");
}

static void drain(struct queue *queue)
{
	for (;;) {
		struct v4l2_plane plane = {0};
		struct v4l2_buffer buffer = {
			.type = queue->type, .memory = V4L2_MEMORY_MMAP, .m.planes = &plane, .length = 1};

		if (ioctl(video, VIDIOC_DQBUF, &buffer) == -1) {
			if (errno == EAGAIN || (stop && errno == EINVAL))
				return;
			die("DQBUF");
		}
		queue->queued[buffer.index] = false;
		queue->used[buffer.index] = plane.bytesused;
		queue->broken[buffer.index] = (buffer.flags & V4L2_BUF_FLAG_ERROR) != 0;
		if (queue == &cap && queue->broken[buffer.index])
			in_error++;
	}
}

/* Waits for what flies in a slot, and takes it back. */
static void land(struct flight *flight)
{
	struct pollfd waited = {.fd = flight->request, .events = POLLPRI};

	if (!flight->is_queued)
		return;
	if (poll(&waited, 1, PATIENCE_MS) != 1 || !(waited.revents & POLLPRI)) {
		fprintf(stderr, "a request is not completed\n");
		exit(1);
	}
	if (latency_count < latency_room)
		latencies[latency_count++] = now() - flight->since;
	flight->is_queued = false;
	drain(&out);
	drain(&cap);
	requests_done++;
	if (!(flight->flags & HOLD))
		pictures++;
	if (frames && (flight->flags & SHOWN) && !(flight->flags & HOLD) &&
	    fwrite(cap.start[flight->capture], cap.used[flight->capture], 1, frames) != 1)
		die("writing a frame");
	must(ioctl(flight->request, MEDIA_REQUEST_IOC_REINIT), "REQUEST_IOC_REINIT");
}

/* STREAMOFF of one queue, or both; what was under way comes back at once. */
static void stop_somewhere(unsigned int in_flight)
{
	const uint32_t which = next_random(&stop, 3);

	for (int i = 0; i < 2; i++) {
		struct queue *queue = i ? &cap : &out;

		if (which == (uint32_t)i)
			continue;
		must(ioctl(video, VIDIOC_STREAMOFF, &queue->type), "STREAMOFF");
		memset(queue->queued, 0, sizeof queue->queued);
	}
	/* A request that waits for a CAPTURE buffer would wait for ever. */
	if (which == 0)
		must(ioctl(video, VIDIOC_STREAMOFF, &out.type), "STREAMOFF");
	for (unsigned int i = 0; i < in_flight; i++)
		land(&flights[i]);
	memset(out.queued, 0, sizeof out.queued);
	for (int i = 0; i < 2; i++)
		must(ioctl(video, VIDIOC_STREAMON, i ? &cap.type : &out.type), "STREAMON");
}

static uint32_t break_bitstream(uint8_t *bytes, uint32_t size)
{
	if (size && next_random(&mutate, 8) == 0)
		size = next_random(&mutate, size);
	if (size && next_random(&mutate, 2) == 0)
		for (uint32_t i = next_random(&mutate, 12); i > 0; i--)
			bytes[next_random(&mutate, size)] ^= (uint8_t)(1 << next_random(&mutate, 8));
	return size;
}

static void submit(struct flight *flight, unsigned int slot)
{
	struct v4l2_ext_control controls[MOST_CONTROLS];
	const uint32_t low = word(), high = word();
	const uint64_t timestamp_us = ((uint64_t)high << 32 | low) / 1000;
	uint32_t count, size;
	struct v4l2_plane plane = {0};
	struct v4l2_buffer buffer = {.type = out.type,
				     .memory = V4L2_MEMORY_MMAP,
				     .index = slot,
				     .request_fd = flight->request,
				     .timestamp = {(long)(timestamp_us / 1000000), (long)(timestamp_us % 1000000)},
				     .m.planes = &plane,
				     .length = 1};

	flight->flags = word();
	flight->capture = word();
	count = word();
	read_controls(controls, count, mutate != 0);
	set_controls(controls, count, flight->request);
	size = word();
	if (size > out.length[slot]) {
		fprintf(stderr, "a bitstream of %u bytes\n", size);
		exit(2);
	}
	memcpy(out.start[slot], take(size), size);
	if (mutate)
		size = break_bitstream(out.start[slot], size);
	plane.bytesused = size;
	plane.length = (uint32_t)out.length[slot];
	buffer.flags = V4L2_BUF_FLAG_REQUEST_FD;
	if (flight->flags & HOLD)
		buffer.flags |= V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF;
	must(ioctl(video, VIDIOC_QBUF, &buffer), "QBUF of OUTPUT");
	if (!cap.queued[flight->capture]) {
		struct v4l2_buffer capture = {.type = cap.type,
					      .memory = V4L2_MEMORY_MMAP,
					      .index = flight->capture,
					      .m.planes = &plane,
					      .length = 1};

		plane = (struct v4l2_plane){.length = (uint32_t)cap.length[flight->capture]};
		must(ioctl(video, VIDIOC_QBUF, &capture), "QBUF of CAPTURE");
		cap.queued[flight->capture] = true;
	}
	flight->since = now();
	if (ioctl(flight->request, MEDIA_REQUEST_IOC_QUEUE) == -1) {
		if (!mutate && !stop)
			die("REQUEST_IOC_QUEUE");
		refused++;
		must(ioctl(flight->request, MEDIA_REQUEST_IOC_REINIT), "REQUEST_IOC_REINIT");
		return;
	}
	out.queued[slot] = true;
	flight->is_queued = true;
}

static void wait_for_turn(void)
{
	char byte;

	if (read(turn_in, &byte, 1) != 1)
		die("waiting for the turn");
}

/* The other one may have had its last turn. */
static void pass_turn(double since)
{
	if (turn_count < latency_room)
		turns[turn_count++] = now() - since;
	if (write(turn_out, "", 1) == -1 && errno != EPIPE)
		die("passing the turn");
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void map_file(const char *path)
{
	struct stat about;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || fstat(fd, &about) == -1)
		die(path);
	file_size = (size_t)about.st_size;
	file_bytes = mmap(NULL, file_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file_bytes == MAP_FAILED)
		die(path);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned long in_flight = 2, rounds = 1, most = ~0UL, submitted = 0;
	double start;

	if (argc < 4 || argc % 2) {
		fprintf(stderr, "usage: request-client VIDEO MEDIA FILE [OPTION VALUE...]\n");
		return 2;
	}
	for (int i = 4; i < argc; i += 2) {
		const char *option = argv[i], *value = argv[i + 1];

		if (!strcmp(option, "--in-flight"))
			in_flight = number(value);
		else if (!strcmp(option, "--rounds"))
			rounds = number(value);
		else if (!strcmp(option, "--requests"))
			most = number(value);
		else if (!strcmp(option, "--mutate"))
			mutate = number(value) * 2654435761u + 1;
		else if (!strcmp(option, "--stop"))
			stop = number(value) * 2654435761u + 1;
		else if (!strcmp(option, "--frames"))
			frames = fopen(value, "wb");
		else if (!strcmp(option, "--turns") && sscanf(value, "%d,%d", &turn_in, &turn_out) == 2)
			signal(SIGPIPE, SIG_IGN);
		else
			return 2;
	}
	if (in_flight < 1 || in_flight > MOST_IN_FLIGHT)
		return 2;
	map_file(argv[3]);
	video = open(argv[1], O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (video == -1)
		die(argv[1]);
	media = open(argv[2], O_RDWR | O_CLOEXEC);
	if (media == -1)
		die(argv[2]);
	latency_room = 1000000;
	latencies = malloc(latency_room * sizeof *latencies);
	turns = malloc(latency_room * sizeof *turns);
	if (!latencies || !turns)
		die("malloc");
	set_up((unsigned int)in_flight);
	const size_t first = place;

	start = now();
	for (unsigned long round = 0; round < rounds; round++) {
		place = first;
		while (word() == REQUEST && submitted < most) {
			const unsigned int slot = (unsigned int)(submitted % in_flight);

			if (turn_in != -1)
				wait_for_turn();
			const double turn = now();

			land(&flights[slot]);
			if (stop && next_random(&stop, 10) == 0)
				stop_somewhere((unsigned int)in_flight);
			submit(&flights[slot], slot);
			submitted++;
			if (turn_in != -1) {
				land(&flights[slot]);
				pass_turn(turn);
			}
		}
		/* Time stamps come again, so nothing of the round before may be under way. */
		for (unsigned long i = 0; i < in_flight; i++)
			land(&flights[(submitted + i) % in_flight]);
	}
	const double seconds = now() - start;

	qsort(latencies, latency_count, sizeof *latencies, compare);
	printf("requests: %lu, in error: %lu, refused: %lu, frames per second: %.1f, latency us: p50 %.0f p99 %.0f\n",
	       requests_done, in_error, refused, (double)pictures / seconds,
	       latency_count ? latencies[latency_count / 2] * 1e6 : 0,
	       latency_count ? latencies[latency_count * 99 / 100] * 1e6 : 0);
	if (turn_in != -1) {
		qsort(turns, turn_count, sizeof *turns, compare);
		printf("turn us: p50 %.0f\n", turn_count ? turns[turn_count / 2] * 1e6 : 0);
	}
	if (frames && fclose(frames))
		die("writing frames");
	return 0;
}
