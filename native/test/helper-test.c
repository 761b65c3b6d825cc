/*
 * The helper library against a driver that plays by the rules, and one that does
 * not. No device is needed: /dev/null stands for one, and system calls on it are
 * answered here. Prints what failed; exit status 1 if anything did.
 */
#include <unistd.h> /* declares the real one, ahead of the macro */

#define syscall(...) faked_syscall(__VA_ARGS__)
static long faked_syscall(long number, ...);
#include "../preload/v4l2-cuse.c"
#include "../preload/nodes.c"
#include "../preload/stat.c"
#include "../preload/statx.c"
#undef syscall

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define OFFSET 65536 /* of a buffer in its file: whole pages of any kernel */

static int failures;

#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition)) {                                                      \
			printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
			failures++;                                                      \
		}                                                                        \
	} while (0)

/* What the driver does. */
static struct {
	int device;
	int foreign;       /* not ours: answers everything private with `refusal` */
	int refusal;       /* errno of MAP and FD; 0: serve */
	int hello_refusal; /* errno of HELLO */
	int interruptions; /* EINTR that often first */
	int ended;         /* calls fail with this: a driver that is gone */
	int silent;        /* replies without having sent */
	int extra;         /* sends two descriptors */
	int memory;        /* the memfd that it sends */
	/* What it has seen. */
	int hellos, maps, fds, plain_ioctls;
	unsigned long last_plain;
	struct v4l2_cuse_map map;
	int number; /* of the last FD */
} driver;

static void send_fds(int socket, int fd, int count)
{
	char byte = 0;
	struct iovec data = {&byte, 1};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = {{0}};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int both[2] = {fd, fd};

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(header), both, (size_t)count * sizeof(int));
	CHECK(sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1);
}

static long refuse(int error)
{
	errno = error;
	return -1;
}

/* A private ioctl on the device. */
static long private_ioctl(unsigned long cmd, void *arg)
{
	struct v4l2_cuse_fd *call = arg;

	if (driver.interruptions > 0) {
		driver.interruptions--;
		return refuse(EINTR);
	}
	if (cmd == V4L2_CUSE_HELLO) {
		driver.hellos++;
		return driver.hello_refusal ? refuse(driver.hello_refusal) : 0;
	}
	if (cmd == V4L2_CUSE_MAP) {
		driver.maps++;
		driver.map = *(struct v4l2_cuse_map *)arg;
		if (driver.refusal)
			return refuse(driver.refusal);
		if (!driver.silent)
			send_fds(driver.map.socket, driver.memory, driver.extra ? 2 : 1);
		((struct v4l2_cuse_map *)arg)->fd_offset = OFFSET;
		return 0;
	}
	driver.fds++;
	driver.number = call->number;
	if (driver.refusal)
		return refuse(driver.refusal);
	if (!driver.silent)
		send_fds(call->socket, driver.memory, 1);
	if (call->cmd == VIDIOC_EXPBUF)
		((struct v4l2_exportbuffer *)call->arg)->reserved[0] = 7;
	return 0;
}

static long faked_syscall(long number, ...)
{
	long a[6];
	va_list rest;

	va_start(rest, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(rest, long);
	va_end(rest);
	if (number == SYS_ioctl && (int)a[0] == driver.device)
		return private_ioctl((unsigned long)a[1], (void *)a[2]);
	return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void *kernel_mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
	if (fd == driver.device && !(flags & MAP_ANONYMOUS)) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, address, length, prot, flags, fd, offset);
}

static int kernel_ioctl(int fd, unsigned long cmd, ...)
{
	va_list rest;
	void *arg;

	va_start(rest, cmd);
	arg = va_arg(rest, void *);
	va_end(rest);
	driver.plain_ioctls++;
	driver.last_plain = cmd;
	if (driver.ended)
		return (int)refuse(driver.ended);
	if (fd == driver.device && ((uint32_t)cmd == VIDIOC_EXPBUF || (uint32_t)cmd == MEDIA_IOC_REQUEST_ALLOC))
		return (int)refuse(ENOTTY);
	if (fd == driver.device)
		return 0;
	return (int)syscall(SYS_ioctl, fd, cmd, arg);
}

static int open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void reset(void)
{
	int device = driver.device, memory = driver.memory;

	memset(&driver, 0, sizeof driver);
	driver.device = device;
	driver.memory = memory;
	errno = 0;
}

