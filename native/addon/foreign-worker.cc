#include "foreign-worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "descriptor.h"
#include "mappings.h"
#include "process.h"

// The same numbers on every architecture; older headers lack them.
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace v4l2cuse {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// What one user may cost the others: so much at once,
constexpr milliseconds kPatience{1000};
// and one part in so many of the time that passes.
constexpr int kRecovery = 20;
// How long we wait before we look why it takes so long. Shorter waits are held
// against nobody: other calls of a client can keep us as busy.
constexpr milliseconds kSlice{20};
// To close what a descriptor usually is takes less.
constexpr milliseconds kMoment{1};
constexpr size_t kMostPerUser = 4;
constexpr size_t kMost = 64;
constexpr size_t kStackBytes = 256 * 1024;

// The threads' own numbers, once their table is their own.
constexpr int kResults = 0;

// 0 when the descriptor is of that kind, else the errno to refuse it with. Asks
// nothing of the file's own file system, see Inspect().
int CheckKind(int fd, ForeignKind kind) {
  if (kind == ForeignKind::kMemory) return Inspect(fd).error;
  int domain = 0;
  socklen_t length = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0) return errno;
  return domain == AF_UNIX ? 0 : ENOTSOCK;
}

// All that yields no descriptor.
void Look(ForeignTask& task) {
  if (task.action == ForeignTask::Action::kFindMappings) {
    task.syscall = "open";
    task.error = FindMappings(task.pid, task.names, &task.lines, &task.readBytes);
    return;
  }
  const bool reads = task.action == ForeignTask::Action::kReadMemory;
  task.syscall = reads ? "process_vm_readv" : "process_vm_writev";
  task.error = CopyProcessMemory(task.pid, task.address, task.bytes.data(), task.bytes.size(), reads);
}

// The descriptor, which the caller closes: that may last. Invalid: see task.error.
UniqueFd TakeFile(ForeignTask& task) {
  const UniqueFd pidfd = OpenProcess(task.pid);
  task.syscall = "pidfd_open";
  if (!pidfd.valid()) {
    task.error = errno;
    return {};
  }
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), task.number, 0)));
  task.syscall = "pidfd_getfd";
  if (!fd.valid()) {
    task.error = errno;
    return fd;
  }
  task.syscall = task.kind == ForeignKind::kMemory ? "inspect" : "getsockopt";
  task.error = CheckKind(fd.get(), task.kind);
  return fd;
}

}  // namespace

class ForeignWorkers::Worker {
 public:
  explicit Worker(uid_t user) noexcept : uid(user) {}

  // 0, or an errno.
  static int Start(const std::shared_ptr<Worker>& worker) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) return errno;
    worker->results = UniqueFd(ends[0]);
    worker->theirEnd_ = ends[1];

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // Inherited by the thread: signals are for the others, they would interrupt its calls.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    auto own = std::make_unique<std::shared_ptr<Worker>>(worker);
    pthread_t thread{};
    const int error = pthread_create(&thread, &attributes, &Worker::Main, own.get());
    // SAFETY: the thread deletes it.
    if (error == 0) static_cast<void>(own.release());
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);

    int failure = error;
    if (error == 0) {
      std::unique_lock<std::mutex> lock(worker->mutex_);
      worker->changed_.wait(lock, [&] { return worker->state_ != State::kStarting; });
      failure = worker->startError_;
    }
    ::close(ends[1]);
    return failure;
  }

  // Is it idle, or within a moment if it has only just answered?
  bool WaitIdle() {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto isIdle = [&] { return state_ == State::kIdle; };
    if (state_ == State::kCleaning && Clock::now() - answered_ < kSlice)
      return changed_.wait_for(lock, kMoment, isIdle);
    return isIdle();
  }

  // What is left of `patience`; nothing when the task is not done. It is then the worker's alone.
  milliseconds Do(const std::shared_ptr<ForeignTask>& task, milliseconds patience) {
    std::unique_lock<std::mutex> lock(mutex_);
    task_ = task;
    isAbandoned_ = false;
    state_ = State::kWorking;
    changed_.notify_all();
    while (!changed_.wait_for(lock, kSlice, [&] { return state_ != State::kWorking; })) {
      // It may be us whom the machine has no time for. That is nobody's fault.
      if (!IsAsleep()) continue;
      patience -= kSlice;
      if (patience > milliseconds{0}) continue;
      isAbandoned_ = true;
      return milliseconds{0};
    }
    return patience;
  }

  void Stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    isStopped_ = true;
    changed_.notify_all();
  }

  // For whom it works.
  uid_t uid;
  // Where the descriptors that it took arrive.
  UniqueFd results;

 private:
  enum class State { kStarting, kIdle, kWorking, kCleaning };

  // Does the thread wait for something else than the processor?
  bool IsAsleep() const {
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", static_cast<int>(tid_));
    const UniqueFd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
    std::array<char, 64> text{};
    if (!file.valid() || ::read(file.get(), text.data(), text.size() - 1) <= 0) return true;
    // "123 (name) S ...": the name may hold anything.
    const char* end = std::strrchr(text.data(), ')');
    return end == nullptr || end[1] == '\0' || end[2] != 'R';
  }

  static void* Main(void* argument) {
    // SAFETY: Start() gave it up to this thread.
    const std::unique_ptr<std::shared_ptr<Worker>> own(static_cast<std::shared_ptr<Worker>*>(argument));
    const std::shared_ptr<Worker> worker = *own;
    worker->Serve();
    return nullptr;
  }

  // With a table of its own, closing can keep nobody else's descriptors open: when
  // the process is killed, /dev/cuse goes at once although this thread is held up.
  int TakeOwnTable() const {
    if (::unshare(CLONE_FILES) < 0) return errno;
    if (theirEnd_ != kResults && ::dup2(theirEnd_, kResults) < 0) return errno;
    return ::syscall(SYS_close_range, kResults + 1, UINT_MAX, 0) < 0 ? errno : 0;
  }

  void Serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    tid_ = static_cast<pid_t>(::syscall(SYS_gettid));
    startError_ = TakeOwnTable();
    state_ = startError_ == 0 ? State::kIdle : State::kCleaning;
    changed_.notify_all();
    if (startError_ != 0) return;
    for (;;) {
      changed_.wait(lock, [&] { return state_ == State::kWorking || isStopped_; });
      if (state_ != State::kWorking) return;
      const std::shared_ptr<ForeignTask> task = std::move(task_);
      lock.unlock();
      UniqueFd fd;
      if (task->action == ForeignTask::Action::kTakeFd) {
        fd = TakeFile(*task);
      } else {
        Look(*task);
      }
      lock.lock();
      // Nobody would take it out of the socket again.
      if (!isAbandoned_ && task->error == 0 && fd.valid()) task->error = SendFile(kResults, fd.get(), MSG_DONTWAIT);
      state_ = fd.valid() ? State::kCleaning : State::kIdle;
      answered_ = Clock::now();
      changed_.notify_all();
      if (!fd.valid()) continue;
      lock.unlock();
      fd.reset();  // May last.
      lock.lock();
      state_ = State::kIdle;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kStarting;
  Clock::time_point answered_;
  bool isAbandoned_ = false;
  bool isStopped_ = false;
  int startError_ = 0;
  int theirEnd_ = -1;
  pid_t tid_ = 0;
  std::shared_ptr<ForeignTask> task_;
};

