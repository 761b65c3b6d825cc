// How many messages one wake-up of a channel may take.
//
// A read() that only answers EAGAIN costs as much as a useful one, and a trip
// round the event loop costs several. With one request at a time the first must
// never happen; with many requests waiting the second should happen rarely. No
// call tells how many messages wait, so the budget learns: it takes as many as
// the last wake-ups held, and at growing intervals tries whether there are more.
#pragma once

#include <algorithm>

namespace v4l2cuse {

class DrainBudget {
 public:
  // Messages per wake-up at most, so that timers and other descriptors get their turn.
  static constexpr unsigned kMost = 32;
  // Wake-ups between two tries for more, at most.
  static constexpr unsigned kLongestPause = 64;

  // Start of a wake-up.
  void Begin() {
    taken_ = 0;
    limit_ = expected_;
    probing_ = false;
    if (pause_ > 0) --pause_;
  }

  // May another read be tried?
  bool More() {
    if (taken_ < limit_) return true;
    if (limit_ == kMost || pause_ > 0) return false;
    probing_ = true;
    limit_ = std::min(limit_ * 2, kMost);
    return true;
  }

  void Took() { ++taken_; }

  // End of a wake-up; `ranDry` when the last read found nothing.
  void End(bool ranDry) {
    if (probing_) {
      const bool found = taken_ > expected_;
      interval_ = found ? 1 : std::min(interval_ * 2, kLongestPause);
      pause_ = interval_;
    }
    if (ranDry || probing_) expected_ = std::max(taken_, 1U);
  }

 private:
  unsigned expected_ = 1;
  unsigned limit_ = 1;
  unsigned taken_ = 0;
  unsigned interval_ = 1;
  unsigned pause_ = 0;
  bool probing_ = false;
};

}  // namespace v4l2cuse