static void *map_device(int prot, int flags)
{
	return mmap(NULL, 100, prot, flags, driver.device, 0x8000);
}

static void mapping(void)
{
	char *bytes;

	reset();
	errno = 77;
	bytes = map_device(PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(bytes != MAP_FAILED && errno == 77);
	CHECK(bytes != MAP_FAILED && *bytes == 'm');
	munmap(bytes, 100);
	CHECK(driver.maps == 1 && driver.hellos == 0);
	CHECK(driver.map.version == 1 && driver.map.offset == 0x8000 && driver.map.length == 100);
	CHECK(driver.map.prot == (PROT_READ | PROT_WRITE) && driver.map.flags == MAP_SHARED);

	reset();
	driver.interruptions = 3;
	bytes = map_device(PROT_READ, MAP_SHARED);
	CHECK(bytes != MAP_FAILED);
	munmap(bytes, 100);

	reset();
	driver.refusal = EINVAL;
	CHECK(map_device(PROT_READ, MAP_PRIVATE) == MAP_FAILED && errno == EINVAL);
	CHECK(driver.map.flags == MAP_PRIVATE);

	reset();
	driver.silent = 1;
	CHECK(map_device(PROT_READ, MAP_SHARED) == MAP_FAILED && errno == EIO);

	reset();
	driver.extra = 1;
	bytes = map_device(PROT_READ, MAP_SHARED);
	CHECK(bytes != MAP_FAILED);
	munmap(bytes, 100);

	/* The kernel's word on what the driver sent: the memfd is there, the alignment is not. */
	reset();
	CHECK(mmap((void *)1, 100, PROT_READ, MAP_SHARED | MAP_FIXED, driver.device, 0) == MAP_FAILED &&
	      errno == EINVAL);
}

static void mapping_foreign(void)
{
	static const int answers[] = {ENOTTY, EINVAL, EPERM, EIO};
	int pipes[2];

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		reset();
		driver.refusal = driver.hello_refusal = answers[i];
		CHECK(map_device(PROT_READ, MAP_SHARED) == MAP_FAILED && errno == ENODEV);
	}
	reset();
	CHECK(pipe(pipes) == 0);
	CHECK(mmap(NULL, 100, PROT_READ, MAP_SHARED, pipes[0], 0) == MAP_FAILED && errno == ENODEV);
	CHECK(mmap(NULL, 100, PROT_READ, MAP_SHARED, -1, 0) == MAP_FAILED && errno == EBADF);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_SHARED, pipes[0], 0) == MAP_FAILED && errno == EINVAL);
	close(pipes[0]);
	close(pipes[1]);
}

static void exporting(void)
{
	struct v4l2_exportbuffer export = {.index = 3, .flags = O_CLOEXEC, .fd = -1};
	struct v4l2_exportbuffer *read_only;
	struct stat status;
	int lowest;

	reset();
	errno = 77;
	lowest = dup(0);
	close(lowest);
	CHECK(ioctl(driver.device, VIDIOC_EXPBUF, &export) == 0 && errno == 77);
	CHECK(driver.hellos == 1 && driver.fds == 1 && driver.plain_ioctls == 0);
	CHECK(export.fd == lowest && driver.number == lowest);
	CHECK(export.fd >= 0 && export.index == 3 && export.reserved[0] == 7);
	CHECK(fcntl(export.fd, F_GETFD) == FD_CLOEXEC);
	CHECK(fstat(export.fd, &status) == 0 && status.st_size == 2 * OFFSET);
	close(export.fd);

	export.flags = 0;
	/* A caller who keeps the command in an int. */
	CHECK(ioctl(driver.device, (unsigned long)(int)VIDIOC_EXPBUF, &export) == 0);
	CHECK(fcntl(export.fd, F_GETFD) == 0);
	close(export.fd);

	reset();
	driver.refusal = EBUSY;
	CHECK(ioctl(driver.device, VIDIOC_EXPBUF, &export) == -1 && errno == EBUSY);

	reset();
	driver.silent = 1;
	CHECK(ioctl(driver.device, VIDIOC_EXPBUF, &export) == -1 && errno == EIO);

	reset();
	driver.refusal = driver.hello_refusal = EINVAL;
	CHECK(ioctl(driver.device, VIDIOC_EXPBUF, &export) == -1 && errno == ENOTTY);
	CHECK(driver.fds == 0 && driver.plain_ioctls == 1 && driver.last_plain == VIDIOC_EXPBUF);

	reset();
	read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(ioctl(driver.device, VIDIOC_EXPBUF, read_only) == -1 && errno == EFAULT);
	munmap(read_only, 4096);
	CHECK(ioctl(driver.device, VIDIOC_EXPBUF, NULL) == -1 && errno == EFAULT);
}

