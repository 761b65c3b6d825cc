// What processes have mapped, as /proc/<pid>/maps shows it.
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace v4l2cuse {

// Appends the lines of /proc/<tid>/maps in which one of `names` occurs, and the
// same of the process's descendants, which may have inherited a mapping; adds to
// `readBytes` how much had to be read. Waits for a process whose memory is busy:
// for foreign-worker.h. 0, or an errno.
int FindMappings(pid_t tid, const std::vector<std::string>& names, std::string* lines, size_t* readBytes);

// familyMappings(tid, uid, names): { lines, readBytes }
Napi::Value FamilyMappings(const Napi::CallbackInfo& info);

}  // namespace v4l2cuse
