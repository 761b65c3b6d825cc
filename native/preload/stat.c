/*
 * The stat family, for nodes that the kernel has as regular files (nodes.c).
 *
 * A 64-bit system has one struct stat, and so this is compiled once there. A
 * 32-bit C library has up to three, each with functions of its own, and which one
 * a program means follows from how it was compiled. So this is compiled in the
 * same ways, and the library's headers give the functions their names:
 *
 *   (nothing)                stat            struct stat of 32-bit sizes
 *   -D_FILE_OFFSET_BITS=64   stat64          sizes of 64 bits
 *   -D_TIME_BITS=64 as well  __stat64_time64 times of 64 bits, too
 */
#include "nodes.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

#if defined __USE_TIME_BITS64 && !defined __LP64__
#define NAME(function) "__" function "64_time64"
#define HAS_XSTAT 0
#elif defined __USE_FILE_OFFSET64 && !defined __LP64__
#define NAME(function) function "64"
#define XSTAT(function) function##64
#define XNAME(function) function "64"
#define HAS_XSTAT 1
#else
#define NAME(function) function
#define XSTAT(function) function
#define XNAME(function) function
#define HAS_XSTAT 1
#endif

typedef int stat_function(const char *, struct stat *);
typedef int fstat_function(int, struct stat *);
typedef int fstatat_function(int, const char *, struct stat *, int);

/* The next definition of each; NULL where libc has none (of stat before 2.33). */
static struct {
	stat_function *stat, *lstat;
	fstat_function *fstat;
	fstatat_function *fstatat;
} next_stat;

__attribute__((constructor)) static void find_next_stat(void)
{
	next_stat.stat = (stat_function *)dlsym(RTLD_NEXT, NAME("stat"));
	next_stat.lstat = (stat_function *)dlsym(RTLD_NEXT, NAME("lstat"));
	next_stat.fstat = (fstat_function *)dlsym(RTLD_NEXT, NAME("fstat"));
	next_stat.fstatat = (fstatat_function *)dlsym(RTLD_NEXT, NAME("fstatat"));
}

/* Before the constructor ran. A 32-bit struct stat is not what the kernel writes: such an early caller has to wait. */
static int no_libc(int folder, const char *path, struct stat *status, int flags)
{
#ifdef SYS_newfstatat
	return (int)syscall(SYS_newfstatat, folder, path, status, flags);
#else
	(void)folder, (void)path, (void)status, (void)flags;
	errno = ENOSYS;
	return -1;
#endif
}

static int plain_fstatat(int folder, const char *path, struct stat *status, int flags)
{
	if (__builtin_expect(next_stat.fstatat != NULL, 1))
		return next_stat.fstatat(folder, path, status, flags);
	return no_libc(folder, path, status, flags);
}

/* Can it be a node at all? Almost nothing can. */
static int may_matter(const struct stat *status)
{
	return S_ISREG(status->st_mode) || S_ISLNK(status->st_mode);
}

/* What nodes.c wants to know of it. */
static struct stat64 seen(const struct stat *status)
{
	return (struct stat64){
		.st_mode = status->st_mode,
		.st_dev = status->st_dev,
		.st_ino = status->st_ino,
		.st_nlink = status->st_nlink,
	};
}

/* Makes the kernel's answer that of a character device. */
static void fill_in(struct stat *status, dev_t number)
{
	status->st_mode = S_IFCHR | (status->st_mode & 07777);
	status->st_rdev = number;
	status->st_size = 0;
	status->st_blocks = 0;
}

/* Success is what there is something to correct in. */
static int corrected_file(int result, int fd, struct stat *status)
{
	struct stat64 known;
	dev_t number;

	if (__builtin_expect(result == 0, 1) && may_matter(status)) {
		known = seen(status);
		if (v4l2_cuse_number_of_file(fd, &known, &number))
			fill_in(status, number);
	}
	return result;
}

static int corrected(int result, int folder, const char *path, struct stat *status, int flags)
{
	struct stat64 known;
	dev_t number;
	int saved;

	if (__builtin_expect(result != 0, 0) || !may_matter(status))
		return result;
	known = seen(status);
	if (!v4l2_cuse_number_of_path(folder, path, flags, &known, &number))
		return result;
	saved = errno;
	/* A link in /dev is the node, and what the link itself is counts no more. */
	if (S_ISLNK(status->st_mode))
		plain_fstatat(folder, path, status, flags & ~AT_SYMLINK_NOFOLLOW);
	fill_in(status, number);
	errno = saved;
	return result;
}

