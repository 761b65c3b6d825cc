/*
 * The helper library against a driver that plays by the rules, and one that does
 * not. No device is needed: /dev/null stands for one, and system calls on it are
 * answered here. Prints what failed; exit status 1 if anything did.
 */
#include <unistd.h> /* declares the real one, ahead of the macro */

#define syscall(...) faked_syscall(__VA_ARGS__)
static long faked_syscall(long number, ...);
#include "../preload/v4l2-cuse.c"
#undef syscall

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int failures;

#define CHECK(condition)                                                                  \
	do {                                                                              \
		if (!(condition)) {                                                       \
			printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno);  \
			failures++;                                                       \
		}                                                                         \
	} while (0)

/* What the driver does. */
static struct {
	int device;
	int foreign;       /* not ours: answers everything private with `refusal` */
	int refusal;       /* errno of MAP and FD; 0: serve */
	int hello_refusal; /* errno of HELLO */
	int interruptions; /* EINTR that often first */
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
		((struct v4l2_cuse_map *)arg)->fd_offset = 4096;
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
	CHECK(fstat(export.fd, &status) == 0 && status.st_size == 8192);
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

static void before_the_constructor(void)
{
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
}

int main(void)
{
	static void (*const tests[])(void) = {mapping,           mapping_foreign, exporting, allocating_requests,
					      announcing,        before_the_constructor};
	int before;

	CHECK(next_mmap && next_ioctl); /* found by the constructor */
	driver.device = open("/dev/null", O_RDWR | O_CLOEXEC);
	driver.memory = memfd_create("memory", MFD_CLOEXEC);
	CHECK(ftruncate(driver.memory, 8192) == 0 && pwrite(driver.memory, "m", 1, 4096) == 1);
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