static void allocating_requests(void)
{
	int request = -1;

	reset();
	CHECK(ioctl(driver.device, MEDIA_IOC_REQUEST_ALLOC, &request) == 0);
	CHECK(request >= 0 && fcntl(request, F_GETFD) == FD_CLOEXEC);
	CHECK(driver.hellos == 1 && driver.fds == 1 && driver.plain_ioctls == 0 && driver.number == request);
	close(request);
	CHECK(ioctl(driver.device, MEDIA_IOC_REQUEST_ALLOC, NULL) == -1 && errno == EFAULT);
	CHECK(ioctl(driver.device, MEDIA_IOC_REQUEST_ALLOC, (void *)1) == -1 && errno == EFAULT);

	reset();
	driver.refusal = driver.hello_refusal = ENOTTY;
	CHECK(ioctl(driver.device, MEDIA_IOC_REQUEST_ALLOC, &request) == -1 && errno == ENOTTY);
	CHECK(driver.fds == 0 && driver.plain_ioctls == 1);
}

static void announcing(void)
{
	struct v4l2_requestbuffers request = {0};

	reset();
	errno = 77;
	CHECK(ioctl(driver.device, VIDIOC_REQBUFS, &request) == 0 && errno == 77);
	CHECK(driver.hellos == 1 && driver.plain_ioctls == 1 && driver.last_plain == VIDIOC_REQBUFS);
	CHECK(ioctl(driver.device, VIDIOC_CREATE_BUFS, NULL) == 0);
	CHECK(driver.hellos == 2);
	CHECK(ioctl(driver.device, VIDIOC_QBUF, NULL) == 0);
	CHECK(driver.hellos == 2 && driver.plain_ioctls == 3);

	driver.hello_refusal = EIO;
	errno = 77;
	CHECK(ioctl(driver.device, VIDIOC_REQBUFS, &request) == 0 && errno == 77);
}

/* A node: a file of our own in a folder of our own, whose file system V4L2_CUSE_VIEW lists. */
static struct {
	char folder[32], node[48], link[48], other[48];
	struct stat plain; /* what the kernel says of the node */
} files;