EXPORT int fstatat(int folder, const char *path, struct stat *status, int flags)
{
	return corrected(plain_fstatat(folder, path, status, flags), folder, path, status, flags);
}

EXPORT int stat(const char *path, struct stat *status)
{
	int result = next_stat.stat ? next_stat.stat(path, status) : plain_fstatat(AT_FDCWD, path, status, 0);

	return corrected(result, AT_FDCWD, path, status, 0);
}

EXPORT int lstat(const char *path, struct stat *status)
{
	int result = next_stat.lstat ? next_stat.lstat(path, status)
				     : plain_fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);

	return corrected(result, AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORT int fstat(int fd, struct stat *status)
{
	return corrected_file(next_stat.fstat ? next_stat.fstat(fd, status)
					      : plain_fstatat(fd, "", status, AT_EMPTY_PATH),
			      fd, status);
}

#if HAS_XSTAT
/*
 * What programs call that were built with glibc before 2.33. `version` says which struct stat they mean; each of these
 * functions has one only. A libc that has these for old programs only does not let us find them.
 */
typedef int xstat_function(int, const char *, struct stat *);
typedef int fxstat_function(int, int, struct stat *);
typedef int fxstatat_function(int, int, const char *, struct stat *, int);

static struct {
	xstat_function *xstat, *lxstat;
	fxstat_function *fxstat;
	fxstatat_function *fxstatat;
} next_old;

__attribute__((constructor)) static void find_next_old(void)
{
	next_old.xstat = (xstat_function *)dlsym(RTLD_NEXT, XNAME("__xstat"));
	next_old.lxstat = (xstat_function *)dlsym(RTLD_NEXT, XNAME("__lxstat"));
	next_old.fxstat = (fxstat_function *)dlsym(RTLD_NEXT, XNAME("__fxstat"));
	next_old.fxstatat = (fxstatat_function *)dlsym(RTLD_NEXT, XNAME("__fxstatat"));
}

EXPORT int XSTAT(__xstat)(int version, const char *path, struct stat *status);
EXPORT int XSTAT(__lxstat)(int version, const char *path, struct stat *status);
EXPORT int XSTAT(__fxstat)(int version, int fd, struct stat *status);
EXPORT int XSTAT(__fxstatat)(int version, int folder, const char *path, struct stat *status, int flags);

int XSTAT(__xstat)(int version, const char *path, struct stat *status)
{
	int result = next_old.xstat ? next_old.xstat(version, path, status) : plain_fstatat(AT_FDCWD, path, status, 0);

	return corrected(result, AT_FDCWD, path, status, 0);
}

int XSTAT(__lxstat)(int version, const char *path, struct stat *status)
{
	int result = next_old.lxstat ? next_old.lxstat(version, path, status)
				     : plain_fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);

	return corrected(result, AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int XSTAT(__fxstat)(int version, int fd, struct stat *status)
{
	if (!next_old.fxstat)
		return fstat(fd, status);
	return corrected_file(next_old.fxstat(version, fd, status), fd, status);
}

int XSTAT(__fxstatat)(int version, int folder, const char *path, struct stat *status, int flags)
{
	int result = next_old.fxstatat ? next_old.fxstatat(version, folder, path, status, flags)
				       : plain_fstatat(folder, path, status, flags);

	return corrected(result, folder, path, status, flags);
}
#endif

#ifdef __LP64__
/* Both names of each function have one layout. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "two layouts");

EXPORT int fstatat64(int folder, const char *path, struct stat64 *status, int flags)
{
	return fstatat(folder, path, (struct stat *)status, flags);
}

EXPORT int stat64(const char *path, struct stat64 *status)
{
	return stat(path, (struct stat *)status);
}

EXPORT int lstat64(const char *path, struct stat64 *status)
{
	return lstat(path, (struct stat *)status);
}

EXPORT int fstat64(int fd, struct stat64 *status)
{
	return fstat(fd, (struct stat *)status);
}

EXPORT int __xstat64(int version, const char *path, struct stat *status) __attribute__((alias("__xstat")));
EXPORT int __lxstat64(int version, const char *path, struct stat *status) __attribute__((alias("__lxstat")));
EXPORT int __fxstat64(int version, int fd, struct stat *status) __attribute__((alias("__fxstat")));
EXPORT int __fxstatat64(int version, int folder, const char *path, struct stat *status, int flags)
	__attribute__((alias("__fxstatat")));
#endif
