// The system calls that a CUSE driver needs and Node.js lacks. No policy here:
// what each function is for is documented where it is typed, in src/native.ts.
#include <napi.h>
#include <unistd.h>

#include "addon-data.h"
#include "channel.h"
#include "descriptor.h"
#include "file-opener.h"
#include "fuse.h"
#include "ioctl.h"
#include "mappings.h"
#include "mounts.h"
#include "process.h"
#include "shared-memory.h"
#include "unix-socket.h"

namespace v4l2cuse {
namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData;
  env.SetInstanceData(data);  // Deleted with the environment.
  data->ownedFd = Napi::Persistent(OwnedFd::Define(env));

  exports.Set("Channel", Channel::Define(env));
  exports.Set("SharedMemory", SharedMemory::Define(env));
  exports.Set("pageBytes", Napi::Number::New(env, static_cast<double>(::sysconf(_SC_PAGESIZE))));
  exports.Set("createMemfd", Napi::Function::New<CreateMemfd>(env, "createMemfd"));
  exports.Set("punchHole", Napi::Function::New<PunchHole>(env, "punchHole"));
  exports.Set("isHeldElsewhere", Napi::Function::New<IsHeldElsewhere>(env, "isHeldElsewhere"));
  exports.Set("familyMappings", Napi::Function::New<FamilyMappings>(env, "familyMappings"));
  exports.Set("processRead", Napi::Function::New<ProcessRead>(env, "processRead"));
  exports.Set("processWrite", Napi::Function::New<ProcessWrite>(env, "processWrite"));
  exports.Set("takeFd", Napi::Function::New<TakeFd>(env, "takeFd"));
  exports.Set("sameFile", Napi::Function::New<SameFile>(env, "sameFile"));
  exports.Set("inspectFd", Napi::Function::New<InspectFd>(env, "inspectFd"));
  exports.Set("sendFd", Napi::Function::New<SendFd>(env, "sendFd"));
  exports.Set("socketPeer", Napi::Function::New<SocketPeer>(env, "socketPeer"));
  exports.Set("createDmabuf", Napi::Function::New<CreateDmabuf>(env, "createDmabuf"));
  exports.Set("receiveFd", Napi::Function::New<ReceiveFd>(env, "receiveFd"));
  exports.Set("mountFuse", Napi::Function::New<MountFuse>(env, "mountFuse"));
  exports.Set("readReady", Napi::Function::New<ReadReady>(env, "readReady"));
  exports.Set("openFileFacts", Napi::Function::New<OpenFileFacts>(env, "openFileFacts"));
  exports.Set("startOpener", Napi::Function::New<StartOpener>(env, "startOpener"));
  exports.Set("socketPair", Napi::Function::New<SocketPair>(env, "socketPair"));
  exports.Set("sendMessage", Napi::Function::New<SendMessage>(env, "sendMessage"));
  exports.Set("sendDatagram", Napi::Function::New<SendDatagram>(env, "sendDatagram"));
  exports.Set("ioctl", Napi::Function::New<Ioctl>(env, "ioctl"));
  exports.Set("unshareMounts", Napi::Function::New<UnshareMounts>(env, "unshareMounts"));
  exports.Set("mount", Napi::Function::New<Mount>(env, "mount"));
  exports.Set("unmount", Napi::Function::New<Unmount>(env, "unmount"));
  exports.Set("dropAmbientCapabilities", Napi::Function::New<DropAmbientCapabilities>(env, "dropAmbientCapabilities"));
  return exports;
}

}  // namespace
}  // namespace v4l2cuse

using v4l2cuse::Init;
NODE_API_MODULE(v4l2_cuse, Init)
