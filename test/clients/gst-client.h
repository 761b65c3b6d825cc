/*
 * What clients of GStreamer share that need no headers of it: the few functions are found in the library.
 */
#ifndef GST_CLIENT_H
#define GST_CLIENT_H

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATE_NULL = 1, STATE_PAUSED = 3, STATE_PLAYING = 4 };
enum { MESSAGE_EOS = 1, MESSAGE_ERROR = 2 };

static void *library;

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(1);
}

static void *find(const char *name)
{
	void *function = dlsym(library, name);

	if (!function)
		fail(name);
	return function;
}

static void load_gstreamer(void)
{
	library = dlopen("libgstreamer-1.0.so.0", RTLD_NOW | RTLD_GLOBAL);
	if (!library)
		fail(dlerror());
}

#endif
