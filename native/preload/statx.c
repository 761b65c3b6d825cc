/* statx(), the one of the stat family whose struct is the same in all programs. See stat.c. */
#include "nodes.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef int statx_function(int, const char *, int, unsigned int, struct statx *);

/* The next definition; NULL where libc has none (before 2.28). */
static statx_function *next_statx;

__attribute__((constructor)) static void find_next_statx(void)
{
	next_statx = (statx_function *)dlsym(RTLD_NEXT, "statx");
}

static int plain_statx(int folder, const char *path, int flags, unsigned int mask, struct statx *status)
{
	if (next_statx)
		return next_statx(folder, path, flags, mask, status);
	return (int)syscall(SYS_statx, folder, path, flags, mask, status);
}

/* Type, inode number and links come with every answer of the file systems in question, asked for or not. */
EXPORT int statx(int folder, const char *path, int flags, unsigned int mask, struct statx *status)
{
	int result = plain_statx(folder, path, flags, mask, status);
	int saved = errno;
	struct stat64 short_form = {0};
	dev_t number;

	if (__builtin_expect(result != 0, 0) || !(S_ISREG(status->stx_mode) || S_ISLNK(status->stx_mode)))
		return result;
	short_form.st_mode = status->stx_mode;
	short_form.st_dev = makedev(status->stx_dev_major, status->stx_dev_minor);
	short_form.st_ino = status->stx_ino;
	short_form.st_nlink = status->stx_nlink;
	if (!v4l2_cuse_number_of_path(folder, path, flags, &short_form, &number))
		return result;
	/* A link to a node: the rest of the answer shall be the node's as well. */
	if (S_ISLNK(status->stx_mode))
		plain_statx(folder, path, flags & ~AT_SYMLINK_NOFOLLOW, mask, status);
	status->stx_mode = (uint16_t)(S_IFCHR | (status->stx_mode & 07777));
	status->stx_rdev_major = major(number);
	status->stx_rdev_minor = minor(number);
	status->stx_size = 0;
	status->stx_blocks = 0;
	errno = saved;
	return result;
}
