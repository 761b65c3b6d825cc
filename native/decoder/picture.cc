#include "picture.h"

#include <algorithm>
#include <cstring>

#include "protocol.h"

namespace v4l2cuse::decoder
{
namespace
{

constexpr uint32_t kMostPixels = 16384; // of a side

// Samples of 10 bits are in the upper bits of P010.
constexpr unsigned kP010Shift = 6;

uint16_t Load(const uint8_t *from)
{
	uint16_t sample = 0;
	std::memcpy(&sample, from, sizeof sample);
	return sample;
}

void Store(uint8_t *into, uint16_t sample)
{
	const auto shifted = static_cast<uint16_t>(sample << kP010Shift);
	std::memcpy(into, &shifted, sizeof shifted);
}

void Interleave8(const uint8_t *u, const uint8_t *v, uint8_t *__restrict into, size_t samples)
{
	for (size_t x = 0; x < samples; ++x) {
		into[2 * x] = u[x];
		into[2 * x + 1] = v[x];
	}
}

void Interleave10(const uint8_t *u, const uint8_t *v, uint8_t *__restrict into, size_t samples)
{
	for (size_t x = 0; x < samples; ++x) {
		Store(into + 4 * x, Load(u + 2 * x));
		Store(into + 4 * x + 2, Load(v + 2 * x));
	}
}

void Shift10(const uint8_t *from, uint8_t *__restrict into, size_t samples)
{
	for (size_t x = 0; x < samples; ++x)
		Store(into + 2 * x, Load(from + 2 * x));
}

// Grey, where the picture has no chroma.
void FillGrey(bool isDeep, uint8_t *into, size_t samples)
{
	if (!isDeep) {
		std::memset(into, 0x80, samples);
		return;
	}
	for (size_t x = 0; x < samples; ++x)
		Store(into + 2 * x, 0x200);
}

} // namespace

size_t Layout::Size() const
{
	const uint32_t sampleBytes = kind == DECODER_P010 ? 2 : 1;
	if (kind < DECODER_NV12 || kind > DECODER_P010)
		return 0;
	if (width == 0 || height == 0 || width > kMostPixels || height > kMostPixels)
		return 0;
	if (stride < (width + 1) / 2 * 2 * sampleBytes || stride > 4 * kMostPixels || stride % 2 != 0)
		return 0;
	return size_t{stride} * height + size_t{stride} * ((height + 1) / 2);
}

bool CopyPicture(const Picture &picture, const Layout &layout, uint8_t *into)
{
	const bool isDeep = layout.kind == DECODER_P010;
	if (!picture.is420 || picture.bitDepth != (isDeep ? 10U : 8U))
		return false;
	const size_t width = std::min(layout.width, picture.codedWidth);
	const size_t height = std::min(layout.height, picture.codedHeight);
	const size_t chromaWidth = (width + 1) / 2;
	const size_t chromaHeight = (height + 1) / 2;

	for (size_t y = 0; y < height; ++y) {
		const uint8_t *from = picture.planes[0] + static_cast<ptrdiff_t>(y) * picture.strides[0];
		uint8_t *to = into + y * layout.stride;
		if (isDeep)
			Shift10(from, to, width);
		else
			std::memcpy(to, from, width);
	}

	uint8_t *chroma = into + size_t{layout.stride} * layout.height;
	const bool isPlanar = layout.kind == DECODER_YU12;
	const size_t chromaStride = isPlanar ? layout.stride / 2 : layout.stride;
	const size_t planeBytes = chromaStride * ((layout.height + 1) / 2);
	const bool isGrey = picture.planes[1] == nullptr || picture.planes[2] == nullptr;
	for (size_t y = 0; y < chromaHeight; ++y) {
		uint8_t *to = chroma + y * chromaStride;
		if (isGrey) {
			FillGrey(isDeep, to, isPlanar ? chromaWidth : 2 * chromaWidth);
			if (isPlanar)
				FillGrey(isDeep, to + planeBytes, chromaWidth);
			continue;
		}
		const uint8_t *u = picture.planes[1] + static_cast<ptrdiff_t>(y) * picture.strides[1];
		const uint8_t *v = picture.planes[2] + static_cast<ptrdiff_t>(y) * picture.strides[2];
		if (isPlanar) {
			std::memcpy(to, u, chromaWidth);
			std::memcpy(to + planeBytes, v, chromaWidth);
		} else if (isDeep) {
			Interleave10(u, v, to, chromaWidth);
		} else {
			Interleave8(u, v, to, chromaWidth);
		}
	}
	return true;
}

} // namespace v4l2cuse::decoder