static void make_files(void)
{
	char text[128];
	int fd;

	strcpy(files.folder, "/tmp/helper-test.XXXXXX");
	CHECK(mkdtemp(files.folder));
	snprintf(files.node, sizeof files.node, "%s/video0", files.folder);
	snprintf(files.link, sizeof files.link, "%s/link", files.folder);
	snprintf(files.other, sizeof files.other, "%s/other", files.folder);
	CHECK(symlink("video0", files.link) == 0);
	fd = open(files.node, O_CREAT | O_RDWR | O_CLOEXEC, 0640);
	CHECK(fd != -1 && write(fd, "12345", 5) == 5 && close(fd) == 0);
	fd = open(files.other, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	CHECK(fd != -1 && close(fd) == 0);
	CHECK(kernel_stat(AT_FDCWD, files.node, (struct stat64 *)&files.plain, 0) == 0);
	snprintf(text, sizeof text, "%lu %lu/video0=81:300 %lu/media0=235:1", files.plain.st_dev, files.plain.st_dev,
		 files.plain.st_dev);
	read_view(text);
	CHECK(view.has_dev && view.count == 2);
}

static void remove_files(void)
{
	unlink(files.node);
	unlink(files.link);
	unlink(files.other);
	rmdir(files.folder);
	read_view(NULL);
}

static int is_node(int result, const struct stat *status)
{
	return result == 0 && S_ISCHR(status->st_mode) && (status->st_mode & 07777) == 0640 &&
	       status->st_rdev == makedev(81, 300) && status->st_size == 0 && status->st_ino == files.plain.st_ino &&
	       errno == 77;
}

static int is_file(int result, const struct stat *status)
{
	return result == 0 && S_ISREG(status->st_mode) && status->st_rdev == 0;
}

/* glibc's number of the only struct stat there is (_STAT_VER of its old headers). */
#ifdef __x86_64__
#define STAT_VERSION 1
#else
#define STAT_VERSION 0
#endif

/* Every call of the family, on a node by path, by link and by descriptor. */
static void telling_nodes(void)
{
	struct stat s;
	struct stat64 s64;
	struct statx x;
	char *volatile nothing = NULL;
	int fd, folder, other;

	make_files();
	fd = open(files.node, O_RDONLY | O_CLOEXEC);
	other = open(files.other, O_RDONLY | O_CLOEXEC);
	folder = open(files.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	errno = 77;
	CHECK(is_node(stat(files.node, &s), &s));
	CHECK(is_node(lstat(files.node, &s), &s));
	CHECK(is_node(fstat(fd, &s), &s));
	CHECK(is_node(fstatat(folder, "video0", &s, 0), &s));
	CHECK(is_node(fstatat(fd, "", &s, AT_EMPTY_PATH), &s));
	CHECK(is_node(stat64(files.node, &s64), (struct stat *)&s64));
	CHECK(is_node(lstat64(files.node, &s64), (struct stat *)&s64));
	CHECK(is_node(fstat64(fd, &s64), (struct stat *)&s64));
	CHECK(is_node(fstatat64(folder, "video0", &s64, 0), (struct stat *)&s64));
	CHECK(is_node(__xstat(STAT_VERSION, files.node, &s), &s));
	CHECK(is_node(__lxstat(STAT_VERSION, files.link, &s), &s));
	CHECK(is_node(__fxstat(STAT_VERSION, fd, &s), &s));
	CHECK(is_node(__fxstatat(STAT_VERSION, folder, "link", &s, AT_SYMLINK_NOFOLLOW), &s));
	/* The link to it is the node as well, whoever asks. */
	CHECK(is_node(stat(files.link, &s), &s));
	CHECK(is_node(lstat(files.link, &s), &s));
	CHECK(is_node(fstatat(folder, "link", &s, AT_SYMLINK_NOFOLLOW), &s));

	CHECK(statx(AT_FDCWD, files.link, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x) == 0 && errno == 77);
	CHECK(S_ISCHR(x.stx_mode) && x.stx_rdev_major == 81 && x.stx_rdev_minor == 300 && x.stx_size == 0);
	CHECK(x.stx_ino == files.plain.st_ino && x.stx_nlink == 1);
	CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &x) == 0 && S_ISCHR(x.stx_mode) && x.stx_rdev_major == 81);

	/* Its neighbours are what they are. */
	CHECK(is_file(stat(files.other, &s), &s) && is_file(fstat(other, &s), &s));
	CHECK(statx(other, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0 && S_ISREG(x.stx_mode));
	CHECK(stat(files.folder, &s) == 0 && S_ISDIR(s.st_mode));
	CHECK(fstat(driver.device, &s) == 0 && s.st_rdev == makedev(1, 3));
	errno = 0;
	CHECK(stat("/nowhere/video0", &s) == -1 && errno == ENOENT);
	CHECK(fstat(-1, &s) == -1 && errno == EBADF);
	CHECK(stat(nothing, &s) == -1 && errno == EFAULT);
	CHECK(statx(AT_FDCWD, files.node, 0, STATX_BASIC_STATS, (struct statx *)nothing) == -1 && errno == EFAULT);

	/* A name that leads to another inode by now, as each open of a node that can be mapped. */
	CHECK(unlink(files.node) == 0);
	errno = 77;
	CHECK(is_node(fstat(fd, &s), &s) || s.st_nlink == 0);
	/* A link to what is gone is a link. */
	CHECK(lstat(files.link, &s) == 0 && S_ISLNK(s.st_mode) && errno == 77);

	/* Without a view, nothing is changed. */
	read_view(NULL);
	CHECK(is_file(fstat(fd, &s), &s));
	close(fd);
	close(other);
	close(folder);
	remove_files();
}

static void reading_the_view(void)
{
	static const struct {
		const char *text;
		int has_dev, count;
	} texts[] = {
		{NULL, 0, 0},
		{"", 0, 0},
		{"35", 1, 0},
		{"35 ", 1, 0},
		{"x 71/video0=81:0", 0, 0},
		{"35 71/video0=81:0", 1, 1},
		{"35 71/video0=81:0 71/media0=235:0", 1, 2},
		{"35 71/video0=81:0 71/media0=235", 1, 1},
		{"35 71/video0=81:0 /media0=235:1", 1, 1},
		{"35 71/=81:0", 1, 0},
		{"35 71video0=81:0", 1, 0},
		{"35 99999999999999999999/video0=81:0", 1, 0},
		{"35 71/a-name-that-is-longer-than-any-node=81:0", 1, 0},
	};
	char many[4096] = "35";

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		read_view(texts[i].text);
		CHECK(view.has_dev == texts[i].has_dev && view.count == texts[i].count);
	}
	for (int i = 0; i < MAX_NODES + 5; i++)
		snprintf(many + strlen(many), 32, " 71/video%d=81:%d", i, i);
	read_view(many);
	CHECK(view.count == MAX_NODES);
	read_view(NULL);
}

