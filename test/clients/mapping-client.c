/*
 * A client in circumstances that programs get into. It does what it is told, a word after the other, and prints a
 * line for each:
 *
 *   mapping-client DEVICE FILE STEP...
 *
 *   open HOW         rw or ro, with ",nonblock" and ",cloexec"; 320x180 YUYV is set
 *   pieces           320x240, of which read(2) takes what is over 128 KiB, and then these
 *   no-stdin         closes descriptor 0, so that the next file gets it
 *   move N           the device's descriptor gets another number
 *   inherit N        the device is descriptor N
 *   dup              a duplicate of the current descriptor, from now on the current one
 *   use N            the N-th of them (0: the first) is the current one
 *   close            the current one
 *   nonblock         fcntl(2) sets O_NONBLOCK
 *   flags            number, access mode, O_NONBLOCK, close-on-exec
 *   file             what it is to fstat(2)
 *
 *   reqbufs N        REQBUFS of so many buffers; 0 frees them
 *   create N         CREATE_BUFS of so many more; they are mapped
 *   stream N         maps the buffers, takes N frames into FILE; without buffers, by read(2)
 *   exported         EXPBUF of all buffers: what gives them? From now on each frame is also looked at through these
 *   queue            the buffer that was created last
 *   frame            one frame into FILE, with which the stream ends
 *   hold             streams, or reads, until killed
 *
 *   subscribe        to changes of a control
 *   change           the control: an event
 *   watch FLAGS      EPOLLPRI in an epoll instance of its own; FLAGS: level, edge, oneshot
 *   watched N        what the N-th instance says within 10 s, and at once after that
 *   sleeper HOW      a thread goes to sleep; HOW: poll, select, epoll, dqevent (for the event), poll-frame, epoll-frame
 *   woken            what it was told
 *
 *   threads N        so many threads make system calls with files of their own
 *   settle           they end: have their files been hurt?
 *   suspends         can this kernel suspend seccomp filters for a tracer?
 *   filter           a seccomp filter kills for socketpair(2) and recvmsg(2)
 *   filtered         does it still?
 *
 *   fork             a child does what follows; this process waits for it
 *   twin             a child allocates, streams, and has taken all frames; it lives until we end
 *   exec             this program again does what follows, with the current descriptor inherited
 *   thread           another thread does what follows
 *   own-table        ... with a table of descriptors of its own
 *   limit N          RLIMIT_NOFILE
 *   undumpable       as a program is that other processes of the same user may not look into
 */
#include "client.h"
#include "v4l2-stream.h"
#include "side-threads.h"

#include <linux/dma-buf.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MOST 8

static const char *device, *path;
static FILE *frames;
static int fds[MOST], fd_count, current;
static struct stream stream;
static unsigned int created;
static void *exports[MAX_BUFFERS]; /* mapped, next to the device's mapping */
static unsigned int differences;
static size_t piece = 1 << 30; /* that read(2) takes at a time */
static int instances[MOST], instance_count;
static struct sleeper sleeper;
static char **rest; /* steps that are still to be done */

static int the_fd(void)
{
	return fds[current];
}

static void add(int fd)
{
	if (fd == -1 || fd_count == MOST)
		die("a descriptor");
	current = fd_count;
	fds[fd_count++] = fd;
	stream.fd = fd;
}

/* ---- Descriptors ---------------------------------------------------------------------- */

static void set_size(unsigned int width, unsigned int height)
{
	struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};

	format.fmt.pix = (struct v4l2_pix_format){.width = width, .height = height, .pixelformat = V4L2_PIX_FMT_YUYV};
	if (ioctl(the_fd(), VIDIOC_S_FMT, &format))
		die("S_FMT");
}

static void do_open(const char *how)
{
	int flags = strncmp(how, "ro", 2) ? O_RDWR : O_RDONLY;

	flags |= strstr(how, ",nonblock") ? O_NONBLOCK : 0;
	flags |= strstr(how, ",cloexec") ? O_CLOEXEC : 0;
	add(open(device, flags));
	stream.read_only = !strncmp(how, "ro", 2);
	stream_find_type(&stream);
	set_size(320, 180);
}

static void do_pieces(const char *none)
{
	(void)none;
	set_size(320, 240);
	piece = 128 << 10;
}

static void do_inherit(const char *number_text)
{
	add((int)number(number_text));
	stream_find_type(&stream);
}

static void do_no_stdin(const char *none)
{
	(void)none;
	close(0);
}

