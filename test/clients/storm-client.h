/*
 * One client of graft-storm.c: makes a call in which it is given a file, is disturbed meanwhile, and says in one line
 * of JSON what has become of it.
 */
#ifndef STORM_CLIENT_H
#define STORM_CLIENT_H

#include "storm-disturb.h"

/* ---- The call -------------------------------------------------------------------------------- */

static bool mask_changed, errno_changed;

/* While the camera's queue is another client's, nobody is given anything. */
static void await_queue(void)
{
	struct v4l2_requestbuffers none = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

	while (!is_m2m(setup) && ioctl(target, VIDIOC_REQBUFS, &none) && errno == EBUSY)
		usleep(1000);
}

/* How often an answer of EBUSY (the camera's queue is another client's) is asked for again is not limited. */
static void *call_it(void *nothing)
{
	uint64_t mask = 0, mask_after = 0;
	sigset_t mine;

	sigemptyset(&mine);
	sigaddset(&mine, SIGWINCH);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
	caller = (int)syscall(SYS_gettid);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask);
	atomic_store(&view->tid, caller);
	await_queue();
	atomic_store(&view->begin_ns, now_ns());
	sem_post(&begun);
	wake_watcher();
	do {
		if (result == -EBUSY)
			usleep(1000);
		errno = 1234;
		make_the_call(&the_call);
		errno_changed |= errno != 1234;
		result = the_call.result;
	} while (result == -EBUSY && !setup->lenient);
	atomic_store(&view->end_ns, now_ns());
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask_after, sizeof mask_after);
	mask_changed = mask != mask_after;
	returned = true;
	/* Signals need somebody to come to. */
	while (needs_disturber() && sem_wait(&disturbed))
		;
	return nothing;
}

/* ---- What has become of the client ------------------------------------------------------------- */

static bool loses_target(void)
{
	return plan.kind == CLOSE || plan.kind == REPLACE || plan.kind == REOPEN;
}

static bool is_result_right(void)
{
	if (setup->lenient || result == 0)
		return setup->lenient || !setup->refuses || !allocates();
	/* Without its descriptor the call may never have come to the device that refuses: see below. */
	if (setup->refuses && allocates() && !loses_target())
		return result == -EINVAL;
	switch (plan.kind) {
	case CLOSE:
		return result == -EINVAL || result == -EBADF;
	case REPLACE:
	case REOPEN:
		return result == -EINVAL || result == -EBADF || result == -ENOTTY;
	case UNMAP:
	case PROTECT:
		return result == -EFAULT || (result == -EMFILE && !allocates());
	case STACK:
		return !plan.grows && result == (allocates() ? -EINVAL : -EMFILE);
	default:
		return false;
	}
}

static bool is_target(int fd)
{
	for (unsigned i = 0; i < plan.dups; i++)
		if (fd == dups[i])
			return true;
	return fd == target;
}

static bool is_nothing(int fd)
{
	(void)fd;
	return false;
}

/* What the call gave has got the number that has become free. */
static bool takes_number(void)
{
	return loses_target() && !allocates() && returned && result == 0 && number_given() == target;
}

/*
 * Another thread has closed or replaced the descriptor. Whatever it did last counts, but for some microseconds between
 * the tracer's last look and its dup3(2). @returns whether that has happened.
 */
static bool check_lost_target(const struct files *now)
{
	const struct open_file *is = takes_number() ? NULL : find_file(now, target);
	const struct open_file *reopened_file;

	switch (plan.kind) {
	case CLOSE:
		return is != NULL;
	case REPLACE:
		if (!is)
			problem("the descriptor is closed");
		return is && !same_file(is, &replacement);
	default:
		reopened_file = find_file(now, reopened);
		if (!reopened_file)
			problem("what was opened then is closed");
		return (reopened_file && !same_file(reopened_file, &replacement)) || (is && reopened != target);
	}
}

/* The descriptor is the device's, or, if `grafted`, that of a regular file; and so are its duplicates. */
static bool check_target(const struct files *earlier, const struct files *now)
{
	const struct open_file *was = find_file(earlier, target), *is = find_file(now, target);
	bool grafted;

	if (!was || !is) {
		problem("the descriptor is gone");
		return false;
	}
	grafted = !same_file(was, is);
	if (grafted && !S_ISREG(is->mode))
		problem("the descriptor is a file of mode %o", is->mode);
	if (was->flags != is->flags)
		problem("the descriptor has other flags");
	if (grafted && setup->maps)
		problem("the descriptor was replaced, although it can be mapped");
	if (allocates() && result == 0 && !grafted && !setup->maps && !setup->lenient && returned)
		problem("the descriptor cannot be mapped");
	if ((!allocates() || result != 0) && grafted && plan.kind != HANDLER && returned && !setup->lenient)
		problem("the descriptor was replaced, although the call failed");
	for (unsigned i = 0; i < plan.dups; i++) {
		const struct open_file *dup_was = find_file(earlier, dups[i]), *dup_is = find_file(now, dups[i]);

		if (!dup_was || !dup_is || !same_file(dup_is, is) || dup_was->flags != dup_is->flags)
			problem("duplicate %d is not what the descriptor is", dups[i]);
	}
	return grafted;
}

