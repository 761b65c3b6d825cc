// Times one V4L2 call pattern on a node: prints microseconds per call (per pair for qbuf-dqbuf).
//   ioctl-client NODE querycap|s-ext-ctrls|qbuf-dqbuf COUNT [FILES]
// FILES: so many open files, which call in turn; default 1. qbuf-dqbuf wants a node with mmap buffers, or one that
// does not ask.
#include <errno.h>
#include <fcntl.h>
#include <linux/v4l2-controls.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 64 };

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void check(int result, const char *what) {
  if (result == 0) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void querycap(int fd) {
  struct v4l2_capability cap;
  check(ioctl(fd, VIDIOC_QUERYCAP, &cap), "VIDIOC_QUERYCAP");
}

// One compound control of 1232 bytes, which the driver has to validate.
static void s_ext_ctrls(int fd) {
  static struct v4l2_ctrl_vp8_frame frame = {
      .width = 640, .height = 480, .num_dct_parts = 1, .flags = V4L2_VP8_FRAME_FLAG_KEY_FRAME};
  struct v4l2_ext_control control = {
      .id = V4L2_CID_STATELESS_VP8_FRAME, .size = sizeof frame, .p_vp8_frame = &frame};
  struct v4l2_ext_controls controls = {
      .which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1, .controls = &control};
  check(ioctl(fd, VIDIOC_S_EXT_CTRLS, &controls), "VIDIOC_S_EXT_CTRLS");
}

static void qbuf_dqbuf(int fd) {
  struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  check(ioctl(fd, VIDIOC_QBUF, &buffer), "VIDIOC_QBUF");
  check(ioctl(fd, VIDIOC_DQBUF, &buffer), "VIDIOC_DQBUF");
}

// The C server keeps no queue, and knows neither call.
static void start_streaming(int fd) {
  struct v4l2_requestbuffers request = {
      .count = 2, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  const int result = ioctl(fd, VIDIOC_REQBUFS, &request);
  if (result == -1 && errno == ENOTTY) return;
  check(result, "VIDIOC_REQBUFS");
  check(ioctl(fd, VIDIOC_STREAMON, &type), "VIDIOC_STREAMON");
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*call)(int fd);
  } patterns[] = {{"querycap", querycap}, {"s-ext-ctrls", s_ext_ctrls}, {"qbuf-dqbuf", qbuf_dqbuf}};
  void (*call)(int) = NULL;
  for (size_t i = 0; argc >= 4 && i < sizeof patterns / sizeof *patterns; i++) {
    if (strcmp(argv[2], patterns[i].name) == 0) call = patterns[i].call;
  }
  const int files = argc == 5 ? atoi(argv[4]) : 1;
  if (call == NULL || argc > 5 || files < 1 || files > MAX_FILES) {
    fprintf(stderr, "usage: %s NODE querycap|s-ext-ctrls|qbuf-dqbuf COUNT [FILES]\n", argv[0]);
    return 2;
  }
  int fds[MAX_FILES];
  for (int i = 0; i < files; i++) {
    fds[i] = open(argv[1], O_RDWR);
    if (fds[i] < 0) {
      perror(argv[1]);
      return 1;
    }
  }
  if (call == qbuf_dqbuf) start_streaming(fds[0]);
  const int count = atoi(argv[3]);
  for (int i = 0; i < count / 10; i++) call(fds[i % files]);
  const double start = now_us();
  for (int i = 0; i < count; i++) call(fds[i % files]);
  printf("%.1f\n", (now_us() - start) / count);
  return 0;
}