static void do_move(const char *to)
{
	int moved = fcntl(the_fd(), F_DUPFD_CLOEXEC, (int)number(to));

	close(the_fd());
	fds[current] = stream.fd = moved;
}

static void do_dup(const char *none)
{
	(void)none;
	add(dup(the_fd()));
}

static void do_use(const char *which)
{
	current = (int)number(which) % MOST;
	stream.fd = the_fd();
}

static void do_close(const char *none)
{
	(void)none;
	printf("close: %s\n", outcome(close(the_fd())));
}

static void do_nonblock(const char *none)
{
	(void)none;
	if (fcntl(the_fd(), F_SETFL, fcntl(the_fd(), F_GETFL) | O_NONBLOCK))
		die("fcntl");
}

static void do_flags(const char *none)
{
	int flags = fcntl(the_fd(), F_GETFL);

	(void)none;
	printf("flags: number %d %s%s%s\n", the_fd(), (flags & O_ACCMODE) == O_RDWR ? "rw" : "ro",
	       flags & O_NONBLOCK ? " nonblock" : "", fcntl(the_fd(), F_GETFD) & FD_CLOEXEC ? " cloexec" : "");
}

static void do_file(const char *none)
{
	struct stat status;

	(void)none;
	if (fstat(the_fd(), &status))
		die("fstat");
	printf("file: %s\n", S_ISCHR(status.st_mode) ? "node" : S_ISREG(status.st_mode) ? "mapped" : "another");
}

static void do_limit(const char *files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit");
	limit.rlim_cur = number(files);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit");
}

static void do_undumpable(const char *none)
{
	(void)none;
	if (prctl(PR_SET_DUMPABLE, 0))
		die("prctl");
}

/* ---- Buffers --------------------------------------------------------------------------- */

static void do_reqbufs(const char *count)
{
	int result = stream_allocate(&stream, (unsigned int)number(count));

	printf("reqbufs %s: %s\n", count, outcome(result));
	if (result)
		stream.count = 0;
}

static void do_create(const char *count)
{
	struct v4l2_create_buffers wish = {.count = (uint32_t)number(count), .memory = V4L2_MEMORY_MMAP};
	int result;

	wish.format.type = stream.type;
	if (ioctl(the_fd(), VIDIOC_G_FMT, &wish.format))
		die("G_FMT");
	result = ioctl(the_fd(), VIDIOC_CREATE_BUFS, &wish);
	printf("create %s: %s\n", count, outcome(result));
	if (result)
		return;
	created = wish.index;
	for (unsigned int i = 0; i < wish.count; i++)
		stream_map(&stream, created + i);
}

/* Does what EXPBUF gave show the frame, too? */
static void compare(const struct v4l2_buffer *buffer)
{
	const void *mapped = stream.planes[buffer->index][0].start;

	if (exports[buffer->index] && memcmp(exports[buffer->index], mapped, buffer->bytesused))
		differences++;
}

static void do_exported(const char *none)
{
	bool all = true;

	(void)none;
	for (unsigned int i = 0; i < stream.count; i++) {
		struct dma_buf_sync begin = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};
		int fd;

		stream_map(&stream, i);
		fd = stream_export(&stream, i, 0);
		all = all && !ioctl(fd, DMA_BUF_IOCTL_SYNC, &begin);
		exports[i] = mmap(NULL, stream.planes[i][0].length, PROT_READ, MAP_SHARED, fd, 0);
		if (exports[i] == MAP_FAILED)
			die("mmap of an exported buffer");
		close(fd);
	}
	printf("exported: %s\n", all ? "dma-bufs" : "other files");
}

static void await_frame(void)
{
	struct pollfd wanted = {.fd = the_fd(), .events = POLLIN};

	if (!(fcntl(the_fd(), F_GETFL) & O_NONBLOCK))
		return;
	if (poll(&wanted, 1, 20000) != 1 || wanted.revents & POLLERR)
		die("poll");
}

static void take_frame(bool again)
{
	struct v4l2_buffer buffer;

	await_frame();
	if (stream_dequeue(&stream, &buffer))
		die("DQBUF");
	compare(&buffer);
	stream_write(&stream, &buffer, frames);
	if (again && stream_queue(&stream, buffer.index))
		die("QBUF");
}

static void start(void)
{
	for (unsigned int i = 0; i < stream.count; i++)
		if (!exports[i]) /* which has mapped it */
			stream_map(&stream, i);
	for (unsigned int i = 0; i < stream.count; i++)
		if (stream_queue(&stream, i))
			die("QBUF");
	if (stream_on(&stream))
		die("STREAMON");
}

