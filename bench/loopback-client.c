/* A producer and a consumer of a loopback device, ours or the module's: frames lost, CPU time, latency. One line of results. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"usage: loopback-client NODE [--capture NODE] [--size WxH] [--take FOURCC WxH] [--rate FPS] [--frames N] "
	"[--mmap]\n"
	"                       [--driver PID]\n"
	"\n"
	"Puts YUYV frames out to NODE from one process and captures them by mmap in another.\n"
	"  --capture NODE   the node to capture from, of a pair\n"
	"  --take           what the consumer asks for; another format or size than the producer's is converted\n"
	"  --rate FPS       the producer's; 0 (default): as fast as the device takes them\n"
	"  --mmap           the producer queues buffers; else it calls write()\n"
	"  --driver PID     whose CPU time is counted, too\n";

enum { MOST_BUFFERS = 8, BUFFERS = 4, PATIENCE_MS = 10000 };
static const uint64_t magic = 0x6b6361627031306cULL;

/* At the begin of a frame, and its number again at the end. */
struct stamp {
	uint64_t magic;
	uint64_t number;
	uint64_t sent_ns;
};

struct shared {
	atomic_bool goes; /* the consumer has a frame: counting may begin */
	atomic_bool sent; /* the last frame has been put out */
	atomic_bool ends;
	uint64_t begun_ns, sent_ns;
	double cpu_us;
};

