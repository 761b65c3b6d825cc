// Compressed pictures. What is read is hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "frame.h"

namespace v4l2cuse::convert
{

class Images
{
      public:
	Images();
	Images(const Images &) = delete;
	Images &operator=(const Images &) = delete;
	~Images();

	// Reads a picture of its own size; false: it cannot be read. The bytes are copied first: a client may change them
	// meanwhile. The frame is there until the next call.
	// @throws std::bad_alloc
	bool ReadJpeg(const uint8_t *bytes, size_t size, Frame *into);
	bool ReadPng(const uint8_t *bytes, size_t size, Frame *into);

	// What a picture has to be for WriteJpeg(), when it is made of one of that format.
	static AVPixelFormat JpegFormat(AVPixelFormat source, bool isGrey);
	static constexpr Colours kJpegColours = {CONVERT_BT601, true};

	// The bytes of a picture of a format that JpegFormat() gives; empty: libjpeg refuses. There until the next call.
	// @throws std::bad_alloc
	struct Written {
		const uint8_t *bytes = nullptr;
		size_t size = 0;
	};
	Written WriteJpeg(const Frame &frame, bool isGrey, int quality);

      private:
	void Copy(const uint8_t *bytes, size_t size);

	void *reader_ = nullptr; // tjhandle
	void *writer_ = nullptr;
	std::vector<uint8_t> compressed_;
	Scratch scratch_;
	ChromaPlane chroma_;
};

} // namespace v4l2cuse::convert
