// The yardstick of scripts/bench on CUSE: libfuse3's cuse_lowlevel.
//
// `unrestricted` is how a V4L2 server on libfuse has to run on CUSE, because only then can it reach nested
// pointers (planes, controls): every ioctl costs a RETRY round trip. `restricted` shows the same server
// when the kernel copies the argument by the size in the ioctl number: one round trip.
#define FUSE_USE_VERSION 31
#include <cuse_lowlevel.h>
#include <fuse_opt.h>

#include "yardstick.h"

static void bench_open(fuse_req_t req, struct fuse_file_info *fi)
{
	fuse_reply_open(req, fi);
}

static const struct cuse_lowlevel_ops ops = {.open = bench_open, .ioctl = bench_ioctl};

int main(int argc, char **argv)
{
	if (argc != 3 || (strcmp(argv[2], "restricted") != 0 && strcmp(argv[2], "unrestricted") != 0)) {
		fprintf(stderr, "usage: %s NODE restricted|unrestricted\n", argv[0]);
		return 2;
	}
	unrestricted = strcmp(argv[2], "unrestricted") == 0;
	char name[64];
	snprintf(name, sizeof name, "DEVNAME=%s", argv[1]);
	const char *dev_info[] = {name};
	char *fuse_argv[] = {argv[0], "-f", "-s", NULL};
	struct cuse_info info = {
		.dev_info_argc = 1, .dev_info_argv = dev_info, .flags = unrestricted ? CUSE_UNRESTRICTED_IOCTL : 0};
	return cuse_lowlevel_main(3, fuse_argv, &info, &ops, NULL);
}
