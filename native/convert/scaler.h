// Pixels from one format, size and colour coding to another: libswscale.
#pragma once

#include <array>
#include <memory>

#include "frame.h"

struct SwsContext;

namespace v4l2cuse::convert
{

class Scaler
{
      public:
	// Fills `to`, and perhaps a few bytes behind its lines. False: libswscale has no memory, or no way.
	bool Scale(const Frame &from, const Frame &to, bool isFast);

      private:
	struct Free {
		void operator()(SwsContext *context) const;
	};
	// Of so many conversions the tables are kept.
	struct Prepared {
		Frame from;
		Frame to;
		bool isFast = false;
		std::unique_ptr<SwsContext, Free> context;
	};
	static bool IsFor(const Prepared &prepared, const Frame &from, const Frame &to, bool isFast);
	static std::unique_ptr<SwsContext, Free> Prepare(const Frame &from, const Frame &to, bool isFast);

	std::array<Prepared, 8> prepared_{}; // the one used last first
};

} // namespace v4l2cuse::convert
