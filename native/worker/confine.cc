#include "confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <vector>

namespace v4l2cuse::worker
{
namespace
{

constexpr uid_t kNobody = 65534;

// Descriptors 0 to 2, and one that arrives with a message.
constexpr rlim_t kMostFiles = 4;

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "The filter of system calls does not know this processor"
#endif

[[noreturn]] void Die(const char *what)
{
	std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, std::strerror(errno));
	std::_Exit(1);
}

bool BecomeNobody()
{
	if (::geteuid() != 0)
		return false;
	// In a user namespace of a user there may be no other.
	if (::setgroups(0, nullptr) != 0 && errno != EPERM)
		return false;
	if (::setresgid(kNobody, kNobody, kNobody) != 0)
		return false;
	if (::setresuid(kNobody, kNobody, kNobody) != 0)
		Die("setresuid");
	return true;
}

void Limit(int resource, rlim_t most)
{
	rlimit now{};
	if (::getrlimit(static_cast<__rlimit_resource>(resource), &now) != 0)
		Die("getrlimit");
	if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
		most = now.rlim_max;
	const rlimit limit{most, most};
	if (::setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0)
		Die("setrlimit");
}

// Allowed whatever their arguments: they reach nothing but this process and its socket.
constexpr std::array kAllowed = {
	__NR_read,        __NR_write,         __NR_recvmsg,         __NR_sendmsg,           __NR_sendto,
	__NR_close,       __NR_munmap,        __NR_mremap,          __NR_madvise,           __NR_brk,
	__NR_futex,       __NR_exit,          __NR_exit_group,      __NR_rt_sigreturn,      __NR_rt_sigprocmask,
	__NR_sigaltstack, __NR_clock_gettime, __NR_gettimeofday,    __NR_getrandom,         __NR_sched_yield,
	__NR_getpid,      __NR_gettid,        __NR_restart_syscall, __NR_sched_getaffinity,
};

// Allowed unless they ask for memory that can be executed: the third argument is the protection.
constexpr std::array kNotExecutable = {__NR_mmap, __NR_mprotect};

sock_filter Statement(uint16_t code, uint32_t k)
{
	return {code, 0, 0, k};
}
sock_filter Jump(uint16_t code, uint32_t k, size_t yes, size_t no)
{
	return {code, static_cast<uint8_t>(yes), static_cast<uint8_t>(no), k};
}

// What is refused is EPERM: a library that only asks, for the number of processors say, goes on without.
void FilterCalls()
{
	std::vector<sock_filter> program = {
		Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
		Jump(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
		Statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
	};
	for (const auto call : kAllowed) {
		program.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1));
		program.push_back(Statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	}
	for (const auto call : kNotExecutable) {
		program.push_back(Jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 4));
		program.push_back(
			Statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 2 * sizeof(uint64_t)));
		program.push_back(Jump(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0));
		program.push_back(Statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
		program.push_back(Statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
	}
	program.push_back(Statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
	const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
	if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		Die("seccomp");
}

// What the driver was started with and did not know of is none of ours. (Kernels before 5.9 lack the call; then only
// what the driver opened, which is closed by its flag, stays out.)
void CloseOthers()
{
#ifdef __NR_close_range
	::syscall(__NR_close_range, STDERR_FILENO + 1, ~0U, 0);
#endif
}

// True, and a line on standard output, when `result` says that the call failed.
bool Refused(const char *what, long result)
{
	const int error = errno;
	std::printf("%s %s\n", result < 0 ? "refused" : "ALLOWED", what);
	if (result < 0 && error != EPERM)
		std::printf("  with errno %d\n", error);
	return result < 0;
}

} // namespace

uint32_t Confine(size_t mostData)
{
	uint32_t features = 0;
	if (::chdir("/") != 0)
		Die("chdir");
	CloseOthers();
	if (BecomeNobody())
		features |= WORKER_IS_NOBODY;
	if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		Die("no_new_privs");
	if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		Die("dumpable");
	// After the change of user, which would undo it. The driver may be gone by now: then reading says so.
	if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		Die("pdeathsig");
	Limit(RLIMIT_CORE, 0);
	// What is written to a file then, standard error say, is lost, and that is all.
	if (::signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		Die("signal");
	Limit(RLIMIT_FSIZE, 0);
	Limit(RLIMIT_NPROC, 0);
	Limit(RLIMIT_MEMLOCK, 0);
	Limit(RLIMIT_NOFILE, kMostFiles);
	Limit(RLIMIT_DATA, mostData);
	FilterCalls();
	return features | WORKER_IS_FILTERED;
}

int Probe()
{
	Confine(kMostData);
	const int file = STDIN_FILENO;
	char *const nothing[] = {nullptr};
	bool fine = true;
	fine &= Refused("open a file", ::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	fine &= Refused("make a file", ::open("/tmp/v4l2-cuse-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	fine &= Refused("make a socket", ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	fine &= Refused("make a unix socket", ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	fine &= Refused("start a process", ::syscall(__NR_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
	fine &= Refused("start a program", ::execve("/bin/true", nothing, nothing));
	fine &= Refused("signal another process", ::kill(::getppid(), 0));
	fine &= Refused("trace another process", ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr));
	fine &= Refused("become root", ::setuid(0));
	fine &= Refused("control a device", ::syscall(__NR_ioctl, file, 0, nullptr));
	fine &= Refused("duplicate a descriptor", ::fcntl(file, F_DUPFD, 0));
	fine &= Refused("truncate a file", ::ftruncate(file, 0));
	fine &= Refused("execute memory",
			::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
				? -1
				: 0);
	fine &= Refused("take all memory", ::mmap(nullptr, size_t{8} << 30, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
						   ? -1
						   : 0);
	std::fflush(stdout);
	return fine ? 0 : 1;
}

} // namespace v4l2cuse::worker
