#include "graft.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <utility>

#include "link.h"
#include "seize-watch.h"

namespace v4l2cuse::tracer {
namespace {

// What the calls in the client need as memory: below the red zone of its stack,
// where a signal handler could push its frame at any time, so nobody keeps things there.
struct Scratch {
  std::array<int32_t, 2> pair;  // First: the client's own write brings a missing page in.
  msghdr message;
  iovec data;
  alignas(8) char byte;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
  epoll_event registration;
};
constexpr uint64_t kStackAlignment = 16;
constexpr size_t kScratchSize = (sizeof(Scratch) + kStackAlignment - 1) & ~(kStackAlignment - 1);
constexpr size_t kPage = 4096;  // The smallest that there are: in parts of a page, memory is all there or all missing.

constexpr uint32_t kPauseMs = 10'000;

// Results that mean "not finished, will be repeated" and never reach a program.
bool IsUnfinished(int64_t result) { return result <= -512 && result >= -516; }

int64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Is this socket one of a pair like ours, made by that process?
bool IsPairOf(int socket, pid_t process) {
  int domain = 0;
  int type = 0;
  ucred peer{};
  socklen_t intSize = sizeof domain;
  socklen_t peerSize = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &intSize) == 0 && domain == AF_UNIX &&
         ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &intSize) == 0 && type == SOCK_SEQPACKET &&
         ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &peerSize) == 0 && peer.pid == process;
}

// A number as a register holds it.
uint64_t Word(int64_t value) { return static_cast<uint64_t>(value); }

}  // namespace

Graft::Graft(const tracer_job& job, UniqueFd link, UniqueFd file, const Abilities& abilities)
    : job_(job),
      link_(std::move(link)),
      file_(std::move(file)),
      abilities_(abilities),
      tracee_(job.thread, job.step_ms, [this] {
        // Past the point of no return the driver just has to wait longer.
        if (overdue_ || committed_) return;
        overdue_ = true;
        if (event_.reason == TRACER_SUCCESS) event_.reason = TRACER_STUCK;
        Report(TRACER_DONE);
      }) {}

void Graft::Enter(uint32_t step) {
  event_.step = step;
  if (step != job_.pause_step) return;
  Report(TRACER_PAUSED);
  tracer_resume ignored{};
  ReceiveUntil(link_.get(), &ignored, sizeof ignored, Deadline::In(kPauseMs));
}

void Graft::Report(uint32_t kind) {
  event_.kind = kind;
  if (kind == TRACER_DONE && failedStep_ != 0) event_.step = failedStep_;
  SendMessage(link_.get(), &event_, sizeof event_);
}

void Graft::Run() {
  try {
    SeizeInCall();
    Report(TRACER_SEIZED);
    Enter(TRACER_STEP_ANSWER);
    tracee_.AwaitStop(link_.get(), Deadline::In(job_.answer_ms));
    RunStopped();
  } catch (const Gone&) {
    event_.reason = TRACER_GONE;
  } catch (const Refusal& refusal) {
    // It still runs, and cannot be let go explicitly. That happens when this process ends, which is now.
    Fail(refusal);
  }
  if (!overdue_) Report(TRACER_DONE);
}

void Graft::RunStopped() {
  const int64_t since = NowNs();
  try {
    Enter(TRACER_STEP_PREPARE);
    tracee_.LoadState();
    CheckStopped();
    tracee_.OpenMemory();
    tracee_.BlockSignals();
    Place();
    Confirm();
  } catch (const Refusal& refusal) {
    if (committed_) {
      Finish();
    } else {
      Fail(refusal);
      Undo();
    }
  }
  Enter(TRACER_STEP_RESTORE);
  RestoreScratch();
  Enter(TRACER_STEP_SETTLE);
  tracee_.Settle();
  Enter(TRACER_STEP_DETACH);
  tracee_.Detach();
  event_.stopped_ns = Word(NowNs() - since);
}

void Graft::Fail(const Refusal& refusal) {
  event_.reason = refusal.reason;
  event_.error = static_cast<uint32_t>(refusal.error);
  event_.detail = refusal.detail;
  failedStep_ = event_.step;
}

// ---- Before the call is answered -----------------------------------------------------------------------------------

void Graft::CheckStatus() {
  const std::optional<ThreadStatus> status = ReadStatus(job_.thread);
  if (!status || status->dead) throw Gone{};
  if (status->filtered && !abilities_.suspendSeccomp) throw Refusal{TRACER_SECCOMP};
  process_ = status->process;
}

