#include "mappings.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace v4l2cuse::tracer {
namespace {

using std::chrono::milliseconds;

// How long one process may let us wait, and all together.
constexpr milliseconds kPatience{300};
constexpr milliseconds kLimit{5000};

std::vector<pid_t> NumbersIn(const std::string& folder) {
  std::vector<pid_t> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), ::closedir);
  if (!directory) return found;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (const int number = std::atoi(entry->d_name); number > 0) found.push_back(number);
  }
  return found;
}

// What the threads share; it outlives main()'s interest in them.
struct Search {
  std::vector<std::string> names;
  std::vector<pid_t> processes;
  std::mutex mutex;
  std::condition_variable changed;
  size_t next = 0;      // in `processes`
  unsigned worker = 0;  // the one whose work counts; others came too late
  bool done = false;
  std::string found;
};

// False when there is no memory to see: a kernel thread, or a first thread that has ended.
bool Look(const Search& search, const std::string& path, std::string& found) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return false;
  char* line = nullptr;
  size_t capacity = 0;
  bool any = false;
  while (::getline(&line, &capacity, file.get()) > 0) {
    any = true;
    const std::string text(line);
    const auto isIn = [&text](const std::string& name) { return text.find(name) != std::string::npos; };
    if (std::any_of(search.names.begin(), search.names.end(), isIn)) found += text;
  }
  std::free(line);
  return any;
}

void Work(const std::shared_ptr<Search>& search, unsigned worker) {
  std::unique_lock lock(search->mutex);
  while (search->worker == worker && search->next < search->processes.size()) {
    const pid_t process = search->processes[search->next];
    lock.unlock();
    const std::string folder = "/proc/" + std::to_string(process);
    std::string found;
    if (!Look(*search, folder + "/maps", found)) {
      for (const pid_t thread : NumbersIn(folder + "/task")) {
        if (thread != process && Look(*search, folder + "/task/" + std::to_string(thread) + "/maps", found)) break;
      }
    }
    lock.lock();
    if (search->worker != worker) return;
    search->found += found;
    ++search->next;
    search->changed.notify_one();
  }
  if (search->worker == worker) {
    search->done = true;
    search->changed.notify_one();
  }
}

}  // namespace

int PrintMappings(pid_t except, std::vector<std::string> names) {
  const auto search = std::make_shared<Search>();
  search->names = std::move(names);
  search->processes = NumbersIn("/proc");
  auto& processes = search->processes;
  processes.erase(std::remove_if(processes.begin(), processes.end(),
                                 [except](pid_t process) { return process == except || process == ::getpid(); }),
                  processes.end());

  const auto end = std::chrono::steady_clock::now() + kLimit;
  std::unique_lock lock(search->mutex);
  std::thread(Work, search, search->worker).detach();
  while (!search->done && std::chrono::steady_clock::now() < end) {
    const size_t before = search->next;
    search->changed.wait_for(lock, kPatience, [&] { return search->done || search->next != before; });
    if (search->done || search->next != before) continue;
    // Stuck: whoever waits goes on waiting, another does the rest.
    ++search->next;
    ++search->worker;
    std::thread(Work, search, search->worker).detach();
  }
  std::fwrite(search->found.data(), 1, search->found.size(), stdout);
  std::fflush(stdout);
  return 0;
}

}  // namespace v4l2cuse::tracer
