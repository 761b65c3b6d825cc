// A decoded picture, wherever a library keeps it, and the way into a CAPTURE buffer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace v4l2cuse::decoder
{

// Borrowed from its decoder until the next packet. 4:2:0, or without chroma: planes 1 and 2 are null then.
struct Picture {
	uint32_t width = 0; // as shown, pixels
	uint32_t height = 0;
	uint32_t codedWidth = 0; // so much is there, at least as much as is shown
	uint32_t codedHeight = 0;
	uint32_t bitDepth = 8; // a sample of more than 8 bits takes two bytes
	bool is420 = true;     // or monochrome
	std::array<const uint8_t *, 3> planes{};
	std::array<ptrdiff_t, 3> strides{}; // bytes
};

// What the CAPTURE format asks for.
struct Layout {
	uint32_t kind = 0; // DECODER_NV12 and so on
	uint32_t width = 0;
	uint32_t height = 0;
	uint32_t stride = 0; // bytes of a luma line

	// 0: it makes no sense.
	size_t Size() const;
};

// Copies a picture into a buffer of layout.Size() bytes. What the format is larger than the picture stays as it is.
// False: the picture has another bit depth or chroma format.
bool CopyPicture(const Picture &picture, const Layout &layout, uint8_t *into);

} // namespace v4l2cuse::decoder
