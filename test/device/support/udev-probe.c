/*
 * udev-probe SUBSYSTEM...: what a libudev program finds, one line per device:
 *
 *     SYSPATH SUBSYSTEM DEVNODE parent PARENT-SYSPATH PARENT-SUBSYSTEM
 *
 * "c:MAJOR:MINOR" instead of a subsystem looks one device up by its number.
 * libudev is opened at run time, so that no development package is needed.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* The few functions of libudev.h that are called, under their own names. */
#define FUNCTIONS(X)                                                       \
	X(void *, udev_new, (void))                                        \
	X(void *, udev_enumerate_new, (void *))                            \
	X(int, udev_enumerate_add_match_subsystem, (void *, const char *)) \
	X(int, udev_enumerate_scan_devices, (void *))                      \
	X(void *, udev_enumerate_get_list_entry, (void *))                 \
	X(void *, udev_list_entry_get_next, (void *))                      \
	X(const char *, udev_list_entry_get_name, (void *))                \
	X(void *, udev_device_new_from_syspath, (void *, const char *))    \
	X(void *, udev_device_new_from_devnum, (void *, char, dev_t))      \
	X(void *, udev_device_get_parent, (void *))                        \
	X(const char *, udev_device_get_syspath, (void *))                 \
	X(const char *, udev_device_get_subsystem, (void *))               \
	X(const char *, udev_device_get_devnode, (void *))

#define DECLARE(result, name, arguments) static result(*name) arguments;
FUNCTIONS(DECLARE)

static const char *or_none(const char *text)
{
	return text != NULL ? text : "-";
}

static void print(void *device)
{
	if (device == NULL) {
		printf("-\n");
		return;
	}
	void *parent = udev_device_get_parent(device);
	printf("%s %s %s parent %s %s\n", or_none(udev_device_get_syspath(device)),
	       or_none(udev_device_get_subsystem(device)), or_none(udev_device_get_devnode(device)),
	       or_none(parent != NULL ? udev_device_get_syspath(parent) : NULL),
	       or_none(parent != NULL ? udev_device_get_subsystem(parent) : NULL));
}

int main(int argc, char **argv)
{
	void *library = dlopen("libudev.so.1", RTLD_NOW);
	if (library == NULL) {
		fprintf(stderr, "udev-probe: %s\n", dlerror());
		return 2;
	}
#define LOAD(result, name, arguments) *(void **)&name = dlsym(library, #name);
	FUNCTIONS(LOAD)

	void *udev = udev_new();
	for (int i = 1; i < argc; i++) {
		unsigned int major = 0, minor = 0;
		if (sscanf(argv[i], "c:%u:%u", &major, &minor) == 2) {
			print(udev_device_new_from_devnum(udev, 'c', makedev(major, minor)));
			continue;
		}
		void *list = udev_enumerate_new(udev);
		udev_enumerate_add_match_subsystem(list, argv[i]);
		udev_enumerate_scan_devices(list);
		for (void *entry = udev_enumerate_get_list_entry(list); entry != NULL;
		     entry = udev_list_entry_get_next(entry))
			print(udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry)));
	}
	return 0;
}
