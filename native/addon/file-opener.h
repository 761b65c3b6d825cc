// Opens files of a file system that this process itself serves.
//
// Such an open() must not happen on the thread that serves: it waits for that
// thread's answer. Nor on an ordinary other thread: if the process were killed
// while it waits, the thread would wait on, unkillable, for an answer that
// nobody gives, because the channel to the kernel stays open as long as a thread
// shares the table of descriptors that it is in. So the thread that opens has a
// table of its own, with nothing in it but the directory and two sockets: the
// channel closes with the rest of the process, which fails the open().
#pragma once

#include <napi.h>

namespace v4l2cuse {

// startOpener(directoryFd): { orders: OwnedFd, files: OwnedFd }
//
// Starts the thread. `orders` keeps message boundaries and takes
// { u32 id; u32 flags; char name[] }, flags as for openat(2); each is answered with
// { u32 id; u32 errno }. When errno is 0, the open file waits in `files`, in the
// order of the answers, and the thread keeps no descriptor of it. The thread ends
// when `orders` is closed.
Napi::Value StartOpener(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
