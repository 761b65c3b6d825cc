// A moment after which nobody waits any more.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace v4l2cuse::tracer {

class Deadline {
 public:
  static Deadline In(uint32_t milliseconds) { return Deadline(Clock::now() + std::chrono::milliseconds(milliseconds)); }
  static Deadline Never() { return Deadline(Clock::time_point::max()); }

  bool IsNever() const { return end_ == Clock::time_point::max(); }

  // Zero once the moment has passed; at most an hour, so that "never" fits.
  timespec Left() const {
    using std::chrono::nanoseconds;
    constexpr nanoseconds kLongest = std::chrono::hours(1);
    const Clock::time_point now = Clock::now();
    if (end_ <= now) return {0, 0};
    const nanoseconds left = end_ - now > kLongest ? kLongest : nanoseconds(end_ - now);
    return {static_cast<time_t>(left.count() / 1'000'000'000), static_cast<long>(left.count() % 1'000'000'000)};
  }

  bool Passed() const { return Clock::now() >= end_; }

 private:
  using Clock = std::chrono::steady_clock;
  explicit Deadline(Clock::time_point end) : end_(end) {}
  Clock::time_point end_;
};

}  // namespace v4l2cuse::tracer
