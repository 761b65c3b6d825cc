// What the numbers of the protocol are to libswscale.
#pragma once

#include <cstdint>

extern "C" {
#include <libavutil/pixfmt.h>
}

namespace v4l2cuse::convert
{

enum class Kind {
	kPixels,
	kGrey, // luma only, whose range is that of Y'CbCr: libswscale takes grey for full range, so it sees chroma, too
	kJpeg,
	kPng,
};

struct Format {
	AVPixelFormat pixels = AV_PIX_FMT_NONE; // of compressed ones none
	Kind kind = Kind::kPixels;
	bool hasVFirst = false; // planes 1 and 2 change places
};

// Null: there is none.
const Format *FindFormat(uint32_t number);

} // namespace v4l2cuse::convert
