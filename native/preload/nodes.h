/*
 * Which files stand for device nodes of ours, although the kernel has them as
 * regular files: see nodes.c.
 */
#ifndef V4L2_CUSE_NODES_H
#define V4L2_CUSE_NODES_H

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

#endif