struct options {
	const char *node, *capture;
	unsigned width, height, take_width, take_height, frames, driver;
	uint32_t take;
	double rate;
	bool maps;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "loopback-client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double own_cpu_us(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

/* CPU time of a process with all its threads, in steps of a tick. */
static double cpu_of_us(unsigned pid)
{
	char path[64], line[1024];
	unsigned long user = 0, kernel = 0;
	const char *rest;
	FILE *file;

	if (!pid)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		die(path);
	fclose(file);
	rest = strrchr(line, ')');
	if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
		die("no times in /proc/PID/stat");
	return (double)(user + kernel) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static int call(int fd, unsigned long request, void *arg)
{
	int result;

	do
		result = ioctl(fd, request, arg);
	while (result < 0 && errno == EINTR);
	return result;
}

static unsigned set_format(int fd, uint32_t type, uint32_t fourcc, unsigned width, unsigned height)
{
	struct v4l2_format format = {.type = type};

	format.fmt.pix.width = width;
	format.fmt.pix.height = height;
	format.fmt.pix.pixelformat = fourcc;
	format.fmt.pix.field = V4L2_FIELD_NONE;
	if (call(fd, VIDIOC_S_FMT, &format))
		die("VIDIOC_S_FMT");
	if (format.fmt.pix.pixelformat != fourcc || format.fmt.pix.width != width || format.fmt.pix.height != height) {
		fprintf(stderr, "loopback-client: the device gives another format: %.4s %ux%u\n",
			(const char *)&format.fmt.pix.pixelformat, format.fmt.pix.width, format.fmt.pix.height);
		exit(1);
	}
	return format.fmt.pix.sizeimage;
}

static unsigned map_buffers(int fd, uint32_t type, void *memories[MOST_BUFFERS])
{
	struct v4l2_requestbuffers request = {.count = BUFFERS, .type = type, .memory = V4L2_MEMORY_MMAP};

	if (call(fd, VIDIOC_REQBUFS, &request))
		die("VIDIOC_REQBUFS");
	if (request.count > MOST_BUFFERS)
		request.count = MOST_BUFFERS;
	for (unsigned i = 0; i < request.count; i++) {
		struct v4l2_buffer buffer = {.type = type, .memory = V4L2_MEMORY_MMAP, .index = i};

		if (call(fd, VIDIOC_QUERYBUF, &buffer))
			die("VIDIOC_QUERYBUF");
		memories[i] = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, buffer.m.offset);
		if (memories[i] == MAP_FAILED)
			die("mmap");
	}
	return request.count;
}

static void mark(void *frame, unsigned bytes, uint64_t number)
{
	const struct stamp stamp = {.magic = magic, .number = number, .sent_ns = now_ns()};

	memcpy(frame, &stamp, sizeof(stamp));
	memcpy((char *)frame + bytes - sizeof(number), &number, sizeof(number));
}

/* Frames before the consumer is there, and after the last one, have the number -1. */
static void produce(const struct options *o, struct shared *shared, int ready)
{
	const uint32_t type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	const int fd = open(o->node, O_RDWR | O_CLOEXEC);
	void *memories[MOST_BUFFERS], *frame = NULL;
	uint64_t number = UINT64_MAX, due = 0;
	unsigned bytes, count = 0, queued = 0;

	if (fd < 0)
		die(o->node);
	bytes = set_format(fd, type, V4L2_PIX_FMT_YUYV, o->width, o->height);
	if (o->maps) {
		count = map_buffers(fd, type, memories);
	} else {
		frame = malloc(bytes);
		memset(frame, 0x80, bytes);
	}
	while (!atomic_load(&shared->ends)) {
		struct v4l2_buffer buffer = {.type = type, .memory = V4L2_MEMORY_MMAP, .index = queued};
		const bool idles = number == UINT64_MAX;
		/* A gentle pace while nothing is counted. */
		const double rate = idles && (o->rate <= 0 || o->rate > 30) ? 30 : o->rate;

		if (idles && atomic_load(&shared->goes) && !atomic_load(&shared->sent)) {
			number = 0;
			shared->begun_ns = now_ns();
			shared->cpu_us = own_cpu_us();
		}
		if (rate > 0) {
			const uint64_t step = (uint64_t)(1e9 / rate), now = now_ns();
			const uint64_t next = due + step;
			struct timespec until;

			/* A frame that is late does not make the next ones come in a burst. */
			due = due && next + step > now ? next : now;
			until.tv_sec = (time_t)(due / 1000000000u);
			until.tv_nsec = (long)(due % 1000000000u);
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		}
		if (o->maps) {
			if (queued >= count && call(fd, VIDIOC_DQBUF, &buffer))
				die("VIDIOC_DQBUF of a producer");
			mark(memories[buffer.index], bytes, number);
			buffer.bytesused = bytes;
			buffer.field = V4L2_FIELD_NONE;
			if (call(fd, VIDIOC_QBUF, &buffer))
				die("VIDIOC_QBUF of a producer");
			if (queued < count && ++queued == 1 && call(fd, VIDIOC_STREAMON, (void *)&type))
				die("VIDIOC_STREAMON of a producer");
		} else {
			mark(frame, bytes, number);
			if (write(fd, frame, bytes) != (ssize_t)bytes)
				die("write()");
		}
		if (ready >= 0) {
			if (write(ready, "", 1) != 1)
				die("pipe");
			close(ready);
			ready = -1;
		}
		if (number != UINT64_MAX && ++number == o->frames) {
			shared->sent_ns = now_ns();
			shared->cpu_us = own_cpu_us() - shared->cpu_us;
			number = UINT64_MAX;
			atomic_store(&shared->sent, true);
		}
	}
	exit(0);
}

static int later(const void *one, const void *other)
{
	const uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return a < b ? -1 : a > b;
}

struct tally {
	unsigned received, torn, gaps;
	uint64_t *latency_ns, last_ns;
};

/* A frame that was converted has no stamp: it is counted by the moment when it comes. */
static bool look(const struct options *o, struct tally *tally, const void *frame, unsigned bytes, bool is_converted,
		 bool counts)
{
	struct stamp stamp;
	uint64_t end, now;

	if (!counts)
		return false;
	if (is_converted) {
		tally->received++;
		tally->last_ns = now_ns();
		return false;
	}
	memcpy(&stamp, frame, sizeof(stamp));
	/* Not before: the module may put the next frame where this one is being looked at. */
	now = now_ns();
	if (stamp.magic != magic || stamp.number >= o->frames)
		return false;
	memcpy(&end, (const char *)frame + bytes - sizeof(end), sizeof(end));
	if (end != stamp.number)
		tally->torn++;
	if (tally->received < o->frames)
		tally->latency_ns[tally->received++] = now - stamp.sent_ns;
	tally->last_ns = now;
	return stamp.number + 1 == o->frames;
}

static void report(const struct options *o, const struct shared *shared, struct tally *tally, double consumer_us,
		   double driver_us)
{
	const double seconds = (double)(shared->sent_ns - shared->begun_ns) / 1e9;
	const double until_last = (double)(tally->last_ns - shared->begun_ns) / 1e9;
	const unsigned n = tally->received;

	printf("put out %u at %.1f fps, received %u at %.1f fps, lost %u, torn %u", o->frames, o->frames / seconds, n,
	       n / until_last, o->frames > n ? o->frames - n : 0, tally->torn);
	printf("; CPU us a frame: producer %.0f, consumer %.0f", shared->cpu_us / o->frames, consumer_us / o->frames);
	if (o->driver)
		printf(", driver %.0f", driver_us / o->frames);
	printf(", all %.0f", (shared->cpu_us + consumer_us + driver_us) / o->frames);
	if (n > 0 && tally->latency_ns[0] > 0) {
		qsort(tally->latency_ns, n, sizeof(uint64_t), later);
		printf("; latency us: p50 %.0f, p99 %.0f, most %.0f", (double)tally->latency_ns[n / 2] / 1e3,
		       (double)tally->latency_ns[n - 1 - n / 100] / 1e3, (double)tally->latency_ns[n - 1] / 1e3);
	}
	putchar('\n');
}

static void consume(const struct options *o, struct shared *shared)
{
	uint32_t type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	const int fd = open(o->capture, O_RDWR | O_CLOEXEC);
	const bool is_converted =
		o->take != V4L2_PIX_FMT_YUYV || o->take_width != o->width || o->take_height != o->height;
	struct tally tally = {.latency_ns = calloc(o->frames, sizeof(uint64_t))};
	double consumer_us = 0, driver_us = 0;
	void *memories[MOST_BUFFERS];
	bool goes = false;
	unsigned count;

	if (fd < 0)
		die(o->capture);
	set_format(fd, type, o->take, o->take_width, o->take_height);
	count = map_buffers(fd, type, memories);
	for (unsigned i = 0; i < count; i++) {
		struct v4l2_buffer buffer = {.type = type, .memory = V4L2_MEMORY_MMAP, .index = i};

		if (call(fd, VIDIOC_QBUF, &buffer))
			die("VIDIOC_QBUF");
	}
	if (call(fd, VIDIOC_STREAMON, &type))
		die("VIDIOC_STREAMON");
	for (bool is_last = false; !is_last;) {
		struct v4l2_buffer buffer = {.type = type, .memory = V4L2_MEMORY_MMAP};
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		const bool is_over = atomic_load(&shared->sent);
		const int found = poll(&wait, 1, is_over ? 500 : PATIENCE_MS);

		if (found < 0)
			die("poll");
		if (found == 0 && is_over)
			break;
		if (found == 0) {
			errno = ETIMEDOUT;
			die("no frame");
		}
		if (call(fd, VIDIOC_DQBUF, &buffer))
			die("VIDIOC_DQBUF");
		is_last = look(o, &tally, memories[buffer.index], buffer.bytesused, is_converted, goes);
		if (call(fd, VIDIOC_QBUF, &buffer))
			die("VIDIOC_QBUF");
		if (!goes) {
			consumer_us = own_cpu_us();
			driver_us = cpu_of_us(o->driver);
			goes = true;
			atomic_store(&shared->goes, true);
		}
		/* What comes after the last one says that it was lost. */
		if (is_over && now_ns() - shared->sent_ns > 500000000u)
			break;
		if (is_over && is_converted)
			break;
	}
	consumer_us = own_cpu_us() - consumer_us;
	driver_us = cpu_of_us(o->driver) - driver_us;
	while (!atomic_load(&shared->sent))
		usleep(1000);
	atomic_store(&shared->ends, true);
	report(o, shared, &tally, consumer_us, driver_us);
}

static void parse_size(const char *text, unsigned *width, unsigned *height)
{
	if (sscanf(text, "%ux%u", width, height) != 2) {
		fputs(usage, stderr);
		exit(2);
	}
}

static struct options parse(int argc, char **argv)
{
	struct options o = {.width = 1920, .height = 1080, .frames = 300, .take = V4L2_PIX_FMT_YUYV};

