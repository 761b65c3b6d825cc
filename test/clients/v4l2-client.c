/*
 * A small V4L2 client: each command is one way in which programs use a device.
 * Prints one line per step, "name: ok" or "name: EINVAL", for tests to compare.
 * Plain calls only, so that it also runs statically linked, without the helper.
 */
#include "client.h"
#include "v4l2-stream.h"
#include "v4l2-take-over.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/media.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"usage: v4l2-client [--uid ID] [--alarm MS] [--restart] [--export] DEVICE COMMAND [ARGUMENT...]\n"
	"\n"
	"  capture HOW COUNT FILE   stream COUNT frames into FILE by mmap; HOW: block, poll, select, epoll\n"
	"  read COUNT FILE          COUNT frames into FILE by read()\n"
	"  block-dqbuf QUEUED       stream with QUEUED buffers, then dequeue until refused\n"
	"  nonblock-dqbuf HOW       stream without buffers, then dequeue; HOW: open, fcntl\n"
	"  wait HOW                 wait for what comes within a second; HOW: dqbuf, read, dqevent, poll, select, "
	"epoll\n"
	"  two-opens                two open files and one queue\n"
	"  take-over ROUNDS         a file is closed while it streams, and another one of ours wants the queue at "
	"once\n"
	"  mmap-after-close         a mapping outlives REQBUFS(0) and close()\n"
	"  orphans ROUNDS           a mapping of a freed buffer keeps its bytes, however many buffers come and go\n"
	"  mmap-errors              mappings that V4L2 refuses\n"
	"  expbuf                   exported buffers: flags, and the same memory\n"
	"  request-alloc            on a media device\n"
	"  badptr                   ioctls with addresses that are not readable or not writable\n"
	"  ioctl CMD HEX            any ioctl; prints result, errno and the argument's bytes\n"
	"  bench CMD HEX COUNT      microseconds per call\n"
	"  hold                     keeps the device open until killed\n"
	"\n"
	"  --uid ID      become this user and group before the device is opened\n"
	"  --alarm MS    a SIGALRM after this time; --restart: with SA_RESTART\n"
	"  --export      capture: map exported buffers, not the device\n";

static unsigned long alarm_ms;
static bool restart;
static bool export_buffers;

static void on_alarm(int signal)
{
	(void)signal;
}

/* A step has begun that may block: whoever watches our output may go on. */
static void announce(const char *step)
{
	struct timespec delay = {(time_t)(alarm_ms / 1000), (long)(alarm_ms % 1000) * 1000000};
	struct itimerspec once = {.it_value = delay};
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = restart ? SA_RESTART : 0};
	timer_t timer;

	printf("%s...\n", step);
	fflush(stdout);
	if (!alarm_ms)
		return;
	if (sigaction(SIGALRM, &action, NULL) || timer_create(CLOCK_MONOTONIC, NULL, &timer) ||
	    timer_settime(timer, 0, &once, NULL))
		die("timer");
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int open_device(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags);

	if (fd == -1)
		die("open");
	return fd;
}

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		die(path);
	return file;
}

/* Waits until a frame can be dequeued, in the way of the program's author. */
static void wait_readable(int fd, const char *how, int epoll)
{
	int ready = 1;

	if (!strcmp(how, "poll")) {
		struct pollfd entry = {.fd = fd, .events = POLLIN};

		ready = poll(&entry, 1, 10000);
		if (ready == 1 && entry.revents & POLLERR)
			ready = 0;
	} else if (!strcmp(how, "select")) {
		struct timeval timeout = {.tv_sec = 10};
		fd_set readable;

		FD_ZERO(&readable);
		FD_SET(fd, &readable);
		ready = select(fd + 1, &readable, NULL, NULL, &timeout);
	} else if (!strcmp(how, "epoll")) {
		struct epoll_event event;

		ready = epoll_wait(epoll, &event, 1, 10000);
		if (ready == 1 && event.events & EPOLLERR)
			ready = 0;
	}
	if (ready == -1)
		die(how);
	if (ready == 0) {
		fprintf(stderr, "%s: an error, or no frame within 10 s\n", how);
		exit(1);
	}
}

