/*
 * Which files stand for device nodes of ours, although the kernel has them as
 * regular files: see nodes.c.
 */
#ifndef V4L2_CUSE_NODES_H
#define V4L2_CUSE_NODES_H

#include <sys/stat.h>
#include <sys/types.h>

/*
 * The environment variable in which `v4l2-cuse run` tells where such files are.
 * Decimal numbers, one space between entries, as in
 *
 *     "35 71/video0=81:0 71/media0=235:0"
 *
 * First the st_dev of the client's /dev, whose symbolic links to nodes look like
 * nodes themselves. Then one entry for each node: the st_dev of the FUSE mount
 * that it is in, its name there, and the device number that stat() shall tell.
 */
#define V4L2_CUSE_VIEW "V4L2_CUSE_VIEW"

/* Is the open file a device node of ours that the kernel has as a regular file? Keeps errno. */
__attribute__((visibility("hidden"))) int v4l2_cuse_is_file_node(int fd);

/* The same, without descriptors that were put in the place of a node's. Costs nothing where V4L2_CUSE_VIEW lists no node. */
__attribute__((visibility("hidden"))) int v4l2_cuse_is_listed_node(int fd);

/* Is the open file a device node, or a regular file of a file system without a disk, as nodes of a FUSE mount are? */
__attribute__((visibility("hidden"))) int v4l2_cuse_may_be_node(int fd);

/*
 * Of the kernel's answer about an open file, or about what is at a path: does it stand for a node of ours? Then `number`
 * is the node's. Of `status`, type, mode, links, inode and the file system's number count. Keeps errno.
 */
__attribute__((visibility("hidden"))) int v4l2_cuse_number_of_file(int fd, const struct stat64 *status, dev_t *number);
__attribute__((visibility("hidden"))) int v4l2_cuse_number_of_path(int folder, const char *path, int flags,
								   const struct stat64 *status, dev_t *number);

#endif
