#include "mappings.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "addon-data.h"
#include "arguments.h"
#include "error.h"
#include "foreign-worker.h"
#include "unique-fd.h"

namespace v4l2cuse {
namespace {

// A process may have any number of children and of mappings: so many are looked at.
constexpr size_t kMostProcesses = 64;
constexpr size_t kMostThreads = 256;
constexpr size_t kMostBytes = 8 * 1024 * 1024;

// The whole of a file below /proc. 0, or an errno.
int ReadAll(const std::string& path, std::string* text) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno;
  std::array<char, 32 * 1024> piece{};
  while (text->size() < kMostBytes) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0) return errno;
    if (got == 0) break;
    text->append(piece.data(), static_cast<size_t>(got));
  }
  return 0;
}

void AppendMatches(const std::string& maps, const std::vector<std::string>& names, std::string* lines) {
  for (const std::string& name : names) {
    for (size_t at = maps.find(name); at != std::string::npos; at = maps.find(name, at)) {
      const size_t begin = maps.rfind('\n', at) + 1;  // npos + 1 is 0: the first line
      const size_t end = std::min(maps.find('\n', at), maps.size() - 1);
      lines->append(maps, begin, end + 1 - begin);
      at = end;
    }
  }
}

// The processes that the threads of `tid`'s process have started and that still run. Kernels without
// CONFIG_PROC_CHILDREN do not tell.
void AppendChildren(pid_t tid, std::vector<pid_t>* processes) {
  const std::string folder = "/proc/" + std::to_string(tid) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> threads(::opendir(folder.c_str()), ::closedir);
  size_t seen = 0;
  while (const dirent* thread = threads ? ::readdir(threads.get()) : nullptr) {
    if (thread->d_name[0] == '.') continue;
    if (++seen > kMostThreads) return;
    std::string children;
    if (ReadAll(folder + "/" + thread->d_name + "/children", &children) != 0) continue;
    const char* at = children.c_str();
    char* end = nullptr;
    for (long child = std::strtol(at, &end, 10); end != at; child = std::strtol(at, &end, 10)) {
      if (processes->size() >= kMostProcesses) return;
      processes->push_back(static_cast<pid_t>(child));
      at = end;
    }
  }
}

}  // namespace

int FindMappings(pid_t tid, const std::vector<std::string>& names, std::string* lines, size_t* readBytes) {
  std::vector<pid_t> processes{tid};
  for (size_t next = 0; next < processes.size(); ++next) {
    const pid_t process = processes[next];
    std::string maps;
    const int error = ReadAll("/proc/" + std::to_string(process) + "/maps", &maps);
    if (error != 0 && next == 0) return error;
    *readBytes += maps.size();
    AppendMatches(maps, names, lines);
    AppendChildren(process, &processes);
  }
  return 0;
}

Napi::Value FamilyMappings(const Napi::CallbackInfo& info) {
  static constexpr const char* kUsage = "familyMappings(tid, uid, names)";
  const Napi::Env env = info.Env();
  const auto task = std::make_shared<ForeignTask>();
  task->action = ForeignTask::Action::kFindMappings;
  task->pid = PidArgument(info, 0, kUsage);
  const uid_t uid = Uint32Argument(info, 1, kUsage);
  if (!info[2].IsArray()) throw Napi::TypeError::New(env, kUsage);
  const auto names = info[2].As<Napi::Array>();
  for (uint32_t index = 0; index < names.Length(); ++index) {
    const Napi::Value name = names[index];
    if (!name.IsString()) throw Napi::TypeError::New(env, kUsage);
    task->names.push_back(name.As<Napi::String>().Utf8Value());
  }
  const ForeignOutcome outcome = env.GetInstanceData<AddonData>()->workers.Run(uid, task);
  if (outcome.error != 0) throw SystemError(env, outcome.syscall, outcome.error);
  Napi::Object result = Napi::Object::New(env);
  result.Set("lines", task->lines);
  result.Set("readBytes", static_cast<double>(task->readBytes));
  return result;
}

}  // namespace v4l2cuse