static void capture(const char *device, const char *how, unsigned long count, const char *path)
{
	struct stream stream = {.fd = open_device(device, !strcmp(how, "block") ? 0 : O_NONBLOCK),
				.exported = export_buffers};
	struct epoll_event event = {.events = EPOLLIN};
	FILE *file = open_file(path);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	stream_prepare(&stream, 4);
	for (unsigned int i = 0; i < stream.count; i++)
		if (stream_queue(&stream, i))
			die("QBUF");
	if (stream_on(&stream))
		die("STREAMON");
	/* Not before: adding polls, and poll() on a device that has read() and no buffers starts reading. */
	if (epoll == -1 || (!strcmp(how, "epoll") && epoll_ctl(epoll, EPOLL_CTL_ADD, stream.fd, &event)))
		die("epoll");
	for (unsigned long frame = 0; frame < count; frame++) {
		struct v4l2_buffer buffer;

		wait_readable(stream.fd, how, epoll);
		if (stream_dequeue(&stream, &buffer))
			die("DQBUF");
		printf("frame %lu: index %u sequence %u bytesused %zu flags %08x\n", frame, buffer.index,
		       buffer.sequence, stream_write(&stream, &buffer, file), buffer.flags);
		if (stream_queue(&stream, buffer.index))
			die("QBUF");
	}
	printf("streamoff: %s\n", outcome(stream_off(&stream)));
	stream_unmap(&stream);
	printf("reqbufs 0: %s\n", outcome(stream_free(&stream)));
	fclose(file);
	close(epoll);
	close(stream.fd);
}

static void read_frames(const char *device, unsigned long count, const char *path)
{
	struct stream stream = {.fd = open_device(device, 0)};
	FILE *file = open_file(path);
	size_t size;
	char *frame;

	stream_find_type(&stream);
	size = stream_frame_size(&stream);
	frame = malloc(size);
	for (unsigned long i = 0; i < count; i++) {
		ssize_t got = read(stream.fd, frame, size);

		printf("read %lu: %s %zd\n", i, outcome(got), got);
		if (got <= 0)
			break;
		fwrite(frame, 1, (size_t)got, file);
	}
	fclose(file);
	free(frame);
	close(stream.fd);
}

static void block_dqbuf(const char *device, unsigned long queued)
{
	struct stream stream = {.fd = open_device(device, 0)};
	struct v4l2_buffer buffer;

	stream_prepare(&stream, queued > 2 ? (unsigned int)queued : 2);
	for (unsigned int i = 0; i < queued; i++)
		if (stream_queue(&stream, i))
			die("QBUF");
	printf("streamon: %s\n", outcome(stream_on(&stream)));
	for (unsigned long i = 0; i < queued; i++)
		printf("dqbuf: %s\n", outcome(stream_dequeue(&stream, &buffer)));
	announce("dqbuf");
	printf("dqbuf: %s\n", outcome(stream_dequeue(&stream, &buffer)));
}

static void nonblock_dqbuf(const char *device, const char *how)
{
	bool by_open = !strcmp(how, "open");
	struct stream stream = {.fd = open_device(device, by_open ? O_NONBLOCK : 0)};
	struct v4l2_buffer buffer;

	stream_prepare(&stream, 2);
	if (!by_open && fcntl(stream.fd, F_SETFL, fcntl(stream.fd, F_GETFL) | O_NONBLOCK))
		die("fcntl");
	printf("streamon: %s\n", outcome(stream_on(&stream)));
	announce("dqbuf");
	printf("dqbuf: %s\n", outcome(stream_dequeue(&stream, &buffer)));
}

/* Sets a control of which the parent wants to hear, later. */
static void change_alpha_later(const char *device)
{
	/* To another value than it has, whoever set that. */
	struct v4l2_control control = {.id = V4L2_CID_ALPHA_COMPONENT, .value = getpid() % 256};

	if (fork())
		return;
	usleep((useconds_t)alarm_ms * 1000 + 700000);
	_exit(ioctl(open_device(device, 0), VIDIOC_S_CTRL, &control) != 0);
}