static void naming_grafted_descriptors(void)
{
	CHECK(grafted_name("/video0:7", 7) == 6);
	CHECK(grafted_name("/media12:4000000000", 4000000000) == 7);
	CHECK(grafted_name("/video0:7", 8) == 0);
	CHECK(grafted_name("/video0:7 (deleted)", 7) == 6);
	CHECK(grafted_name("/video:7", 7) == 0);
	CHECK(grafted_name("/video0", 0) == 0);
	CHECK(grafted_name("/video0:", 0) == 0);
	CHECK(grafted_name("/home/video0:7", 7) == 0);
	CHECK(grafted_name("/request:7", 7) == 0);
	CHECK(grafted_name("/video00000000000000000000000000000000:7", 7) == 0);
}

/* ENOTCONN is ENODEV on a node, and what it is on anything else. */
static void losing_the_driver(void)
{
	int fd, other;

	reset();
	make_files();
	fd = open(files.node, O_RDONLY | O_CLOEXEC);
	other = open(files.other, O_RDONLY | O_CLOEXEC);
	driver.ended = ENOTCONN;
	CHECK(ioctl(fd, VIDIOC_QBUF, NULL) == -1 && errno == ENODEV);
	CHECK(ioctl(other, VIDIOC_QBUF, NULL) == -1 && errno == ENOTCONN);
	driver.ended = ECONNABORTED;
	CHECK(ioctl(fd, VIDIOC_DQBUF, NULL) == -1 && errno == ENODEV);
	driver.ended = EIO;
	CHECK(ioctl(fd, VIDIOC_DQBUF, NULL) == -1 && errno == EIO);
	close(fd);
	close(other);
	remove_files();
}

static void before_the_constructor(void)
{
	struct stat status;
	void *page;

	reset();
	next_mmap = NULL;
	next_ioctl = NULL;
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	CHECK(munmap(page, 4096) == 0);
	CHECK(ioctl(-1, VIDIOC_QUERYCAP, NULL) == -1 && errno == EBADF);
	next_mmap = kernel_mmap;
	next_ioctl = kernel_ioctl;

	/* As on a libc without the function. */
	memset(&next_stat, 0, sizeof next_stat);
	CHECK(stat("/dev/null", &status) == 0 && status.st_rdev == makedev(1, 3));
	CHECK(lstat("/proc/self", &status) == 0 && S_ISLNK(status.st_mode));
	CHECK(fstat(driver.device, &status) == 0 && S_ISCHR(status.st_mode));
	CHECK(__fxstat(STAT_VERSION, driver.device, &status) == 0 && S_ISCHR(status.st_mode));
	find_next_stat();
	CHECK(next_stat.stat && next_statx);
}

int main(void)
{
	static void (*const tests[])(void) = {
		mapping,           mapping_foreign,       exporting,        allocating_requests,
		announcing,        telling_nodes,         reading_the_view, naming_grafted_descriptors,
		losing_the_driver, before_the_constructor};
	int before;

	CHECK(next_mmap && next_ioctl); /* found by the constructor */
	driver.device = open("/dev/null", O_RDWR | O_CLOEXEC);
	driver.memory = memfd_create("memory", MFD_CLOEXEC);
	CHECK(ftruncate(driver.memory, 2 * OFFSET) == 0 && pwrite(driver.memory, "m", 1, OFFSET) == 1);
	next_mmap = kernel_mmap;
	next_ioctl = kernel_ioctl;

	before = open_fds();
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		tests[i]();
		CHECK(open_fds() == before);
	}
	printf("%d failed\n", failures);
	return failures != 0;
}
