/* What a client of graft-storm.c finds wrong, and the descriptors that it has. */
#ifndef STORM_FILES_H
#define STORM_FILES_H

#include "client.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Problems: sentences for the test to show. None means that all is well ------------------ */

static char problems[3000];

__attribute__((format(printf, 1, 2))) static inline void problem(const char *format, ...)
{
	size_t used = strlen(problems);
	va_list arguments;

	if (used + 200 > sizeof problems)
		return;
	used += (size_t)snprintf(problems + used, sizeof problems - used, "%s\"", used ? "," : "");
	va_start(arguments, format);
	used += (size_t)vsnprintf(problems + used, 150, format, arguments);
	va_end(arguments);
	strcpy(problems + strlen(problems), "\"");
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

#define MOST_FILES 64

struct open_file {
	int fd;
	int flags; /* FD_CLOEXEC */
	dev_t device;
	ino_t inode;
	mode_t mode;
};

struct files {
	int count;
	struct open_file all[MOST_FILES];
};

struct entry { /* of getdents64(2) */
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

static inline bool look_at(struct open_file *file, int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return false;
	*file = (struct open_file){fd, fcntl(fd, F_GETFD), status.st_dev, status.st_ino, status.st_mode};
	return true;
}

/* All descriptors of this process. Usable in a child of fork(2), where malloc() might hang. */
static inline void list_files(struct files *files)
{
	int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(8) char buffer[4096];
	long size;

	files->count = 0;
	if (folder < 0)
		die("/proc/self/fd");
	while ((size = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0) {
		for (long at = 0; at < size;) {
			const struct entry *entry = (const void *)(buffer + at);
			int fd = atoi(entry->name);

			at += entry->size;
			if (entry->name[0] != '.' && fd != folder && files->count < MOST_FILES &&
			    look_at(&files->all[files->count], fd))
				files->count++;
		}
	}
	close(folder);
}

static inline const struct open_file *find_file(const struct files *files, int fd)
{
	for (int i = 0; i < files->count; i++)
		if (files->all[i].fd == fd)
			return &files->all[i];
	return NULL;
}

static inline bool same_file(const struct open_file *one, const struct open_file *other)
{
	return one->device == other->device && one->inode == other->inode;
}

/*
 * Compares with what was there before. Descriptors of which `may_change` says so may lead to other files, or
 * be closed.
 * @returns how many are there that were not.
 */
static inline int compare_files(const struct files *before_call, const struct files *now, bool (*may_change)(int fd))
{
	int more = 0;

	for (int i = 0; i < before_call->count; i++) {
		const struct open_file *was = &before_call->all[i];
		const struct open_file *is = find_file(now, was->fd);

		if (may_change(was->fd))
			continue;
		if (!is)
			problem("descriptor %d is gone", was->fd);
		else if (!same_file(was, is))
			problem("descriptor %d is another file", was->fd);
		else if (was->flags != is->flags)
			problem("descriptor %d has other flags", was->fd);
	}
	for (int i = 0; i < now->count; i++)
		more += !find_file(before_call, now->all[i].fd);
	return more;
}

#endif