/* Descriptors that came along: what the call gave, if it gave one. @returns it, or -1. */
static int check_more(const struct files *earlier, const struct files *now, int more)
{
	/* Where the number cannot be read any more, it is the one that is there. */
	const bool given = !allocates() && (result == 0 || !returned);
	const bool kept = plan.kind == REOPEN && reopened != target;
	int number = -1;

	for (int i = 0; i < now->count; i++)
		if (!find_file(earlier, now->all[i].fd) && (!kept || now->all[i].fd != reopened))
			number = now->all[i].fd;
	if (takes_number())
		number = target, more++;
	more -= kept;
	if (more > (given ? 1 : 0))
		problem("%d descriptors too many, %d is one", more - given, number);
	if (given && returned && more < 1)
		problem("there is no descriptor");
	if (given && returned && !argument_is_lost() && number_given() != number)
		problem("the descriptor is %d, and the call says %d", number, number_given());
	return number;
}

static void report(const char *more, bool race, int frames, bool grafted)
{
	static char line[4096];
	const uint64_t begin = atomic_load(&view->begin_ns), end = atomic_load(&view->end_ns);
	const uint64_t moment = atomic_load(&view->disturbed_ns);
	FILE *out = fmemopen(line, sizeof line, "w");

	fprintf(out, "{\"round\":%d,\"result\":%ld,\"us\":%lu,\"when\":\"%s\",", plan.round, result,
		end ? (unsigned long)(end - begin) / 1000 : 0,
		!moment               ? "never"
		: end && moment > end ? "after"
				      : "within");
	if (plan.kind == STACK || !returned)
		fprintf(out, "\"damaged\":[]");
	else
		write_damage(out, signals_are_handled());
	fprintf(out, ",\"frames\":%d,\"grafted\":%s,\"race\":%s,\"inherited\":%d%s,\"problems\":[%s]}\n", frames,
		grafted ? "true" : "false", race ? "true" : "false", inherited, more, problems);
	fclose(out);
	if (write(1, line, strlen(line)) < 0)
		die("write");
}

static void check_signals(void)
{
	if (mask_changed)
		problem("the signal mask has changed");
	if (errno_changed)
		problem("errno has changed");
	if (plan.kind == SIGNALS && (handled != SIGNALS_SENT || disordered))
		problem("%d of %d signals, %d in disorder", handled, SIGNALS_SENT, disordered);
	if (plan.kind == TIMERS && !alarms)
		problem("no alarm came");
	if (plan.kind == HANDLER && nested_calls != 1)
		problem("%d nested calls", nested_calls);
	if (plan.kind == HANDLER && nested_result && !setup->refuses)
		problem("the nested call: %ld", nested_result);
}

/*
 * The page of the argument was lost when the driver had allocated buffers: EFAULT, and they exist, as on any device.
 * More are added, so that those that exist can be mapped. @returns whether there were any.
 */
static bool extend(struct device *device)
{
	struct stream *stream = plan.output ? &device->output : &device->capture;
	struct v4l2_create_buffers create = {.memory = V4L2_MEMORY_MMAP, .count = 1, .format.type = stream->type};

	if (ioctl(stream->fd, VIDIOC_G_FMT, &create.format))
		die("G_FMT");
	while (ioctl(stream->fd, VIDIOC_CREATE_BUFS, &create)) {
		if (errno != EBUSY)
			die("CREATE_BUFS");
		usleep(2000);
	}
	return create.index == BUFFERS;
}

/* Streams, with the same descriptor where it is there. @returns the number of frames. */
static int stream_on_and_off(struct device *device, int given)
{
	const struct stream *has = plan.output ? &device->output : &device->capture;

	atomic_store(&view->doing, "streaming");
	if (device->fd < 0 && !open_device(device, setup, O_CLOEXEC))
		die(setup->video);
	if (!returned || loses_target() || plan.kind == HANDLER || !allocates())
		has = NULL;
	else if (result && (result != -EFAULT || !extend(device)))
		has = NULL;
	if (plan.op == REQUEST_ALLOC && given >= 0 && ioctl(given, MEDIA_REQUEST_IOC_REINIT))
		problem("MEDIA_REQUEST_IOC_REINIT: %s", strerrorname_np(errno));
	return stream_frames(device, setup, plan.round, has, plan.op == EXPBUF ? given : -1);
}

