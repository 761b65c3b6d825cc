// v4l2-cuse-convert: converts pictures for a device (src/convert). Started by the driver, which it serves over a socket;
// protocol.h has the messages. What it converts is hostile, so it has nothing that it does not need (../worker/confine.h),
// and when it ends, the driver starts another one.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

extern "C" {
#include <libavutil/log.h>
}

#include "../worker/confine.h"
#include "../worker/orders.h"
#include "conversion.h"
#include "memory.h"
#include "protocol.h"

namespace v4l2cuse::convert
{
namespace
{

using worker::Order;

static_assert(CONVERT_IS_NOBODY == WORKER_IS_NOBODY && CONVERT_IS_FILTERED == WORKER_IS_FILTERED);

// A picture of 8192 x 8192 pixels in several forms, and the guards of all memories.
constexpr size_t kMostData = size_t{2} << 30;

class Worker
{
      public:
	int Serve(uint32_t features)
	{
		const convert_hello hello{CONVERT_PROTOCOL, features};
		return worker::ServeOrders("v4l2-cuse-convert", hello, message_,
					   [this](const Order &order) { return Obey(order); });
	}

      private:
	bool Obey(const Order &order)
	{
		uint32_t kind = 0;
		if (!order.Read(&kind, false))
			return false;
		convert_memory memory{};
		convert_forget forget{};
		convert_job job{};
		switch (kind) {
		case CONVERT_MEMORY:
			return order.Read(&memory) && memories_.Fill(memory, order.fd.get());
		case CONVERT_FORGET:
			return order.Read(&forget) && memories_.Forget(forget);
		case CONVERT_JOB:
			return order.Read(&job) && Run(job);
		default:
			return false;
		}
	}

	bool Run(const convert_job &job)
	{
		convert_answer answer{job.serial, CONVERT_NO_MEMORY, 0};
		try {
			if (!conversion_.Run(job, memories_, &answer))
				return false;
		} catch (const std::bad_alloc &) {
			answer.status = CONVERT_NO_MEMORY;
		}
		if (WasFileShort())
			answer.status = CONVERT_NO_MEMORY;
		return worker::Send(&answer, sizeof answer);
	}

	std::array<uint8_t, std::max({sizeof(convert_job), sizeof(convert_forget), sizeof(convert_memory)})> message_{};
	Memories memories_;
	Conversion conversion_;
};

} // namespace
} // namespace v4l2cuse::convert

int main(int count, char **arguments)
{
	using namespace v4l2cuse;
	if (count > 1 && std::strcmp(arguments[1], "--probe") == 0)
		return worker::Probe();
	if (!convert::OutliveShortFiles())
		return 1;
	const uint32_t features = worker::Confine(convert::kMostData);
	av_log_set_level(AV_LOG_QUIET);
	const auto worker = std::make_unique<convert::Worker>();
	return worker->Serve(features);
}
