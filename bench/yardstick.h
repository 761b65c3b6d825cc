// What both yardsticks of scripts/bench answer: the least that a V4L2 device in C on libfuse3 can be.
// They know QUERYCAP, QBUF and DQBUF of one imaginary buffer, and S_EXT_CTRLS of one compound control, whose value
// is copied and not looked at.
//
// The includer chooses libfuse's interface (<cuse_lowlevel.h> or <fuse_lowlevel.h>) before it includes this file.
#include <errno.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

// Whether the server may ask for memory that the ioctl number does not tell of: each time costs a RETRY round trip.
static int unrestricted;

static void reply(fuse_req_t req, const void *data, size_t size)
{
	fuse_reply_ioctl(req, 0, data, size);
}

// The controls and the value of the first one are behind pointers: each level costs a round trip more.
static void set_control(fuse_req_t req, void *arg, const void *in, size_t in_size)
{
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

static void bench_ioctl(fuse_req_t req, int cmd, void *arg, struct fuse_file_info *fi, unsigned flags, const void *in,
			size_t in_size, size_t out_size)
{
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
