// Messages between a worker process and the driver that started it.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "../addon/unique-fd.h"

namespace v4l2cuse::worker
{

constexpr int kDriver = 0; // The socket is our standard input.

// An order from the driver.
struct Order {
	const uint8_t *bytes = nullptr;
	size_t size = 0;
	UniqueFd fd;

	// The struct at its start, when it is that long.
	template <typename T> bool Read(T *into, bool isWhole = true) const
	{
		if (size < sizeof *into || (isWhole && size != sizeof *into))
			return false;
		std::memcpy(into, bytes, sizeof *into);
		return true;
	}
};

inline bool Send(const void *message, size_t size)
{
	ssize_t sent = 0;
	do {
		sent = ::send(kDriver, message, size, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent == static_cast<ssize_t>(size);
}

// Waits for an order, in `room`. False: the socket fails, or a message is too long. Size 0: the driver is gone.
inline bool Receive(uint8_t *room, size_t most, Order *order)
{
	iovec data{room, most};
	alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
	msghdr header{};
	header.msg_iov = &data;
	header.msg_iovlen = 1;
	header.msg_control = control.data();
	header.msg_controllen = control.size();
	ssize_t size = 0;
	do {
		size = ::recvmsg(kDriver, &header, MSG_CMSG_CLOEXEC);
	} while (size < 0 && errno == EINTR);
	if (size < 0 || (header.msg_flags & MSG_TRUNC) != 0)
		return false;
	const cmsghdr *rights = CMSG_FIRSTHDR(&header);
	if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
		int fd = -1;
		std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
		order->fd.reset(fd);
	}
	order->bytes = room;
	order->size = static_cast<size_t>(size);
	return true;
}

// Greets the driver, then gives each order to `obey` until the driver is gone. An exit status.
// @param room For the longest order.
// @param obey False: the order makes no sense, and the process ends.
template <typename Hello, size_t kMost, typename Obey>
int ServeOrders(const char *name, const Hello &hello, std::array<uint8_t, kMost> &room, const Obey &obey)
{
	if (!Send(&hello, sizeof hello))
		return 1;
	for (;;) {
		Order order;
		if (!Receive(room.data(), room.size(), &order))
			return 1;
		if (order.size == 0)
			return 0;
		if (!obey(order)) {
			std::fprintf(stderr, "%s: an order makes no sense\n", name);
			return 1;
		}
	}
}

} // namespace v4l2cuse::worker
