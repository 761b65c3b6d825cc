/*
 * Another process for the tests of native/addon: has memory to read and write,
 * descriptors to take, sockets to receive on. Says on its first line where these
 * are, then serves commands from its standard input, one line of answer each.
 */
#include "client.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGES 4

static pid_t thread_id;

static void *idle(void *nothing)
{
	__atomic_store_n(&thread_id, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;)
		pause();
	return nothing;
}

/* Takes a descriptor from `socket` and describes it: size and first byte. */
static void receive(int socket)
{
	char byte;
	struct iovec data = {&byte, 1};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *header;
	struct stat status;
	char *bytes;
	int fd;

	if (recvmsg(socket, &message, MSG_DONTWAIT) != 1 || !(header = CMSG_FIRSTHDR(&message)) ||
	    header->cmsg_type != SCM_RIGHTS) {
		printf("nothing\n");
		return;
	}
	memcpy(&fd, CMSG_DATA(header), sizeof fd);
	fstat(fd, &status);
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		die("mmap");
	printf("%ld %d truncate %s\n", (long)status.st_size, bytes[0], outcome(ftruncate(fd, 0)));
	bytes[1] = 'c'; /* for the test to see on its side */
	munmap(bytes, (size_t)status.st_size);
	close(fd);
}

int main(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	/* Readable and writable, then a hole, then read-only. */
	char *pages = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int unsealed = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* Like memory that is acceptable in all but its pages. -1 on kernels without. */
	int huge = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	int packets[2], stream[2];
	pthread_t thread;
	char line[64];

	if (pages == MAP_FAILED || munmap(pages + 2 * page, page) || mprotect(pages + 3 * page, page, PROT_READ) ||
	    ftruncate(unsealed, (off_t)page) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, packets) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) || pthread_create(&thread, NULL, idle, NULL))
		die("setup");
	if (huge != -1 && (ftruncate(huge, 2 << 20) || fcntl(huge, F_ADD_SEALS, F_SEAL_SHRINK)))
		die("huge pages");
	memset(pages, 'a', 2 * page);
	while (!__atomic_load_n(&thread_id, __ATOMIC_ACQUIRE))
		usleep(1000);
	printf("{\"page\":%zu,\"address\":\"%p\",\"thread\":%d,\"unsealed\":%d,\"huge\":%d,\"packets\":[%d,%d],"
	       "\"stream\":[%d,%d]}\n",
	       page, (void *)pages, thread_id, unsealed, huge, packets[0], packets[1], stream[0], stream[1]);
	fflush(stdout);

	while (fgets(line, sizeof line, stdin)) {
		if (!strcmp(line, "receive\n"))
			receive(stream[0]);
		else if (!strncmp(line, "peek ", 5))
			printf("%c\n", pages[strtoul(line + 5, NULL, 0)]);
		else
			printf("unknown\n");
		fflush(stdout);
	}
	return 0;
}
