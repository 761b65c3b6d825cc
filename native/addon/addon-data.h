// What the addon keeps per environment (main thread or worker).
#pragma once

#include <napi.h>

namespace v4l2cuse {

struct AddonData {
  Napi::FunctionReference ownedFd;  // constructor of OwnedFd
};

}  // namespace v4l2cuse
