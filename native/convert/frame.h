// Pictures as libswscale sees them, wherever they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" {
#include <libavutil/pixfmt.h>
}

#include "memory.h"

namespace v4l2cuse::convert
{

constexpr size_t kPlanes = 4;

// How colours are coded.
struct Colours {
	uint32_t matrix = CONVERT_BT601;
	bool isFull = false;
};

// Borrowed memory.
struct Frame {
	AVPixelFormat format = AV_PIX_FMT_NONE;
	int width = 0; // pixels
	int height = 0;
	Colours colours;
	std::array<uint8_t *, kPlanes> data{};
	std::array<int, kPlanes> stride{};
};

struct Area {
	int left = 0;
	int top = 0;
	int width = 0;
	int height = 0;
};

// A part of it. Formats that share chroma have it begin at even pixels and lines.
Frame Part(const Frame &whole, const Area &area);

// Makes everything outside of the area black.
void BlackenAround(const Frame &frame, const Area &area);

// Lines of a plane.
int RowsOf(const Frame &frame, size_t plane);
// Bytes of a line that hold pixels.
int LineBytes(const Frame &frame, size_t plane);

// Pictures of our own, whose lines have room behind them. Kept from job to job.
class Scratch
{
      public:
	// @throws std::bad_alloc
	Frame Take(AVPixelFormat format, int width, int height, Colours colours);

      private:
	std::vector<uint8_t> bytes_;
};

// Chroma for formats that have none: it is read as no colour, or written and never read.
class ChromaPlane
{
      public:
	// Gives the frame its planes 1 and 2, which are one. Without colour, if nobody has written to it.
	// @throws std::bad_alloc
	void AddTo(Frame *frame);

      private:
	AVPixelFormat format_ = AV_PIX_FMT_NONE;
	std::vector<uint8_t> bytes_;
};

// Copies pixels between frames of one format and size.
void CopyFrame(const Frame &from, const Frame &to);

// The same for a picture of separate chroma, 8 bits, into one of interleaved chroma with the same samples.
void InterleaveFrame(const Frame &from, const Frame &to);
// And back.
void SeparateFrame(const Frame &from, const Frame &to);

} // namespace v4l2cuse::convert
