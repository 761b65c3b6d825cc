/*
 * Runs a GStreamer pipeline and changes its caps while it plays:
 *
 *     gst-caps COUNT PIPELINE CAPS...
 *
 * PIPELINE has a capsfilter named "caps", whose caps become CAPS, one after the other, each after COUNT more buffers have
 * come to a multifilesink named "sink"; it ends COUNT buffers after the last change.
 */
#include "gst-client.h"

#include <stdint.h>

static const uint64_t moment = 10000000; /* ns */

int main(int argc, char **argv)
{
	void *pipeline, *bus, *filter, *sink;
	int count, written = 0, target = 0;

	if (argc < 3)
		fail("usage: gst-caps COUNT PIPELINE CAPS...");
	count = atoi(argv[1]);
	load_gstreamer();

	void (*init)(int *, char ***) = find("gst_init");
	void *(*parse_launch)(const char *, void **) = find("gst_parse_launch");
	int (*set_state)(void *, int) = find("gst_element_set_state");
	void *(*get_bus)(void *) = find("gst_element_get_bus");
	void *(*pop)(void *, uint64_t, int) = find("gst_bus_timed_pop_filtered");
	void *(*by_name)(void *, const char *) = find("gst_bin_get_by_name");
	void *(*caps_from_string)(const char *) = find("gst_caps_from_string");
	void (*get)(void *, const char *, ...) = find("g_object_get");
	void (*set)(void *, const char *, ...) = find("g_object_set");

	init(NULL, NULL);
	pipeline = parse_launch(argv[2], NULL);
	if (!pipeline)
		fail("no such pipeline");
	filter = by_name(pipeline, "caps");
	sink = by_name(pipeline, "sink");
	if (!filter || !sink)
		fail("the pipeline has no caps, or no sink");
	bus = get_bus(pipeline);
	set_state(pipeline, STATE_PLAYING);
	for (int next = 3;; next++) {
		target += count;
		while (written < target) {
			if (pop(bus, moment, MESSAGE_EOS | MESSAGE_ERROR))
				fail("the pipeline ended");
			get(sink, "index", &written, NULL);
		}
		/* What was on its way came before the change, or comes now. */
		target = written;
		if (next == argc)
			break;
		printf("%s\n", argv[next]);
		fflush(stdout);
		set(filter, "caps", caps_from_string(argv[next]), NULL);
	}
	set_state(pipeline, STATE_NULL);
	return 0;
}
