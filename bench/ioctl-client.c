// Times one V4L2 call pattern on a node: prints microseconds per call.
//   ioctl-client NODE querycap|qbuf-dqbuf COUNT
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

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

static void qbuf_dqbuf(int fd) {
  struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  check(ioctl(fd, VIDIOC_QBUF, &buffer), "VIDIOC_QBUF");
  check(ioctl(fd, VIDIOC_DQBUF, &buffer), "VIDIOC_DQBUF");
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s NODE querycap|qbuf-dqbuf COUNT\n", argv[0]);
    return 2;
  }
  const int fd = open(argv[1], O_RDWR);
  if (fd < 0) {
    perror(argv[1]);
    return 1;
  }
  void (*const call)(int) = strcmp(argv[2], "querycap") == 0 ? querycap : qbuf_dqbuf;
  const int count = atoi(argv[3]);
  for (int i = 0; i < count / 10; i++) call(fd);
  const double start = now_us();
  for (int i = 0; i < count; i++) call(fd);
  printf("%.1f\n", (now_us() - start) / count);
  close(fd);
  return 0;
}
