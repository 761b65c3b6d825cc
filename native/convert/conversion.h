// One conversion after another, of pictures whose places the driver has said.
#pragma once

#include <cstdint>

#include "formats.h"
#include "frame.h"
#include "images.h"
#include "memory.h"
#include "scaler.h"

namespace v4l2cuse::convert
{

class Conversion
{
      public:
	// False: the job makes no sense. What libraries find out is the status.
	// @throws std::bad_alloc
	bool Run(const convert_job &job, const Memories &memories, convert_answer *answer);

      private:
	// A picture in memory: pixels, or room for what is compressed.
	struct Place {
		const Format *format = nullptr;
		Frame frame;
		uint8_t *bytes = nullptr;
		size_t size = 0;
	};
	bool Find(const convert_picture &picture, const Memories &memories, bool isToWrite, Place *place);
	bool FindPlanes(const convert_picture &picture, const GuardedMemory &memory, Place *place);

	uint32_t Convert(const convert_job &job, Place &from, Place &to, uint32_t *bytes);
	uint32_t Compress(const convert_job &job, const Frame &from, bool isGrey, const Place &to, uint32_t *bytes);
	bool Fill(const convert_job &job, const Frame &from, const Frame &to);
	bool Draw(const convert_job &job, const Frame &from, const Frame &to);
	bool Grey(const convert_job &job, const Frame &from, const Frame &to);
	bool DrawInside(const convert_job &job, const Frame &from, const Frame &to);

	Images images_;
	Scaler scaler_;
	Scratch unpacked_;  // what is to be compressed
	Scratch aside_;     // a destination whose lines have no room behind them
	Scratch separated_; // a source that libswscale does not read
	Scratch grey_;
	ChromaPlane fromChroma_;
	ChromaPlane toChroma_;
};

} // namespace v4l2cuse::convert