// What the user has left, after some time has passed.
ForeignWorkers::User& ForeignWorkers::Remembered(uid_t uid) {
  const auto now = Clock::now();
  const auto found = users_.try_emplace(uid, User{kPatience, now}).first;
  User& user = found->second;
  const auto passed = std::chrono::duration_cast<milliseconds>(now - user.since);
  // A shorter time counts with the next call.
  if (passed.count() < kRecovery) return user;
  user.patience = std::min(kPatience, user.patience + passed / kRecovery);
  user.since = now;
  return user;
}

ForeignWorkers::~ForeignWorkers() {
  for (const auto& worker : workers_) worker->Stop();
}

std::shared_ptr<ForeignWorkers::Worker> ForeignWorkers::IdleWorker(uid_t uid, int* error) {
  size_t busy = 0;
  std::shared_ptr<Worker> found;
  for (const auto& worker : workers_) {
    if (worker->WaitIdle()) {
      if (!found) found = worker;
    } else if (worker->uid == uid) {
      ++busy;
    }
  }
  if (busy >= kMostPerUser || (!found && workers_.size() >= kMost)) {
    *error = ETIMEDOUT;
    return nullptr;
  }
  if (found) {
    found->uid = uid;
    return found;
  }
  auto worker = std::make_shared<Worker>(uid);
  *error = Worker::Start(worker);
  if (*error != 0) return nullptr;
  workers_.push_back(worker);
  return worker;
}

ForeignOutcome ForeignWorkers::Run(uid_t uid, const std::shared_ptr<ForeignTask>& task, UniqueFd* taken) {
  User& user = Remembered(uid);
  if (user.patience < kSlice) return {ETIMEDOUT};
  int error = 0;
  std::shared_ptr<Worker> worker = IdleWorker(uid, &error);
  // They may be about to end what they did before.
  for (auto wait = kSlice; !worker && error == ETIMEDOUT && wait > milliseconds{0}; wait -= milliseconds{5}) {
    user.patience -= milliseconds{5};
    std::this_thread::sleep_for(milliseconds{5});
    worker = IdleWorker(uid, &error);
  }
  if (!worker) return {error};
  user.patience = worker->Do(task, user.patience);
  user.since = Clock::now();
  if (user.patience <= milliseconds{0}) return {ETIMEDOUT};
  if (taken != nullptr && task->error == 0) *taken = ReceiveFile(worker->results.get(), &task->error);
  return {task->error, task->syscall};
}

int64_t UserOf(pid_t pid) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/status", static_cast<int>(pid));
  const std::unique_ptr<FILE, int (*)(FILE*)> status(std::fopen(path.data(), "re"), std::fclose);
  if (!status) {
    if (errno == ENOENT) errno = ESRCH;
    return -1;
  }
  std::array<char, 256> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), status.get()) != nullptr) {
    unsigned user = 0;
    if (std::sscanf(line.data(), "Uid: %u", &user) == 1) return user;
  }
  errno = ESRCH;
  return -1;
}

}  // namespace v4l2cuse
