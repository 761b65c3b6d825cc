/* The helper protocol's numbers as C sees them, for the test that compares them with TypeScript's. */
#include "protocol.h"

#include <stddef.h>
#include <stdio.h>

#define NUMBER(name) printf("%s %lu\n", #name, (unsigned long)(name))
#define FIELD(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(struct type, field))

int main(void)
{
	NUMBER(V4L2_CUSE_PROTOCOL_VERSION);
	NUMBER(V4L2_CUSE_FEATURE_MAP);
	NUMBER(V4L2_CUSE_FEATURE_FD);
	NUMBER(V4L2_CUSE_HELLO);
	NUMBER(V4L2_CUSE_MAP);
	NUMBER(V4L2_CUSE_FD);
	NUMBER(sizeof(struct v4l2_cuse_hello));
	NUMBER(sizeof(struct v4l2_cuse_map));
	NUMBER(sizeof(struct v4l2_cuse_fd));
	FIELD(v4l2_cuse_hello, version);
	FIELD(v4l2_cuse_hello, features);
	FIELD(v4l2_cuse_map, version);
	FIELD(v4l2_cuse_map, socket);
	FIELD(v4l2_cuse_map, offset);
	FIELD(v4l2_cuse_map, length);
	FIELD(v4l2_cuse_map, prot);
	FIELD(v4l2_cuse_map, flags);
	FIELD(v4l2_cuse_map, fd_offset);
	FIELD(v4l2_cuse_fd, version);
	FIELD(v4l2_cuse_fd, socket);
	FIELD(v4l2_cuse_fd, cmd);
	FIELD(v4l2_cuse_fd, number);
	FIELD(v4l2_cuse_fd, arg);
	return 0;
}
