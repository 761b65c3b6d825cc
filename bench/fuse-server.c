// The yardstick of scripts/bench on a FUSE file: libfuse3's low-level API, one file `video` in an empty root.
//   fuse-server MOUNTPOINT
// The kernel copies an ioctl's argument by the size in its number, so nested pointers are out of reach:
// S_EXT_CTRLS is not answered here.
#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include "yardstick.h"

enum { ROOT = 1, VIDEO = 2 };
static const double FOREVER_SECONDS = 1e6;

static struct stat attributes(fuse_ino_t inode)
{
	return (struct stat){
		.st_ino = inode, .st_mode = inode == ROOT ? S_IFDIR | 0755 : S_IFREG | 0666, .st_nlink = 1};
}

static void get_attributes(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *fi)
{
	const struct stat found = attributes(inode);
	(void)fi;
	fuse_reply_attr(req, &found, FOREVER_SECONDS);
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct fuse_entry_param entry = {.ino = VIDEO,
					       .attr = attributes(VIDEO),
					       .attr_timeout = FOREVER_SECONDS,
					       .entry_timeout = FOREVER_SECONDS};
	(void)parent;
	if (strcmp(name, "video") == 0)
		fuse_reply_entry(req, &entry);
	else
		fuse_reply_err(req, ENOENT);
}

static void open_direct(fuse_req_t req, fuse_ino_t inode, struct fuse_file_info *fi)
{
	(void)inode;
	fi->direct_io = 1;
	fuse_reply_open(req, fi);
}

static void file_ioctl(fuse_req_t req, fuse_ino_t inode, unsigned cmd, void *arg, struct fuse_file_info *fi,
		       unsigned flags, const void *in, size_t in_size, size_t out_size)
{
	(void)inode;
	bench_ioctl(req, (int)cmd, arg, fi, flags, in, in_size, out_size);
}

int main(int argc, char **argv)
{
	static const struct fuse_lowlevel_ops ops = {
		.getattr = get_attributes, .lookup = lookup, .open = open_direct, .ioctl = file_ioctl};
	if (argc != 2) {
		fprintf(stderr, "usage: %s MOUNTPOINT\n", argv[0]);
		return 2;
	}
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *session = fuse_session_new(&args, &ops, sizeof ops, NULL);
	if (session == NULL || fuse_set_signal_handlers(session) != 0 || fuse_session_mount(session, argv[1]) != 0)
		return 1;
	const int result = fuse_session_loop(session);
	fuse_session_unmount(session);
	return result < 0 ? 1 : 0;
}