	for (int i = 1; i < argc; i++) {
		const char *const word = argv[i];
		const int left = argc - i - 1;

		if (!strcmp(word, "--mmap")) {
			o.maps = true;
		} else if (word[0] != '-' && !o.node) {
			o.node = word;
		} else if (left >= 2 && !strcmp(word, "--take") && strlen(argv[i + 1]) == 4) {
			memcpy(&o.take, argv[++i], 4);
			parse_size(argv[++i], &o.take_width, &o.take_height);
		} else if (left >= 1 && !strcmp(word, "--capture")) {
			o.capture = argv[++i];
		} else if (left >= 1 && !strcmp(word, "--size")) {
			parse_size(argv[++i], &o.width, &o.height);
		} else if (left >= 1 && !strcmp(word, "--rate")) {
			o.rate = atof(argv[++i]);
		} else if (left >= 1 && !strcmp(word, "--frames")) {
			o.frames = (unsigned)atol(argv[++i]);
		} else if (left >= 1 && !strcmp(word, "--driver")) {
			o.driver = (unsigned)atol(argv[++i]);
		} else {
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (!o.node || !o.frames) {
		fputs(usage, stderr);
		exit(2);
	}
	if (!o.capture)
		o.capture = o.node;
	if (!o.take_width) {
		o.take_width = o.width;
		o.take_height = o.height;
	}
	return o;
}

int main(int argc, char **argv)
{
	const struct options o = parse(argc, argv);
	struct shared *const shared =
		mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int pipes[2], status;
	pid_t child;
	char byte;

	if (shared == MAP_FAILED || pipe2(pipes, O_CLOEXEC))
		die("memory");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pipes[0]);
		produce(&o, shared, pipes[1]);
	}
	close(pipes[1]);
	if (read(pipes[0], &byte, 1) != 1) {
		waitpid(child, &status, 0);
		return 1;
	}
	consume(&o, shared);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