static void read_frames(unsigned long count)
{
	size_t size = stream_frame_size(&stream);
	/* From a page's beginning 128 KiB are one message to the driver. */
	char *part = aligned_alloc(4096, (size + 4095) / 4096 * 4096);

	for (; count > 0; count--) {
		await_frame();
		for (size_t left = size, wanted; left > 0; left -= wanted) {
			wanted = left % piece ? left % piece : piece;
			if (read(the_fd(), part, wanted) != (ssize_t)wanted ||
			    fwrite(part, 1, wanted, frames) != wanted)
				die("read");
		}
	}
	free(part);
}

static void do_stream(const char *count)
{
	if (!stream.count) {
		read_frames(number(count));
		printf("read: %s frames\n", count);
		return;
	}
	start();
	for (unsigned long i = number(count); i > 0; i--)
		take_frame(i > 1);
	if (stream_off(&stream))
		die("STREAMOFF");
	stream_unmap(&stream);
	printf("streamed: %s frames\n", count);
	if (exports[0])
		printf("exported: %u frames differ\n", differences);
}

static void do_queue(const char *none)
{
	(void)none;
	printf("queue: %s\n", outcome(stream_queue(&stream, created)));
}

static void do_frame(const char *none)
{
	(void)none;
	take_frame(false);
	printf("streamoff: %s\n", outcome(stream_off(&stream)));
}

static void do_hold(const char *none)
{
	(void)none;
	if (stream.count)
		start();
	printf("holding\n");
	for (;;)
		if (stream.count)
			take_frame(true);
		else
			read_frames(1);
}

/* ---- Events and sleepers --------------------------------------------------------------- */

static void do_subscribe(const char *none)
{
	struct v4l2_event_subscription wish = {
		.type = V4L2_EVENT_CTRL, .id = V4L2_CID_ALPHA_COMPONENT, .flags = V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK};

	(void)none;
	if (ioctl(the_fd(), VIDIOC_SUBSCRIBE_EVENT, &wish))
		die("SUBSCRIBE_EVENT");
}

static void do_change(const char *none)
{
	struct v4l2_control control = {.id = V4L2_CID_ALPHA_COMPONENT};

	(void)none;
	if (ioctl(the_fd(), VIDIOC_G_CTRL, &control))
		die("G_CTRL");
	control.value ^= 1;
	printf("change: %s\n", outcome(ioctl(the_fd(), VIDIOC_S_CTRL, &control)));
}

static void do_watch(const char *how)
{
	struct epoll_event event = {.events = EPOLLPRI};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	event.events |= !strcmp(how, "edge") ? EPOLLET : !strcmp(how, "oneshot") ? EPOLLONESHOT : 0;
	event.data.u64 = 0x1122334455667780 + (unsigned int)instance_count;
	if (epoll == -1 || instance_count == MOST || epoll_ctl(epoll, EPOLL_CTL_ADD, the_fd(), &event))
		die("epoll");
	instances[instance_count++] = epoll;
}

static void do_watched(const char *which)
{
	for (int again = 0; again < 2; again++) {
		struct epoll_event event = {0};
		int count = epoll_wait(instances[number(which) % MOST], &event, 1, again ? 0 : 10000);

		printf("%s %s: %d %#x %#lx\n", again ? "again" : "watched", which, count, (unsigned int)event.events,
		       (unsigned long)event.data.u64);
	}
}

static void do_sleeper(const char *how)
{
	bool frame = strstr(how, "-frame");

	sleeper = (struct sleeper){.how = how, .fd = the_fd(), .events = frame ? POLLIN : POLLPRI};
	go_to_sleep(&sleeper);
	printf("sleeper: asleep\n");
}

static void do_woken(const char *none)
{
	(void)none;
	printf("woken: %s\n", wake_up(&sleeper));
}

/* ---- Threads and filters --------------------------------------------------------------- */

static void do_threads(const char *count)
{
	start_callers((int)number(count));
}

static void do_settle(const char *none)
{
	(void)none;
	printf("threads: %lu files hurt\n", stop_callers());
}

static void do_suspends(const char *none)
{
	(void)none;
	printf("suspends: %s\n", suspends_filters() ? "yes" : "no");
}

static void do_filter(const char *none)
{
	(void)none;
	install_filter();
}

static void do_filtered(const char *none)
{
	(void)none;
	printf("filtered: %s\n", is_filtered() ? "yes" : "no");
}