static int wait_for(int fd, const char *how)
{
	if (!strcmp(how, "poll")) {
		struct pollfd file = {.fd = fd, .events = POLLIN};

		return poll(&file, 1, 5000);
	}
	if (!strcmp(how, "select")) {
		struct timeval limit = {.tv_sec = 5};
		fd_set files;

		FD_ZERO(&files);
		FD_SET(fd, &files);
		return select(fd + 1, &files, NULL, NULL, &limit);
	}
	if (!strcmp(how, "epoll")) {
		struct epoll_event event = {.events = EPOLLIN};
		int epoll = epoll_create1(EPOLL_CLOEXEC);

		if (epoll == -1 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
			die("epoll");
		return epoll_wait(epoll, &event, 1, 5000);
	}
	fprintf(stderr, "no way to wait: %s\n", how);
	exit(2);
}

static void wait_once(const char *device, const char *how)
{
	struct stream stream = {.fd = open_device(device, 0)};
	struct v4l2_event_subscription wish = {.type = V4L2_EVENT_CTRL, .id = V4L2_CID_ALPHA_COMPONENT};
	struct v4l2_event event;
	struct v4l2_buffer buffer;
	static uint8_t frame[4096];
	int result;

	if (!strcmp(how, "dqevent")) {
		if (ioctl(stream.fd, VIDIOC_SUBSCRIBE_EVENT, &wish))
			die("SUBSCRIBE_EVENT");
		change_alpha_later(device);
		announce(how);
		result = ioctl(stream.fd, VIDIOC_DQEVENT, &event);
	} else if (!strcmp(how, "read")) {
		announce(how);
		result = (int)read(stream.fd, frame, sizeof frame);
	} else {
		stream_prepare(&stream, 2);
		for (unsigned int i = 0; i < 2; i++)
			if (stream_queue(&stream, i))
				die("QBUF");
		if (stream_on(&stream))
			die("STREAMON");
		announce(how);
		result = strcmp(how, "dqbuf") ? wait_for(stream.fd, how) : stream_dequeue(&stream, &buffer);
	}
	printf("%s: %s\n", how, outcome(result));
}

static void two_opens(const char *device)
{
	struct stream first = {.fd = open_device(device, 0)};
	struct stream second = {.fd = open_device(device, O_NONBLOCK)};

	stream_find_type(&first);
	second.type = first.type;
	printf("first reqbufs: %s\n", outcome(stream_allocate(&first, 2)));
	printf("second reqbufs: %s\n", outcome(stream_allocate(&second, 2)));
	printf("second reqbufs 0: %s\n", outcome(stream_free(&second)));
	printf("second streamon: %s\n", outcome(stream_on(&second)));
	printf("first close: %s\n", outcome(close(first.fd)));
	printf("second reqbufs: %s\n", outcome(stream_allocate(&second, 2)));
	close(second.fd);
}

static void mmap_after_close(const char *device)
{
	struct stream stream = {.fd = open_device(device, 0)};
	volatile uint8_t *bytes;

	stream_prepare(&stream, 2);
	bytes = stream.planes[0][0].start;
	bytes[0] = 0x5a;
	printf("reqbufs 0 while mapped: %s\n", outcome(stream_free(&stream)));
	printf("still there: %s\n", bytes[0] == 0x5a ? "yes" : "no");
	close(stream.fd);
	bytes[stream.planes[0][0].length - 1] = 0xa5;
	printf("after close: %s\n", bytes[0] == 0x5a ? "yes" : "no");
	stream_unmap(&stream);
}

static void orphans(const char *device, unsigned long rounds)
{
	struct stream kept = {.fd = open_device(device, 0)};
	struct stream stream = {.fd = kept.fd};
	unsigned long lost = 0;

	stream_prepare(&kept, 2);
	memset(kept.planes[1][0].start, 0x5a, kept.planes[1][0].length);
	printf("reqbufs 0 while mapped: %s\n", outcome(stream_free(&kept)));
	for (unsigned long round = 0; round < rounds; round++) {
		stream_prepare(&stream, 4);
		for (unsigned int i = 0; i < stream.count; i++) {
			const uint8_t *fresh = stream.planes[i][0].start;

			/* New buffers are empty, whoever had that memory before. */
			lost += fresh[0] || fresh[stream.planes[i][0].length - 1];
			memset(stream.planes[i][0].start, 0x33, stream.planes[i][0].length);
		}
		stream_unmap(&stream);
		if (stream_free(&stream))
			die("REQBUFS");
	}
	for (size_t i = 0; i < kept.planes[1][0].length; i++)
		lost += ((const uint8_t *)kept.planes[1][0].start)[i] != 0x5a;
	printf("bytes that are not as they should be: %lu\n", lost);
	stream_unmap(&kept);
	close(kept.fd);
}

static void print_mmap(const char *name, size_t length, int prot, int flags, int fd, off_t offset)
{
	void *mapped;

	errno = 0;
	mapped = mmap(NULL, length, prot, flags, fd, offset);
	printf("%s: %s\n", name, mapped == MAP_FAILED ? strerrorname_np(errno) : errno ? "errno changed" : "ok");
	if (mapped != MAP_FAILED)
		munmap(mapped, length);
}

static void mmap_errors(const char *device)
{
	struct stream stream = {.fd = open_device(device, 0)};
	size_t length;
	off_t offset;
	int both = PROT_READ | PROT_WRITE;

	stream_prepare(&stream, 1);
	length = stream.planes[0][0].length;
	offset = stream.planes[0][0].offset;
	print_mmap("again", length, both, MAP_SHARED, stream.fd, offset);
	print_mmap("read only", length, PROT_READ, MAP_SHARED, stream.fd, offset);
	print_mmap("write only", length, PROT_WRITE, MAP_SHARED, stream.fd, offset);
	print_mmap("private", length, both, MAP_PRIVATE, stream.fd, offset);
	print_mmap("one page", 1, both, MAP_SHARED, stream.fd, offset);
	print_mmap("too long", length + 65536, both, MAP_SHARED, stream.fd, offset);
	print_mmap("unknown offset", length, both, MAP_SHARED, stream.fd, offset + 0x10000000);
	print_mmap("inside a buffer", 1, both, MAP_SHARED, stream.fd, offset + 4096);
	stream_unmap(&stream);
	stream_free(&stream);
	print_mmap("freed", length, both, MAP_SHARED, stream.fd, offset);
}

static void expbuf(const char *device)
{
	struct stream stream = {.fd = open_device(device, 0)};
	static const int flags[] = {O_RDWR | O_CLOEXEC, O_RDWR, O_RDONLY | O_CLOEXEC};

	stream_prepare(&stream, 1);
	memset(stream.planes[0][0].start, 0x37, stream.planes[0][0].length);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		struct v4l2_exportbuffer export = {.type = stream.type, .flags = (uint32_t)flags[i], .fd = -1};
		int result = ioctl(stream.fd, VIDIOC_EXPBUF, &export);
		uint8_t *bytes;

		printf("expbuf %o: %s\n", (unsigned int)flags[i], outcome(result));
		if (result == -1)
			continue;
		bytes = mmap(NULL, stream.planes[0][0].length, PROT_READ, MAP_SHARED, export.fd, 0);
		printf("  cloexec %d access %d size %ld same memory %s\n", !!(fcntl(export.fd, F_GETFD) & FD_CLOEXEC),
		       fcntl(export.fd, F_GETFL) & O_ACCMODE, (long)lseek(export.fd, 0, SEEK_END),
		       bytes == MAP_FAILED ? outcome(-1)
		       : *bytes == 0x37    ? "yes"
					   : "no");
		if (bytes != MAP_FAILED)
			munmap(bytes, stream.planes[0][0].length);
		close(export.fd);
	}
	for (unsigned int wrong = 0; wrong < 2; wrong++) {
		struct v4l2_exportbuffer export = {
			.type = stream.type, .index = wrong ? 0 : 99, .plane = wrong ? 9 : 0};

		printf("expbuf wrong %s: %s\n", wrong ? "plane" : "index",
		       outcome(ioctl(stream.fd, VIDIOC_EXPBUF, &export)));
	}
}