/* ---- After execve(2) --------------------------------------------------------------------------- */

/* `inherited_list`: the descriptors that have to be here, and nothing else. */
static int after_exec(const char *inherited_list, int fd)
{
	struct device device;
	struct files now;
	char list[256] = "";
	sigset_t mask;
	const uint64_t limit = now_ns() + 5000000000u;
	int status = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	bool is_free;

	while (!(is_free = !is_traced(status)) && now_ns() < limit)
		usleep(1000);
	if (!is_free)
		problem("traced after execve");
	close(status);
	list_files(&now);
	for (int i = 0; i < now.count; i++)
		snprintf(list + strlen(list), sizeof list - strlen(list), "%d,", now.all[i].fd);
	if (strcmp(list, inherited_list))
		problem("after execve there are %s not %s", list, inherited_list);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int signal = 1; signal < 32; signal++)
		if (sigismember(&mask, signal) != (signal != SIGKILL && signal != SIGSTOP))
			problem("signal %d is %s after execve", signal,
				sigismember(&mask, signal) ? "blocked" : "free");
	result = 0;
	if (fd >= 0) {
		device = (struct device){.fd = fd, .media = -1};
		device.capture = (struct stream){.fd = fd, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
		device.output = (struct stream){.fd = fd, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
	} else if (!open_device(&device, setup, O_CLOEXEC)) {
		die(setup->video);
	}
	report(",\"exec\":true", false, setup->refuses ? 0 : stream_frames(&device, setup, plan.round, NULL, -1),
	       false);
	return 0;
}

/* ---- A round ------------------------------------------------------------------------------------- */

static void prepare(struct device *device)
{
	const int cloexec = plan.cloexec ? O_CLOEXEC : 0;

	if (!open_device(device, setup, cloexec))
		exit(setup->lenient ? 3 : (die(setup->video), 1));
	target = device->fd;
	if (plan.op == REQUEST_ALLOC) {
		target = device->media = open(setup->media, O_RDWR | cloexec);
		if (target < 0)
			die(setup->media);
	}
	if (plan.op == EXPBUF) {
		allocate(&device->capture, BUFFERS);
		allocate(&device->output, BUFFERS);
	}
	for (unsigned i = 0; i < plan.dups; i++) {
		dups[i] = fcntl(target, i ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
		if (dups[i] < 0)
			die("dup");
	}
	prepare_calls(device);
}

static int client(const struct plan *its_plan, const struct setup *its_setup, struct view *its_view)
{
	struct device device;
	struct files first, earlier, now;
	pthread_t threads[3];
	unsigned thread_count = 0;
	int more, given, frames = 0;
	bool race = false, grafted = false;
	sigset_t mask;

	plan = *its_plan;
	setup = its_setup;
	view = its_view;
	sigfillset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	list_files(&first);
	prepare(&device);
	prepare_disturbance();
	list_files(&earlier);
	inherit(&earlier);

	atomic_store(&view->doing, "the call");
	if (plan.noise && !loses_target())
		start(&threads[thread_count++], make_noise);
	if (needs_disturber() && !(plan.worker && plan.first_acts))
		start(&threads[thread_count++], disturb);
	if (plan.worker) {
		start(&threads[thread_count++], call_it);
		if (needs_disturber() && plan.first_acts)
			disturb(NULL);
		if (thread_count)
			pthread_join(threads[--thread_count], NULL);
	} else {
		call_it(NULL);
	}
	atomic_store(&view->doing, "joining threads");
	atomic_store(&over, true);
	while (thread_count)
		pthread_join(threads[--thread_count], NULL);
	await_alarm();

	atomic_store(&view->doing, "checking");
	if (!returned && plan.kind != THREAD_EXIT)
		problem("the call did not return");
	if (returned && !is_result_right())
		problem("the call: %ld", result);
	check_signals();
	list_files(&now);
	more = compare_files(&earlier, &now, is_target);
	given = check_more(&earlier, &now, more);
	if (loses_target()) {
		race = check_lost_target(&now);
		if (given != target)
			forget(&given);
		given = -1;
		forget_files(&device);
	} else {
		grafted = check_target(&earlier, &now);
	}
	if (!setup->lenient && !setup->refuses)
		frames = stream_on_and_off(&device, given);

	atomic_store(&view->doing, "ending");
	forget(&given);
	forget_files(&device);
	list_files(&now);
	if (compare_files(&first, &now, is_nothing))
		problem("descriptors are left");
	report("", race, frames, grafted);
	return 0;
}

#endif
