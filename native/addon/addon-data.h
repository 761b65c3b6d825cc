// What the addon keeps per environment (main thread or worker).
#pragma once

#include <napi.h>

#include "foreign-worker.h"

namespace v4l2cuse {

struct AddonData {
  Napi::FunctionReference ownedFd;  // constructor of OwnedFd
  ForeignWorkers workers;           // started when first needed
};

}  // namespace v4l2cuse
