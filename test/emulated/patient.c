/*
 * For GStreamer in an emulated machine, by LD_PRELOAD: its stateless decoders give up on a frame after a second, which the
 * first one may take there, for a decoder's process with all its libraries starts. With this they wait for thirty.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#define SECOND_NS 1000000000ull

/* As in gstpoll.h; the time limit is in nanoseconds. */
int gst_poll_wait(void *set, unsigned long long timeout);

int gst_poll_wait(void *set, unsigned long long timeout)
{
	int (*next)(void *, unsigned long long) = dlsym(RTLD_NEXT, "gst_poll_wait");

	return next(set, timeout == SECOND_NS ? 30 * SECOND_NS : timeout);
}
