// Messages on the tracer's sockets.
#pragma once

#include <cstddef>
#include <vector>

#include "../addon/unique-fd.h"
#include "deadline.h"

namespace v4l2cuse::tracer {

// True when a whole message of `size` bytes was sent. Never waits; false when the other side is gone.
bool SendMessage(int socket, const void* message, size_t size);

// Sends a descriptor with one byte of data. 0 or an errno.
int SendDescriptor(int socket, int fd);

// What was sent through a socket and not received yet, as the kernel counts it; -1 on failure.
int UnreadBytes(int socket);

struct Received {
  ssize_t size = 0;  // 0: the other side is gone
  std::vector<UniqueFd> fds;
};
// Waits for a message.
Received ReceiveMessage(int socket, void* into, size_t room);

// Waits for a message until the deadline: its size, 0 when the other side is gone, -1 when it is too late.
ssize_t ReceiveUntil(int socket, void* into, size_t room, Deadline deadline);

// Has the other side closed?
bool IsHungUp(int socket);

}  // namespace v4l2cuse::tracer
