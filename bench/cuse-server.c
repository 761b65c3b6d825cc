// The yardstick of scripts/bench: the least that a V4L2 device in C on libfuse3's cuse_lowlevel can be.
// It answers QUERYCAP, QBUF/DQBUF of one imaginary buffer, and S_EXT_CTRLS of one compound control, whose value it
// copies, and nothing else.
//
// `unrestricted` is how a V4L2 server on libfuse has to run, because only then can it reach nested
// pointers (planes, controls): every ioctl costs a RETRY round trip. `restricted` shows the same server
// when the kernel copies the argument by the size in the ioctl number: one round trip.
#define FUSE_USE_VERSION 31
#include <cuse_lowlevel.h>
#include <errno.h>
#include <fuse_opt.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

static int unrestricted;

static void bench_open(fuse_req_t req, struct fuse_file_info *fi) { fuse_reply_open(req, fi); }

static void reply(fuse_req_t req, const void *data, size_t size) { fuse_reply_ioctl(req, 0, data, size); }

// The controls and the value of the first one are behind pointers: each level costs a round trip more.
static void set_control(fuse_req_t req, void *arg, const void *in, size_t in_size) {
  static char value[4096];
  struct v4l2_ext_controls controls;
  struct v4l2_ext_control control;
  memcpy(&controls, in, sizeof controls);
  if (controls.count != 1) {
    fuse_reply_err(req, EINVAL);
    return;
  }
  struct iovec iov[3] = {{arg, sizeof controls}, {controls.controls, sizeof control}};
  if (in_size < sizeof controls + sizeof control) {
    fuse_reply_ioctl_retry(req, iov, 2, iov, 1);
    return;
  }
  memcpy(&control, (const char *)in + sizeof controls, sizeof control);
  if (control.size > sizeof value) {
    fuse_reply_err(req, ENOSPC);
    return;
  }
  if (in_size < sizeof controls + sizeof control + control.size) {
    iov[2] = (struct iovec){control.ptr, control.size};
    fuse_reply_ioctl_retry(req, iov, 3, iov, 1);
    return;
  }
  memcpy(value, (const char *)in + sizeof controls + sizeof control, control.size);
  reply(req, &controls, sizeof controls);
}

static void bench_ioctl(fuse_req_t req, int cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
                        const void *in, size_t in_size, size_t out_size) {
  const unsigned number = (unsigned)cmd;
  const size_t size = _IOC_SIZE(number);
  const int reads = (_IOC_DIR(number) & _IOC_WRITE) != 0;
  const int writes = (_IOC_DIR(number) & _IOC_READ) != 0;
  (void)fi;
  (void)flags;

  if (unrestricted && ((reads && in_size < size) || (writes && out_size < size))) {
    const struct iovec iov = {arg, size};
    fuse_reply_ioctl_retry(req, reads ? &iov : NULL, reads ? 1 : 0, writes ? &iov : NULL, writes ? 1 : 0);
    return;
  }
  switch (number) {
    case VIDIOC_QUERYCAP: {
      struct v4l2_capability cap = {
          .driver = "bench", .card = "bench", .bus_info = "platform:bench", .version = 0x060c00};
      cap.device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
      cap.capabilities = cap.device_caps | V4L2_CAP_DEVICE_CAPS;
      reply(req, &cap, sizeof cap);
      return;
    }
    case VIDIOC_QBUF:
    case VIDIOC_DQBUF: {
      struct v4l2_buffer buffer;
      memcpy(&buffer, in, sizeof buffer);
      buffer.flags = number == VIDIOC_QBUF ? V4L2_BUF_FLAG_QUEUED : V4L2_BUF_FLAG_DONE;
      reply(req, &buffer, sizeof buffer);
      return;
    }
    case VIDIOC_S_EXT_CTRLS:
      set_control(req, arg, in, in_size);
      return;
    default:
      fuse_reply_err(req, ENOTTY);
  }
}

static const struct cuse_lowlevel_ops ops = {.open = bench_open, .ioctl = bench_ioctl};

int main(int argc, char **argv) {
  if (argc != 3 || (strcmp(argv[2], "restricted") != 0 && strcmp(argv[2], "unrestricted") != 0)) {
    fprintf(stderr, "usage: %s NODE restricted|unrestricted\n", argv[0]);
    return 2;
  }
  unrestricted = strcmp(argv[2], "unrestricted") == 0;
  char name[64];
  snprintf(name, sizeof name, "DEVNAME=%s", argv[1]);
  const char *dev_info[] = {name};
  char *fuse_argv[] = {argv[0], "-f", "-s", NULL};
  struct cuse_info info = {.dev_info_argc = 1,
                           .dev_info_argv = dev_info,
                           .flags = unrestricted ? CUSE_UNRESTRICTED_IOCTL : 0};
  return cuse_lowlevel_main(3, fuse_argv, &info, &ops, NULL);
}
