#include "file-opener.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <future>
#include <thread>
#include <utility>

#include "arguments.h"
#include "descriptor.h"
#include "error.h"
#include "unique-fd.h"

// The same number on every architecture; older headers lack it.
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace v4l2cuse {
namespace {

struct Order {
  uint32_t id = 0;
  uint32_t flags = 0;
  std::array<char, NAME_MAX + 1> name{};
};
constexpr size_t kOrderHead = offsetof(Order, name);

struct Answer {
  uint32_t id = 0;
  uint32_t error = 0;
};

// The thread's own numbers, once its table is its own.
constexpr int kDirectory = 0;
constexpr int kOrders = 1;
constexpr int kFiles = 2;

void Pair(Napi::Env env, UniqueFd& ours, UniqueFd& theirs) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) {
    throw SystemError(env, "socketpair", errno);
  }
  ours = UniqueFd(ends[0]);
  theirs = UniqueFd(ends[1]);
}

// 0, or the errno of what failed.
uint32_t OpenAndSend(const Order& order) {
  const int flags = static_cast<int>(order.flags) | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
  const UniqueFd file(::openat(kDirectory, order.name.data(), flags));
  if (!file.valid()) return static_cast<uint32_t>(errno);
  // Servers that do not know FUSE_STATX are asked once; afterwards a stat(2) is served from what LOOKUP said.
  struct statx ignored {};
  static_cast<void>(::statx(file.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &ignored));
  return static_cast<uint32_t>(SendFile(kFiles, file.get(), 0));
  // Closed before it is answered: a server that is asked to flush can answer now.
}

void ServeOrders() {
  for (;;) {
    Order order;
    const ssize_t length = ::recv(kOrders, &order, sizeof order - 1, 0);
    if (length < static_cast<ssize_t>(kOrderHead)) return;
    const Answer answer{order.id, OpenAndSend(order)};
    if (::send(kOrders, &answer, sizeof answer, MSG_NOSIGNAL) < 0) return;
  }
}

// 0, or an errno. The descriptors are numbers of the table shared until now.
int TakeOwnTable(int directory, int orders, int files) {
  if (::unshare(CLONE_FILES) < 0) return errno;
  // Out of the way of the numbers below; nothing is lost, this table is a copy.
  std::array<int, 3> kept{};
  const std::array<int, 3> wanted{directory, orders, files};
  for (size_t i = 0; i < wanted.size(); ++i) {
    kept[i] = ::fcntl(wanted[i], F_DUPFD, kFiles + 1);
    if (kept[i] < 0) return errno;
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup2(kept[static_cast<size_t>(i)], i) < 0) return errno;
  }
  if (::syscall(SYS_close_range, kFiles + 1, UINT_MAX, 0) < 0) return errno;
  return 0;
}

}  // namespace

Napi::Value StartOpener(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int directory = FdArgument(info, 0, "startOpener(directoryFd)");
  UniqueFd orders;
  UniqueFd files;
  UniqueFd theirOrders;
  UniqueFd theirFiles;
  Pair(env, orders, theirOrders);
  Pair(env, files, theirFiles);

  std::promise<int> ready;
  std::future<int> outcome = ready.get_future();
  // Inherited by the thread: signals are for the others, they would interrupt its calls.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  try {
    std::thread(
        [](std::promise<int> started, int first, int second, int third) {
          const int failure = TakeOwnTable(first, second, third);
          started.set_value(failure);
          if (failure == 0) ServeOrders();
        },
        std::move(ready), directory, theirOrders.get(), theirFiles.get())
        .detach();
  } catch (const std::system_error& failure) {
    error = failure.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) throw SystemError(env, "pthread_create", error);
  // Not longer than four system calls. Our copies of the thread's ends close when this returns.
  error = outcome.get();
  if (error != 0) throw SystemError(env, "unshare(CLONE_FILES)", error);

  Napi::Object ends = Napi::Object::New(env);
  ends.Set("orders", OwnedFd::Wrap(env, std::move(orders)));
  ends.Set("files", OwnedFd::Wrap(env, std::move(files)));
  return ends;
}

}  // namespace v4l2cuse
