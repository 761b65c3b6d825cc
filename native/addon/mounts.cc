#include "mounts.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include <cerrno>
#include <string>

#include "arguments.h"
#include "error.h"

namespace v4l2cuse {

void UnshareMounts(const Napi::CallbackInfo& info) {
  // Of this thread only: the kernel gives it a root and a current directory of its own with it.
  if (::unshare(CLONE_NEWNS) < 0) throw SystemError(info.Env(), "unshare", errno);
}

void Mount(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "mount(source, target, type, flags, options)";
  const std::string source = TextArgument(info, 0, kUsage);
  const std::string target = TextArgument(info, 1, kUsage);
  const std::string type = TextArgument(info, 2, kUsage);
  const unsigned long flags = Uint32Argument(info, 3, kUsage);
  const std::string options = TextArgument(info, 4, kUsage);
  if (::mount(source.c_str(), target.c_str(), type.c_str(), flags, options.c_str()) < 0) {
    throw SystemError(info.Env(), "mount", errno, target);
  }
}

void Unmount(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "unmount(target, flags)";
  const std::string target = TextArgument(info, 0, kUsage);
  const int flags = static_cast<int>(Uint32Argument(info, 1, kUsage));
  if (::umount2(target.c_str(), flags) < 0) throw SystemError(info.Env(), "umount2", errno, target);
}

void DropAmbientCapabilities(const Napi::CallbackInfo& info) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
    throw SystemError(info.Env(), "prctl(PR_CAP_AMBIENT)", errno);
  }
}

}  // namespace v4l2cuse