/* ---- Processes ------------------------------------------------------------------------- */

static void run_steps(void);

static _Noreturn void wait_for(pid_t child)
{
	int status;

	if (child == -1 || waitpid(child, &status, 0) != child)
		die("child");
	if (WIFSIGNALED(status))
		fprintf(stderr, "the child ended with signal %d\n", WTERMSIG(status));
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void do_fork(const char *none)
{
	pid_t child = fork();

	(void)none;
	if (child)
		wait_for(child);
}

static void do_twin(const char *none)
{
	struct v4l2_buffer buffer;
	char byte = 0;
	int ready[2], end[2];

	(void)none;
	if (pipe2(ready, O_CLOEXEC) || pipe2(end, O_CLOEXEC))
		die("pipe");
	if (fork()) {
		close(ready[1]);
		close(end[0]); /* end[1] is closed when we end */
		if (read(ready[0], &byte, 1) != 1)
			die("twin");
		printf("twin: %c\n", byte);
		return;
	}
	close(ready[0]);
	close(end[1]);
	byte = stream_allocate(&stream, 4) ? 'n' : 'y';
	if (byte == 'y') {
		start();
		for (unsigned int i = 0; i < stream.count; i++)
			if (stream_dequeue(&stream, &buffer))
				die("DQBUF");
	}
	if (write(ready[1], &byte, 1) != 1)
		die("write");
	_exit(read(end[0], &byte, 1) != 0);
}

static void do_exec(const char *none)
{
	char *words[64] = {"mapping-client", (char *)device, (char *)path, "inherit", NULL};
	char inherited[16];
	size_t count = 5;

	(void)none;
	snprintf(inherited, sizeof inherited, "%d", the_fd());
	words[4] = inherited;
	while (*rest && count < 63)
		words[count++] = *rest++;
	execv("/proc/self/exe", words);
	die("execv");
}

static void *run_in_thread(void *nothing)
{
	run_steps();
	return nothing;
}

static void do_thread(const char *none)
{
	pthread_t thread;

	(void)none;
	if (pthread_create(&thread, NULL, run_in_thread, NULL) || pthread_join(thread, NULL))
		die("pthread");
}

static void do_own_table(const char *none)
{
	(void)none;
	if (unshare(CLONE_FILES))
		die("unshare");
}

static const struct {
	const char *name;
	void (*run)(const char *word);
	bool has_word;
} steps[] = {
	{"open", do_open, true},
	{"no-stdin", do_no_stdin, false},
	{"move", do_move, true},
	{"inherit", do_inherit, true},
	{"dup", do_dup, false},
	{"use", do_use, true},
	{"close", do_close, false},
	{"nonblock", do_nonblock, false},
	{"flags", do_flags, false},
	{"file", do_file, false},
	{"reqbufs", do_reqbufs, true},
	{"create", do_create, true},
	{"stream", do_stream, true},
	{"exported", do_exported, false},
	{"queue", do_queue, false},
	{"frame", do_frame, false},
	{"pieces", do_pieces, false},
	{"hold", do_hold, false},
	{"subscribe", do_subscribe, false},
	{"change", do_change, false},
	{"watch", do_watch, true},
	{"watched", do_watched, true},
	{"sleeper", do_sleeper, true},
	{"woken", do_woken, false},
	{"threads", do_threads, true},
	{"settle", do_settle, false},
	{"suspends", do_suspends, false},
	{"filter", do_filter, false},
	{"filtered", do_filtered, false},
	{"fork", do_fork, false},
	{"twin", do_twin, false},
	{"exec", do_exec, false},
	{"thread", do_thread, false},
	{"own-table", do_own_table, false},
	{"limit", do_limit, true},
	{"undumpable", do_undumpable, false},
};

static void run_steps(void)
{
	while (*rest) {
		const char *name = *rest++;
		size_t i = 0;

		while (i < sizeof steps / sizeof *steps && strcmp(steps[i].name, name))
			i++;
		if (i == sizeof steps / sizeof *steps || (steps[i].has_word && !*rest)) {
			fprintf(stderr, "unknown or incomplete step: %s\n", name);
			exit(2);
		}
		steps[i].run(steps[i].has_word ? *rest++ : NULL);
		fflush(frames);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: mapping-client DEVICE FILE STEP...\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	device = argv[1];
	path = argv[2];
	rest = argv + 3;
	frames = fopen(path, "ae");
	if (!frames)
		die(path);
	run_steps();
	return 0;
}