static void request_alloc(const char *device)
{
	int media = open_device(device, 0);
	int request = -1;
	int result = ioctl(media, MEDIA_IOC_REQUEST_ALLOC, &request);

	printf("request_alloc: %s\n", outcome(result));
	if (result == -1)
		return;
	printf("cloexec %d\n", !!(fcntl(request, F_GETFD) & FD_CLOEXEC));
	printf("reinit: %s\n", outcome(ioctl(request, MEDIA_REQUEST_IOC_REINIT)));
	printf("queue: %s\n", outcome(ioctl(request, MEDIA_REQUEST_IOC_QUEUE)));
	printf("close: %s\n", outcome(close(request)));
}

static void bad_pointers(const char *device)
{
	static const struct {
		const char *name;
		unsigned long cmd;
	} calls[] = {
		{"QUERYCAP", VIDIOC_QUERYCAP},
		{"G_FMT", VIDIOC_G_FMT},
		{"S_FMT", VIDIOC_S_FMT},
		{"REQBUFS", VIDIOC_REQBUFS},
		{"CREATE_BUFS", VIDIOC_CREATE_BUFS},
		{"QBUF", VIDIOC_QBUF},
		{"DQBUF", VIDIOC_DQBUF},
		{"EXPBUF", VIDIOC_EXPBUF},
		{"STREAMON", VIDIOC_STREAMON},
	};
	int fd = open_device(device, O_NONBLOCK);
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 3 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + page, (size_t)page, PROT_NONE) ||
	    mprotect(pages + 2 * page, (size_t)page, PROT_READ))
		die("mmap");
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		printf("%s: null %s", calls[i].name, outcome(ioctl(fd, calls[i].cmd, NULL)));
		printf(", one %s", outcome(ioctl(fd, calls[i].cmd, (void *)1)));
		printf(", kernel %s", outcome(ioctl(fd, calls[i].cmd, (void *)~0xffful)));
		printf(", across %s", outcome(ioctl(fd, calls[i].cmd, pages + page - 2)));
		printf(", read-only %s\n", outcome(ioctl(fd, calls[i].cmd, pages + 2 * page)));
	}
}