void Graft::SeizeInCall() {
  Enter(TRACER_STEP_SEIZE);
  CheckStatus();
  fileFacts_ = ReadFile(0, file_.get());
  try {
    const SeizeWatch watch(job_.thread, link_.get(), StepDeadline());
    tracee_.Seize();
  } catch (const Refusal& refusal) {
    const std::optional<ThreadStatus> status = ReadStatus(job_.thread);
    if (!status || status->dead) throw Gone{};
    if (status->tracer != 0) throw Refusal{TRACER_TRACED, refusal.error, status->tracer};
    throw;
  }
  // From here the id cannot change its owner unseen. Where the kernel shows the
  // call already, what we cannot serve is refused before the driver answers it.
  if (const std::optional<PendingCall> call = ReadPendingCall(job_.thread)) {
    CheckPendingCall(call->number, call->arguments, true);
    fd_ = static_cast<int>(static_cast<uint32_t>(call->arguments[0]));
  }
  if (job_.fd >= 0) fd_ = job_.fd;
  Enter(TRACER_STEP_INTERRUPT);
  tracee_.Interrupt();
}

void Graft::CheckPendingCall(uint64_t number, const Arguments& arguments, bool firstIsKnown) {
  const int64_t shown = static_cast<int64_t>(number);
  if (number != job_.call) throw Refusal{TRACER_OTHER_CALL, 0, shown};
  for (size_t i = firstIsKnown ? 0 : 1; i < TRACER_ARGUMENTS; ++i) {
    if (((arguments[i] ^ job_.arguments[i]) & job_.masks[i]) != 0) throw Refusal{TRACER_OTHER_CALL, 0, shown};
  }
}

// ---- The thread stands still ---------------------------------------------------------------------------------------

void Graft::CheckStopped() {
  const Registers& state = tracee_.state();
  if (!state.IsNative()) throw Refusal{TRACER_FOREIGN_CODE};
  if (!state.IsBehindCall()) throw Refusal{TRACER_OTHER_CALL, 0, -1};
  Arguments arguments{};
  for (size_t i = 0; i < arguments.size(); ++i) arguments[i] = state.Argument(i);
  CheckPendingCall(state.CallNumber(), arguments, kHasFirstArgument);
  if (!tracee_.IsAtCallInstruction()) throw Refusal{TRACER_FOREIGN_CODE};
  inCall_ = true;
  if (fd_ < 0 && kHasFirstArgument) fd_ = static_cast<int>(static_cast<uint32_t>(arguments[0]));

  const int64_t result = state.Result();
  if (result < 0 && (job_.flags & TRACER_UNFINISHED) == 0) {
    throw Refusal{TRACER_CALL_FAILED, IsUnfinished(result) ? EINTR : static_cast<int>(-result)};
  }
  if (tracee_.HasUserDispatch()) throw Refusal{TRACER_USER_DISPATCH};
  if ((job_.flags & TRACER_SWAP) != 0) {
    const std::optional<FileFacts> facts = fd_ < 0 ? std::nullopt : ReadFile(job_.thread, fd_);
    if (!facts || !IsDevice(fd_)) {
      // The call was on its way while another thread's was served.
      const bool ours = facts && fileFacts_ && facts->mount == fileFacts_->mount;
      throw Refusal{ours ? uint32_t{TRACER_REPLACED} : uint32_t{TRACER_OTHER_FILE}};
    }
    old_ = *facts;
    // Inode and device are those of all open files of the node. They have to do where the file cannot be had: for a
    // thread with a table of its own before Linux 6.9.
    if (UniqueFd taken(TakeDescriptor(job_.thread, fd_)); taken.valid() && IsOpenFile(taken.get(), job_.thread, fd_)) {
      oldFile_ = std::move(taken);
    }
  }
  // Filters may have come since, from another thread; suspending is right for those still to come, too.
  CheckStatus();
  if (abilities_.suspendSeccomp) tracee_.SuspendSeccomp();
}

int64_t Graft::Call(uint64_t number, const Arguments& arguments, const std::function<void()>& last) {
  const int64_t result = tracee_.Call(number, arguments, last);
  // An ordinary error of the call is more telling than that it came late.
  if (result < 0) throw Refusal{TRACER_STEP_FAILED, static_cast<int>(-result)};
  return result;
}

