/*
 * Runs a GStreamer pipeline, and seeks back to its beginning while it plays:
 *
 *     gst-seek SEEKS MS PIPELINE
 *
 * SEEKS times, each after MS milliseconds of playing; then it plays to the end. Each seek flushes, so decoders lose what
 * they have queued. It seeks while the pipeline pauses, in which nothing new can end: that of a short stream played to its
 * end before the seek is forgotten.
 */
#include "gst-client.h"

#include <stdint.h>
#include <unistd.h>

enum { STATE_CHANGE_SUCCESS = 1 };
enum { FORMAT_TIME = 3, SEEK_FLUSH = 1, SEEK_KEY_UNIT = 4 };

/* How long anything may take, in ns. */
static const uint64_t limit = 60000000000u;

int main(int argc, char **argv)
{
	int seeks, ms, type;
	void *pipeline, *bus, *message;

	if (argc != 4)
		fail("usage: gst-seek SEEKS MS PIPELINE");
	seeks = atoi(argv[1]);
	ms = atoi(argv[2]);
	load_gstreamer();

	void (*init)(int *, char ***) = find("gst_init");
	void *(*parse_launch)(const char *, void **) = find("gst_parse_launch");
	int (*set_state)(void *, int) = find("gst_element_set_state");
	int (*get_state)(void *, int *, int *, uint64_t) = find("gst_element_get_state");
	int (*seek_simple)(void *, int, int, int64_t) = find("gst_element_seek_simple");
	void *(*get_bus)(void *) = find("gst_element_get_bus");
	void *(*pop)(void *, uint64_t, int) = find("gst_bus_timed_pop_filtered");
	const char *(*type_name)(int) = find("gst_message_type_get_name");

	init(NULL, NULL);
	pipeline = parse_launch(argv[3], NULL);
	if (!pipeline)
		fail("no such pipeline");
	bus = get_bus(pipeline);
	set_state(pipeline, STATE_PLAYING);
	for (int i = 0; i <= seeks; i++) {
		if (get_state(pipeline, NULL, NULL, limit) != STATE_CHANGE_SUCCESS)
			fail("the pipeline does not play");
		if (i == seeks)
			break;
		usleep((useconds_t)ms * 1000);
		set_state(pipeline, STATE_PAUSED);
		if (!seek_simple(pipeline, FORMAT_TIME, SEEK_FLUSH | SEEK_KEY_UNIT, 0))
			fail("the pipeline cannot seek");
		if (get_state(pipeline, NULL, NULL, limit) != STATE_CHANGE_SUCCESS)
			fail("the pipeline does not pause");
		while (pop(bus, 0, MESSAGE_EOS))
			;
		printf("seek\n");
		fflush(stdout);
		set_state(pipeline, STATE_PLAYING);
	}
	message = pop(bus, limit, MESSAGE_EOS | MESSAGE_ERROR);
	if (!message)
		fail("the pipeline does not end");
	/* The type is behind the GstMiniObject, which has 64 bytes. */
	type = *(int *)((char *)message + 64);
	printf("%s\n", type_name(type));
	set_state(pipeline, STATE_NULL);
	return type != MESSAGE_EOS;
}