static void any_ioctl(const char *device, const char *cmd, const char *hex, unsigned long count)
{
	static uint8_t arg[1 << 14];
	int fd = open_device(device, O_NONBLOCK);
	size_t size = unhex(hex, arg, sizeof arg);
	double start = now_us();
	int result = 0;

	for (unsigned long i = 0; i < (count ? count : 1); i++)
		result = ioctl(fd, number(cmd), arg);
	if (count) {
		printf("%.1f\n", (now_us() - start) / (double)count);
		return;
	}
	printf("%d %s\n", result, outcome(result));
	print_hex(arg, size);
}

static void hold(const char *device)
{
	open_device(device, 0);
	printf("open\n");
	fflush(stdout);
	for (;;)
		pause();
}

static void become(const char *id)
{
	unsigned int uid = (unsigned int)number(id);

	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		die("setuid");
}

int main(int argc, char **argv)
{
	const char *device, *command;

	for (argv++, argc--; argc > 0 && !strncmp(*argv, "--", 2); argv++, argc--) {
		if (!strcmp(*argv, "--restart")) {
			restart = true;
			continue;
		}
		if (!strcmp(*argv, "--export")) {
			export_buffers = true;
			continue;
		}
		if (argc < 2)
			break;
		if (!strcmp(*argv, "--uid"))
			become(argv[1]);
		else if (!strcmp(*argv, "--alarm"))
			alarm_ms = number(argv[1]);
		else
			break;
		argv++, argc--;
	}
	if (argc < 2) {
		fputs(usage, stderr);
		return 2;
	}
	device = argv[0];
	command = argv[1];
	argv += 2;
	argc -= 2;

	if (!strcmp(command, "capture") && argc == 3)
		capture(device, argv[0], number(argv[1]), argv[2]);
	else if (!strcmp(command, "read") && argc == 2)
		read_frames(device, number(argv[0]), argv[1]);
	else if (!strcmp(command, "block-dqbuf") && argc == 1)
		block_dqbuf(device, number(argv[0]));
	else if (!strcmp(command, "nonblock-dqbuf") && argc == 1)
		nonblock_dqbuf(device, argv[0]);
	else if (!strcmp(command, "wait") && argc == 1)
		wait_once(device, argv[0]);
	else if (!strcmp(command, "two-opens") && argc == 0)
		two_opens(device);
	else if (!strcmp(command, "take-over") && argc == 1)
		take_over(device, number(argv[0]));
	else if (!strcmp(command, "mmap-after-close") && argc == 0)
		mmap_after_close(device);
	else if (!strcmp(command, "orphans") && argc == 1)
		orphans(device, number(argv[0]));
	else if (!strcmp(command, "mmap-errors") && argc == 0)
		mmap_errors(device);
	else if (!strcmp(command, "expbuf") && argc == 0)
		expbuf(device);
	else if (!strcmp(command, "request-alloc") && argc == 0)
		request_alloc(device);
	else if (!strcmp(command, "badptr") && argc == 0)
		bad_pointers(device);
	else if (!strcmp(command, "ioctl") && argc == 2)
		any_ioctl(device, argv[0], argv[1], 0);
	else if (!strcmp(command, "bench") && argc == 3)
		any_ioctl(device, argv[0], argv[1], number(argv[2]));
	else if (!strcmp(command, "hold") && argc == 0)
		hold(device);
	else {
		fputs(usage, stderr);
		return 2;
	}
	return 0;
}