void Graft::Place() {
  if ((job_.flags & TRACER_SWAP) != 0) ListFiles();
  SaveScratch();
  Deliver();
  if ((job_.flags & TRACER_SWAP) != 0) {
    SwapAll();
    CloseOwn(true);
  } else {
    event_.fds[0] = delivered_->fd;
    event_.fd_count = 1;
    CloseOwn(false);
  }
}

void Graft::Deliver() {
  Enter(TRACER_STEP_SOCKETPAIR);
  const uint64_t pairAddress = ScratchAddress(offsetof(Scratch, pair));
  Call(SYS_socketpair, {AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pairAddress});
  std::array<int32_t, 2> pair{};
  if (!tracee_.Read(pairAddress, pair.data(), sizeof pair)) throw Refusal{TRACER_NO_MEMORY};
  for (const int fd : pair) {
    const std::optional<FileFacts> facts = ReadFile(job_.thread, fd);
    if (!facts) throw Refusal{TRACER_STEP_FAILED, EBADF};
    sockets_.push_back({fd, *facts});
  }

  Enter(TRACER_STEP_TAKE);
  const UniqueFd ours(TakeDescriptor(job_.thread, pair[1]));
  if (!ours.valid()) throw Refusal{TRACER_STEP_FAILED, errno};
  const std::optional<FileFacts> facts = ReadFile(0, ours.get());
  // Another thread of the client may close what it does not know.
  if (!facts || !facts->SameInode(sockets_[1].facts)) throw Refusal{TRACER_STEP_FAILED, EBADF};
  // Or change the number in memory, to have us send something to whomever it likes.
  if (!IsPairOf(ours.get(), process_)) throw Refusal{TRACER_STEP_FAILED, ENOTSOCK};

  Enter(TRACER_STEP_SEND);
  // Nothing comes before it, and nothing takes its place: somebody to whom the client has passed its ends might send it
  // what its filters do not let it receive.
  if (UnreadBytes(ours.get()) != 0) throw Refusal{TRACER_STEP_FAILED, EBUSY};
  if (const int error = SendDescriptor(ours.get(), file_.get())) throw Refusal{TRACER_STEP_FAILED, error};
  const int unread = UnreadBytes(ours.get());

  Enter(TRACER_STEP_RECEIVE);
  Scratch scratch{};
  // SAFETY: addresses in the client, never dereferenced here.
  scratch.data.iov_base = reinterpret_cast<void*>(ScratchAddress(offsetof(Scratch, byte)));
  scratch.data.iov_len = 1;
  scratch.message.msg_iov = reinterpret_cast<iovec*>(ScratchAddress(offsetof(Scratch, data)));
  scratch.message.msg_iovlen = 1;
  scratch.message.msg_control = reinterpret_cast<void*>(ScratchAddress(offsetof(Scratch, control)));
  scratch.message.msg_controllen = sizeof scratch.control;
  if (!tracee_.Write(ScratchAddress(0), &scratch, sizeof scratch)) throw Refusal{TRACER_NO_MEMORY};
  // A descriptor that is on its way to another number must not survive an execve(2).
  const bool cloexec = (job_.flags & (TRACER_SWAP | TRACER_CLOEXEC)) != 0;
  Call(SYS_recvmsg,
       {Word(sockets_[0].fd), ScratchAddress(offsetof(Scratch, message)),
        static_cast<uint64_t>(MSG_DONTWAIT | (cloexec ? MSG_CMSG_CLOEXEC : 0))},
       [&] {
         if (UnreadBytes(ours.get()) != unread) throw Refusal{TRACER_STEP_FAILED, EBUSY};
       });
  if (!tracee_.Read(ScratchAddress(0), &scratch, sizeof scratch)) throw Refusal{TRACER_NO_MEMORY};
  cmsghdr header{};
  std::memcpy(&header, scratch.control.data(), sizeof header);
  if (header.cmsg_len != CMSG_LEN(sizeof(int)) || header.cmsg_level != SOL_SOCKET || header.cmsg_type != SCM_RIGHTS) {
    throw Refusal{TRACER_NOT_RECEIVED};
  }
  int fd = -1;
  std::memcpy(&fd, scratch.control.data() + CMSG_LEN(0), sizeof fd);
  const std::optional<FileFacts> arrived = ReadFile(job_.thread, fd);
  if (!arrived || !fileFacts_ || !arrived->SameInode(*fileFacts_)) throw Refusal{TRACER_STEP_FAILED, EBADF};
  delivered_ = Made{fd, *arrived};
  // The client's now: when it closes it, it is closed.
  file_.reset();
}

