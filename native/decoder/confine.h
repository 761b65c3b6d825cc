// Takes away from this process whatever decoding does not need.
#pragma once

#include <cstdint>

namespace v4l2cuse::decoder
{

// Gives up user, rights and resources, and filters system calls: what is left is the memory that is here, the memory
// behind descriptors that arrive, and messages on descriptor 0. For good. DECODER_IS_* bits, or ends the process where
// what every kernel has cannot be had.
uint32_t Confine();

// "--probe": confined, tries what must not work, and prints a line for each. 0: none of it did.
int Probe();

} // namespace v4l2cuse::decoder
