/*
 * Device nodes that are FUSE files.
 *
 * The kernel lets a FUSE server have regular files only. V4L2 programs look
 * before they use a node: is it a character device, and what is its number in
 * sysfs? So stat.c wraps the stat family, and answers for our files as for the
 * device nodes that they stand for. This finds out which they are. Two kinds of
 * file are ours:
 *
 *   - a node: a named file of a mount that V4L2_CUSE_VIEW lists. A symbolic link
 *     to it in the client's /dev looks like the node;
 *   - a descriptor that was put in the place of a node's (docs/graft.md): a file
 *     of a FUSE mount without a path, named after the node: "/video0:7" with
 *     inode 7. It has the number of /dev/video0.
 *
 * The kernel's own answer comes first, and decides whether there is anything to
 * look at. No file is asked anything that its owner could notice: a file that
 * looks like one of ours costs its caller up to three more system calls, which
 * the kernel answers by itself.
 *
 * No allocation, no lock, no cancellation point. The table is written once,
 * before the program's threads exist.
 */
#include "nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define RARE __attribute__((noinline, cold)) /* keeps the way through for others short */

#define MAX_NODES 64
#define MAX_NAME 32 /* with its end; "video255" */
#define MAX_LINK 256

struct node {
	dev_t mount;
	dev_t number;
	char name[MAX_NAME];
};

static struct {
	int has_dev;
	dev_t dev; /* of the client's /dev */
	int count;
	struct node nodes[MAX_NODES];
} view;

/* A decimal number of at most 2^32 - 1, which `end` has to follow; NULL otherwise. */
static const char *read_number(const char *text, char end, uint32_t *number)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && value <= UINT32_MAX; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	if (at == text || value > UINT32_MAX || (*at != end && !(end == ' ' && *at == '\0')))
		return NULL;
	*number = (uint32_t)value;
	return *at == '\0' ? at : at + 1;
}

/* One entry, `71/video0=81:0`. The text after it, or NULL. */
static const char *read_node(const char *text, struct node *node)
{
	uint32_t mount, major, minor;
	const char *name, *end;

	name = read_number(text, '/', &mount);
	end = name ? strchr(name, '=') : NULL;
	if (!end || end == name || (size_t)(end - name) >= MAX_NAME)
		return NULL;
	memcpy(node->name, name, (size_t)(end - name));
	node->name[end - name] = '\0';
	text = read_number(end + 1, ':', &major);
	text = text ? read_number(text, ' ', &minor) : NULL;
	if (!text)
		return NULL;
	node->mount = mount;
	node->number = makedev(major, minor);
	return text;
}

/* What V4L2_CUSE_VIEW says; what cannot be read ends it. */
static void read_view(const char *text)
{
	uint32_t dev;

	memset(&view, 0, sizeof view);
	text = text ? read_number(text, ' ', &dev) : NULL;
	if (!text)
		return;
	view.dev = dev;
	view.has_dev = 1;
	while (*text && view.count < MAX_NODES) {
		text = read_node(text, &view.nodes[view.count]);
		if (!text)
			return;
		view.count++;
	}
}

__attribute__((constructor)) static void find_view(void)
{
	read_view(getenv(V4L2_CUSE_VIEW));
}

/* By system call, as everything that we ask for ourselves: libc's would come back to us. */
static int kernel_stat(int folder, const char *path, struct stat64 *status, int flags)
{
#ifdef SYS_newfstatat
	return (int)syscall(SYS_newfstatat, folder, path, status, flags);
#else
	return (int)syscall(SYS_fstatat64, folder, path, status, flags);
#endif
}

/* Where /proc leads from a descriptor: "/dev/video0". The length; 0 if it is too long or cannot be read. */
static size_t link_of(int fd, char link[MAX_LINK])
{
	char path[32] = "/proc/self/fd/";
	char digits[12];
	size_t at = strlen(path), count = 0;
	unsigned int number = (unsigned int)fd;
	long length;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	while (count)
		path[at++] = digits[--count];
	path[at] = '\0';
	length = syscall(SYS_readlinkat, AT_FDCWD, path, link, MAX_LINK - 1);
	if (length <= 0 || length == MAX_LINK - 1)
		return 0;
	link[length] = '\0';
	return (size_t)length;
}

static int is_listed_mount(dev_t mount)
{
	for (int i = 0; i < view.count; i++)
		if (view.nodes[i].mount == mount)
			return 1;
	return 0;
}

/* The number of the node behind a descriptor of a file of a listed mount. 0: it is none. */
static int named_number(int fd, dev_t mount, dev_t *number)
{
	char link[MAX_LINK];
	char *name;
	size_t length = link_of(fd, link);

	if (!length)
		return 0;
	/* The kernel adds " (deleted)" to a name that leads to another inode by now. */
	name = strrchr(link, '/');
	if (!name)
		return 0;
	name++;
	name[strcspn(name, " ")] = '\0';
	for (int i = 0; i < view.count; i++) {
		if (view.nodes[i].mount != mount || strcmp(view.nodes[i].name, name) != 0)
			continue;
		*number = view.nodes[i].number;
		return 1;
	}
	return 0;
}

/* Descriptors that stand for others have the mode and owner of the kernel's anonymous files. */
static int may_be_grafted(const struct stat64 *status)
{
	return (status->st_mode & 07777) == 0600 && status->st_nlink == 1 && major(status->st_dev) == 0;
}