void Graft::Commit() {
  if (overdue_) throw Refusal{TRACER_STUCK};
  // A driver that has ended serves no file.
  if (IsHungUp(link_.get())) throw Refusal{TRACER_CANCELLED};
  committed_ = true;
}

bool Graft::IsDevice(int fd) const {
  return (job_.flags & TRACER_CHECK_DEVICE) == 0 || ReadDevice(job_.thread, fd) == job_.device;
}

bool Graft::IsOld(int fd) const {
  const std::optional<FileFacts> now = ReadFile(job_.thread, fd);
  if (!now || !now->SameInode(old_) || !IsDevice(fd)) return false;
  return !oldFile_.valid() || IsOpenFile(oldFile_.get(), job_.thread, fd);
}

void Graft::ListFiles() {
  const Deadline deadline = StepDeadline();
  std::optional<Descriptors> listed = ListDescriptors(job_.thread, fd_, deadline);
  if (!listed) throw Refusal{TRACER_STUCK};
  // Duplicates first found, then replaced: afterwards nothing tells that they belonged together.
  all_ = {fd_};
  for (const int other : listed->alike) {
    if (deadline.Passed()) throw Refusal{TRACER_STUCK};
    if (all_.size() == TRACER_MAX_FDS) break;
    if (SameOpenFile(job_.thread, fd_, other)) all_.push_back(other);
  }
  epolls_ = std::move(listed->epolls);
}

void Graft::SwapAll() {
  for (const int fd : all_) Swap(fd);
  oldFile_.reset();
}

void Graft::Swap(int fd) {
  const bool first = !committed_;
  int64_t result = -ECANCELED;
  try {
    Unregister(fd);
    Enter(TRACER_STEP_DUP);
    const std::optional<FileFacts> before = ReadFile(job_.thread, fd);
    const bool closeOnExec = before && before->closeOnExec;
    result = tracee_.Call(SYS_dup3,
                          {Word(delivered_->fd), Word(fd), static_cast<uint64_t>(closeOnExec ? O_CLOEXEC : 0)}, [&] {
                            // Other threads of the client run on. If they have closed it, another file may have its
                            // number, which they have just opened and would lose. What is left is the way from here
                            // into the call.
                            Enter(TRACER_STEP_LOOK);
                            if (!IsOld(fd)) throw Refusal{TRACER_OTHER_FILE};
                            if (first) Commit();
                          });
  } catch (const Refusal& refusal) {
    if (first || refusal.reason != TRACER_OTHER_FILE) throw;
    // A duplicate that has just been closed.
  }
  if (result >= 0) {
    event_.fds[event_.fd_count++] = fd;
  } else if (first) {
    committed_ = false;
    throw Refusal{TRACER_STEP_FAILED, static_cast<int>(-result)};
  }
  Register(fd, result >= 0 ? delivered_->facts : old_);
}

void Graft::Unregister(int fd) {
  Enter(TRACER_STEP_UNREGISTER);
  unregisteredFd_ = fd;
  const auto entries = ListRegistrations(job_.thread, epolls_, fd, old_.inode, StepDeadline());
  if (!entries) throw Refusal{TRACER_STUCK};
  for (const Registration& entry : *entries) {
    // It would live on as long as any duplicate of the old file does. ENOENT: an
    // older file of this number, or an epoll instance with two numbers.
    const auto check = [this, fd] {
      if (!IsOld(fd)) throw Refusal{TRACER_OTHER_FILE};
    };
    if (tracee_.Call(SYS_epoll_ctl, {Word(entry.epoll), EPOLL_CTL_DEL, Word(fd), 0}, check) == 0) {
      unregistered_.push_back(entry);
    }
  }
}

void Graft::Register(int fd, const FileFacts& file) {
  Enter(TRACER_STEP_REGISTER);
  for (const Registration& entry : unregistered_) {
    epoll_event event{};
    event.events = entry.events;
    event.data.u64 = entry.data;
    const uint64_t address = ScratchAddress(offsetof(Scratch, registration));
    const std::optional<FileFacts> now = ReadFile(job_.thread, fd);
    const bool made = now && now->SameInode(file) && tracee_.Write(address, &event, sizeof event) &&
                      tracee_.Call(SYS_epoll_ctl, {Word(entry.epoll), EPOLL_CTL_ADD, Word(fd), address}) == 0;
    ++(made ? event_.moved : event_.lost);
  }
  unregistered_.clear();
}

