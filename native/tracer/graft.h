// One job: gives a client's thread a file, under the number of one that it has, or
// under a new one. See docs/graft.md for the steps; their names are in protocol.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "../addon/unique-fd.h"
#include "failure.h"
#include "proc.h"
#include "protocol.h"
#include "tracee.h"

namespace v4l2cuse::tracer {

// What this kernel lets this process do; asked once, before the first job.
struct Abilities {
  bool seize = false;
  bool suspendSeccomp = false;
};

class Graft {
 public:
  Graft(const tracer_job& job, UniqueFd link, UniqueFd file, const Abilities& abilities);
  Graft(const Graft&) = delete;
  Graft& operator=(const Graft&) = delete;

  // To be called once, in a process of its own that ends afterwards: with it ends
  // whatever is left of the tracing.
  void Run();

 private:
  void Enter(uint32_t step);
  void RunStopped();
  void Fail(const Refusal& refusal);
  void SeizeInCall();
  void CheckStatus();
  void CheckPendingCall(uint64_t number, const Arguments& arguments, bool firstIsKnown);
  void CheckStopped();
  void Place();
  void Deliver();  // the file arrives under a number of its own
  void SwapAll();  // it takes the place of the client's
  void Swap(int fd);
  void Unregister(int fd);
  // When `fd` still leads to `file`.
  void Register(int fd, const FileFacts& file);
  void CloseOwn(bool withFile);
  void Confirm();
  void Commit();
  void Finish();
  void Undo();
  void Report(uint32_t kind);
  // Runs a call that must succeed: its result. Throws Refusal.
  int64_t Call(uint64_t number, const Arguments& arguments, const std::function<void()>& last = {});

  bool IsDevice(int fd) const;
  bool IsOld(int fd) const;  // still what it was when the thread stopped
  // Of what can be a lot. Throws Refusal TRACER_STUCK when there is no time for it.
  void ListFiles();
  Deadline StepDeadline() const { return Deadline::In(job_.step_ms); }
  void SaveScratch();
  void RestoreScratch();
  uint64_t ScratchAddress(size_t offset) const;

  // A descriptor that we made in the client.
  struct Made {
    int fd = -1;
    FileFacts facts;
  };

  tracer_job job_;
  UniqueFd link_;
  UniqueFd file_;
  std::optional<FileFacts> fileFacts_;  // of file_
  Abilities abilities_;
  Tracee tracee_;
  tracer_event event_{};
  pid_t process_ = 0;             // the client's
  int fd_ = -1;                   // the client's descriptor
  FileFacts old_;                 // what it led to when the thread stopped
  UniqueFd oldFile_;              // the same, while it matters; invalid where it cannot be had
  std::vector<uint8_t> scratch_;  // what was there before; empty: not touched
  std::vector<int> all_;          // the client's numbers for the file: `fd_`, then its duplicates
  std::vector<int> epolls_;       // its epoll instances
  std::vector<Made> sockets_;
  std::optional<Made> delivered_;
  std::vector<Registration> unregistered_;
  int unregisteredFd_ = -1;
  bool inCall_ = false;     // the thread is in the call that was expected
  bool committed_ = false;  // nothing is undone any more
  bool overdue_ = false;
  uint32_t failedStep_ = 0;
};

}  // namespace v4l2cuse::tracer