/* "/video0:7": the length of the node's name in it, after the slash. 0: not the name of such a file. */
static size_t grafted_name(const char *link, uint64_t ino)
{
	size_t kind, length;
	uint32_t number;
	const char *end;

	if (strncmp(link, "/video", 6) != 0 && strncmp(link, "/media", 6) != 0)
		return 0;
	kind = strspn(link + 6, "0123456789");
	length = 5 + kind;
	if (kind == 0 || length >= MAX_NAME || link[1 + length] != ':')
		return 0;
	end = read_number(link + length + 2, ' ', &number);
	return end && number == ino ? length : 0;
}

static int number_of_path(const char *path, dev_t *number);

/* The number of the node in whose place the descriptor was put. 0: it is none. */
RARE static int grafted_number(int fd, const struct stat64 *status, dev_t *number)
{
	struct statfs system;
	char link[MAX_LINK];
	char node[5 + MAX_NAME] = "/dev/";
	size_t length;

	if (syscall(SYS_fstatfs, fd, &system) == -1 || system.f_type != FUSE_SUPER_MAGIC)
		return 0;
	length = link_of(fd, link) ? grafted_name(link, status->st_ino) : 0;
	if (length == 0)
		return 0;
	memcpy(node + 5, link + 1, length);
	node[5 + length] = '\0';
	return number_of_path(node, number);
}

/* Of an open file that the kernel says `status` of. 0: not a node of ours. */
static int number_of_file(int fd, const struct stat64 *status, dev_t *number)
{
	if (!S_ISREG(status->st_mode))
		return 0;
	if (is_listed_mount(status->st_dev))
		return named_number(fd, status->st_dev, number);
	return may_be_grafted(status) && grafted_number(fd, status, number);
}

/* A descriptor that only names what the path leads to: no device is opened. */
static int open_path(int folder, const char *path, int flags)
{
	return (int)syscall(SYS_openat, folder, path, O_PATH | O_CLOEXEC | flags);
}

static void close_path(int fd)
{
	syscall(SYS_close, fd);
}

/* The number of a node in /dev, of either kind. */
static int number_of_path(const char *path, dev_t *number)
{
	struct stat64 status;
	int is_node = 0;
	int fd = open_path(AT_FDCWD, path, 0);

	if (fd == -1)
		return 0;
	if (kernel_stat(fd, "", &status, AT_EMPTY_PATH) == 0) {
		if (S_ISCHR(status.st_mode)) {
			*number = status.st_rdev;
			is_node = 1;
		} else if (S_ISREG(status.st_mode) && is_listed_mount(status.st_dev)) {
			is_node = named_number(fd, status.st_dev, number);
		}
	}
	close_path(fd);
	return is_node;
}

/* What the kernel remembers of an open file, since the driver may be gone: fstat() asks it for the times. */
static int remembered(int fd, struct stat64 *status)
{
	struct statx known;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &known) == -1)
		return -1;
	memset(status, 0, sizeof *status);
	status->st_mode = known.stx_mode;
	status->st_dev = makedev(known.stx_dev_major, known.stx_dev_minor);
	status->st_ino = known.stx_ino;
	status->st_nlink = known.stx_nlink;
	return 0;
}

int v4l2_cuse_is_file_node(int fd)
{
	struct stat64 status;
	dev_t number;
	int saved = errno;
	int is_node = remembered(fd, &status) == 0 && number_of_file(fd, &status, &number);

	errno = saved;
	return is_node;
}

int v4l2_cuse_is_listed_node(int fd)
{
	struct stat64 status;
	dev_t number;
	int saved = errno;
	int is_node = view.count && remembered(fd, &status) == 0 && S_ISREG(status.st_mode) &&
		      is_listed_mount(status.st_dev) && named_number(fd, status.st_dev, &number);

	errno = saved;
	return is_node;
}

/* Looks at what is behind `path`, or at the link itself. 0: no node of ours. */
RARE static int found_number(int folder, const char *path, dev_t *number)
{
	struct stat64 target;
	int is_node = 0;
	int fd = open_path(folder, path, 0);

	if (fd == -1)
		return 0;
	if (kernel_stat(fd, "", &target, AT_EMPTY_PATH) == 0 && S_ISREG(target.st_mode) &&
	    is_listed_mount(target.st_dev))
		is_node = named_number(fd, target.st_dev, number);
	close_path(fd);
	return is_node;
}

static int is_worth_a_look(const struct stat64 *status)
{
	return (S_ISREG(status->st_mode) && is_listed_mount(status->st_dev)) ||
	       (S_ISLNK(status->st_mode) && view.has_dev && status->st_dev == view.dev);
}

int v4l2_cuse_number_of_file(int fd, const struct stat64 *status, dev_t *number)
{
	int saved = errno;
	int is_node = number_of_file(fd, status, number);

	errno = saved;
	return is_node;
}

int v4l2_cuse_number_of_path(int folder, const char *path, int flags, const struct stat64 *status, dev_t *number)
{
	int saved = errno;
	int is_node = 0;

	/* fstat() by another name; libc's own fstat() is that in some versions. The path is readable by now. */
	if ((flags & AT_EMPTY_PATH) && (!path || *path == '\0'))
		is_node = folder != AT_FDCWD && number_of_file(folder, status, number);
	else if (is_worth_a_look(status))
		is_node = found_number(folder, path, number);
	errno = saved;
	return is_node;
}

int v4l2_cuse_may_be_node(int fd)
{
	struct stat64 status;

	if (kernel_stat(fd, "", &status, AT_EMPTY_PATH) == -1)
		return 0;
	return S_ISCHR(status.st_mode) || (S_ISREG(status.st_mode) && major(status.st_dev) == 0);
}
