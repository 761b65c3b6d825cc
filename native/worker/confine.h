// Takes away from this process whatever work on pictures does not need.
#pragma once

#include <cstddef>
#include <cstdint>

// Bits of a worker's features, whatever else its protocol has.
#define WORKER_IS_NOBODY 0x2 // gave up its user; only root can
#define WORKER_IS_FILTERED 0x4

namespace v4l2cuse::worker
{

// Frames of the largest streams (8192x4352 with 16 bits a sample, nine of them and the one that is decoded) fit.
constexpr size_t kMostData = size_t{3} << 30;

// Gives up user, rights and resources, and filters system calls: what is left is the memory that is here, the memory
// behind descriptors that arrive, and messages on descriptor 0. For good. WORKER_IS_* bits, or ends the process where
// what every kernel has cannot be had.
// @param mostData Bytes of memory of its own.
uint32_t Confine(size_t mostData = kMostData);

// "--probe": confined, tries what must not work, and prints a line for each. 0: none of it did.
int Probe();

} // namespace v4l2cuse::worker