void Graft::CloseOwn(bool withFile) {
  Enter(TRACER_STEP_CLOSE);
  std::vector<Made> all = std::exchange(sockets_, {});
  if (withFile && delivered_) {
    all.push_back(*delivered_);
    delivered_.reset();
  }
  for (const Made& made : all) {
    // Another thread may have closed it and got the number for a file of its own.
    const auto check = [this, &made] {
      const std::optional<FileFacts> now = ReadFile(job_.thread, made.fd);
      if (!now || !now->SameInode(made.facts)) throw Refusal{TRACER_OTHER_FILE};
    };
    try {
      tracee_.Call(SYS_close, {Word(made.fd)}, check);
    } catch (const Refusal& refusal) {
      if (refusal.reason != TRACER_OTHER_FILE) throw;
    }
  }
}

void Graft::Confirm() {
  Enter(TRACER_STEP_CONFIRM);
  Report(TRACER_PLACED);
  tracer_resume answer{};
  const ssize_t size = ReceiveUntil(link_.get(), &answer, sizeof answer, Deadline::In(job_.step_ms));
  // A file that took another's place stays: there is nothing to go back to.
  if (committed_) return;
  if (size == sizeof answer && answer.error == 0) {
    const int32_t number = event_.fds[0];
    // Over what the call's own answer has just written there.
    if (job_.number_at != 0 && !tracee_.Write(job_.number_at, &number, sizeof number)) {
      job_.failure = EFAULT;
      throw Refusal{TRACER_STEP_FAILED, EFAULT};
    }
    return Commit();
  }
  if (size == sizeof answer) job_.failure = answer.error;
  throw Refusal{TRACER_CANCELLED, static_cast<int>(answer.error)};
}

void Graft::Finish() {
  // Past the point of no return the client has its file: that is a success, whatever did not succeed behind it.
  try {
    if (!unregistered_.empty()) Register(unregisteredFd_, old_);
    CloseOwn(true);
  } catch (const Refusal&) {
    // It made another call than ours, and keeps what it then has.
  }
  Confirm();
}

void Graft::Undo() {
  event_.fd_count = 0;
  try {
    if (!unregistered_.empty()) {
      Register(unregisteredFd_, old_);
      event_.moved = 0;
    }
    CloseOwn(true);
  } catch (const Refusal& another) {
    // A thread that has made another call than ours makes no more for us, and keeps what it then has.
    if (!tracee_.strayed()) Fail(another);
  }
  file_.reset();
  oldFile_.reset();
  const bool succeeded = inCall_ && tracee_.state().Result() >= 0;
  const bool fails = job_.failure != 0 && succeeded && event_.reason != TRACER_REPLACED;
  if (fails) tracee_.SetResult(-int64_t{job_.failure});
  // The driver takes back what the call has made, before the client can see that it failed; and it closes the file,
  // before the client can close its own and find that there is another yet.
  Report(fails ? TRACER_UNDONE : TRACER_UNPLACED);
  tracer_resume ignored{};
  ReceiveUntil(link_.get(), &ignored, sizeof ignored, StepDeadline());
}

// ---- Scratch memory ------------------------------------------------------------------------------------------------

uint64_t Graft::ScratchAddress(size_t offset) const {
  // The state is that of the first stop and does not change.
  uint64_t top = (tracee_.state().StackPointer() - kRedZone) & ~(kStackAlignment - 1);
  // All in one page: socketpair(2) fails unless the thread may write to it, before we write there, which nothing stops.
  if (top % kPage != 0 && top % kPage < kScratchSize) top -= top % kPage;
  return top - kScratchSize + offset;
}

void Graft::SaveScratch() {
  scratch_.assign(kScratchSize, 0);
  // The stack may not have grown so far yet: what is not there is as good as zero.
  static_cast<void>(tracee_.Read(ScratchAddress(0), scratch_.data(), scratch_.size()));
}

void Graft::RestoreScratch() {
  if (scratch_.empty()) return;
  static_cast<void>(tracee_.Write(ScratchAddress(0), scratch_.data(), scratch_.size()));
}

}  // namespace v4l2cuse::tracer
