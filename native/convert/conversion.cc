#include "conversion.h"

#include <algorithm>
#include <cstring>

extern "C" {
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

namespace v4l2cuse::convert
{
namespace
{

constexpr uint32_t kLongestLine = 1 << 20;
// So many bytes behind the end of a line libswscale may write.
constexpr int kBeyond = 64;

bool IsEncoding(uint32_t matrix)
{
	return matrix >= CONVERT_BT601 && matrix <= CONVERT_SMPTE240M;
}

// Down to what pixels share chroma with, in any format here.
int Even(int value)
{
	return value & ~1;
}

// The part of the source that is drawn, and where. False: it is not in the source.
bool FitAreas(const convert_job &job, const Frame &from, const Frame &to, Area *source, Area *destination)
{
	*source = {0, 0, from.width, from.height};
	*destination = {0, 0, to.width, to.height};
	if (job.width != 0) {
		const auto width = static_cast<uint32_t>(from.width);
		const auto height = static_cast<uint32_t>(from.height);
		if (job.height == 0 || job.width > width || job.left > width - job.width || job.height > height ||
		    job.top > height - job.height)
			return false;
		*source = {Even(static_cast<int>(job.left)), Even(static_cast<int>(job.top)),
			   static_cast<int>(job.width), static_cast<int>(job.height)};
	}
	// Both sides' products are the areas if one were as wide as the other.
	const int64_t wide = int64_t{source->width} * to.height;
	const int64_t high = int64_t{source->height} * to.width;
	if (job.fit == CONVERT_STRETCH || wide == high)
		return true;
	if (job.fit == CONVERT_BARS) {
		if (wide > high) {
			destination->height = std::max(1, static_cast<int>(high / source->width));
			destination->top = Even((to.height - destination->height) / 2);
		} else {
			destination->width = std::max(1, static_cast<int>(wide / source->height));
			destination->left = Even((to.width - destination->width) / 2);
		}
		return true;
	}
	if (wide > high) {
		const int width = std::max(1, static_cast<int>(high / to.height));
		source->left = Even(source->left + (source->width - width) / 2);
		source->width = width;
	} else {
		const int height = std::max(1, static_cast<int>(wide / to.width));
		source->top = Even(source->top + (source->height - height) / 2);
		source->height = height;
	}
	return true;
}

// Would what is written behind the last line of a plane change another one?
bool NeedsRoom(const Frame &to)
{
	for (size_t plane = 0; plane < kPlanes; ++plane) {
		if (to.data[plane] == nullptr || LineBytes(to, plane) % kBeyond == 0)
			continue;
		const uint8_t *end = to.data[plane] +
				     static_cast<ptrdiff_t>(to.stride[plane]) * (RowsOf(to, plane) - 1) +
				     LineBytes(to, plane);
		for (size_t other = 0; other < kPlanes; ++other) {
			if (other == plane || to.data[other] == nullptr)
				continue;
			const uint8_t *start = to.data[other];
			const uint8_t *last = start + static_cast<ptrdiff_t>(to.stride[other]) * RowsOf(to, other);
			if (start < end + kBeyond && last > end)
				return true;
		}
	}
	return false;
}

bool HasSameColours(const Frame &one, const Frame &other)
{
	if ((av_pix_fmt_desc_get(one.format)->flags & AV_PIX_FMT_FLAG_RGB) != 0)
		return true;
	return one.colours.matrix == other.colours.matrix && one.colours.isFull == other.colours.isFull;
}

} // namespace

bool Conversion::Run(const convert_job &job, const Memories &memories, convert_answer *answer)
{
	Place from;
	Place to;
	if (!Find(job.source, memories, false, &from) || !Find(job.destination, memories, true, &to))
		return false;
	if (to.format->kind == Kind::kPng || job.fit > CONVERT_CUT || job.quality < 1 || job.quality > 100 ||
	    (job.flags & ~uint32_t{CONVERT_GREYED | CONVERT_FAST}) != 0)
		return false;
	answer->status = Convert(job, from, to, &answer->bytes);
	return true;
}

bool Conversion::Find(const convert_picture &picture, const Memories &memories, bool isToWrite, Place *place)
{
	const GuardedMemory &memory = memories.At(picture.slot);
	place->format = FindFormat(picture.format);
	if (memory.bytes() == nullptr || (isToWrite && !memory.isWritable()) || place->format == nullptr ||
	    !IsEncoding(picture.matrix) || picture.full > 1)
		return false;
	const bool isCompressed = place->format->pixels == AV_PIX_FMT_NONE;
	const bool hasNoSize = picture.width == 0 && picture.height == 0 && isCompressed && !isToWrite;
	if (!hasNoSize && (picture.width == 0 || picture.height == 0))
		return false;
	if (picture.width > CONVERT_LARGEST || picture.height > CONVERT_LARGEST)
		return false;
	place->frame.width = static_cast<int>(picture.width);
	place->frame.height = static_cast<int>(picture.height);
	place->frame.colours = {picture.matrix, picture.full == 1};
	if (!isCompressed)
		return FindPlanes(picture, memory, place);
	if (picture.offset[0] > memory.size() || picture.bytes > memory.size() - picture.offset[0])
		return false;
	place->bytes = memory.bytes() + picture.offset[0];
	place->size = picture.bytes;
	return true;
}

bool Conversion::FindPlanes(const convert_picture &picture, const GuardedMemory &memory, Place *place)
{
	Frame &frame = place->frame;
	const bool isGrey = place->format->kind == Kind::kGrey;
	frame.format = place->format->pixels;
	const auto planes = static_cast<size_t>(isGrey ? 1 : av_pix_fmt_count_planes(frame.format));
	for (size_t plane = 0; plane < planes; ++plane) {
		const uint32_t stride = picture.stride[plane];
		const int line = LineBytes(frame, plane);
		if (line <= 0 || stride < static_cast<uint32_t>(line) || stride > kLongestLine)
			return false;
		const uint64_t size = uint64_t{stride} * static_cast<uint64_t>(RowsOf(frame, plane) - 1) +
				      static_cast<uint64_t>(line);
		if (picture.offset[plane] > memory.size() || size > memory.size() - picture.offset[plane])
			return false;
		frame.data[plane] = memory.bytes() + picture.offset[plane];
		frame.stride[plane] = static_cast<int>(stride);
		const auto end = static_cast<size_t>(picture.offset[plane] + size);
		place->size = std::max(place->size, end - std::min<size_t>(end, picture.offset[0]));
	}
	if (place->format->hasVFirst) {
		std::swap(frame.data[1], frame.data[2]);
		std::swap(frame.stride[1], frame.stride[2]);
	}
	return true;
}

uint32_t Conversion::Convert(const convert_job &job, Place &from, Place &to, uint32_t *bytes)
{
	switch (from.format->kind) {
	case Kind::kJpeg:
		if (!images_.ReadJpeg(from.bytes, from.size, &from.frame))
			return CONVERT_BROKEN;
		break;
	case Kind::kPng:
		if (!images_.ReadPng(from.bytes, from.size, &from.frame))
			return CONVERT_BROKEN;
		break;
	case Kind::kGrey:
		fromChroma_.AddTo(&from.frame);
		break;
	case Kind::kPixels:
		break;
	}
	Area source;
	Area destination;
	if (!FitAreas(job, from.frame, to.frame, &source, &destination))
		return CONVERT_OUTSIDE;
	if (to.format->kind == Kind::kJpeg)
		return Compress(job, from.frame, from.format->kind == Kind::kGrey, to, bytes);
	if (to.format->kind == Kind::kGrey)
		toChroma_.AddTo(&to.frame);
	*bytes = static_cast<uint32_t>(to.size);
	return Fill(job, from.frame, to.frame) ? CONVERT_DONE : CONVERT_NO_MEMORY;
}

uint32_t Conversion::Compress(const convert_job &job, const Frame &from, bool isGrey, const Place &to, uint32_t *bytes)
{
	const AVPixelFormat format = Images::JpegFormat(from.format, isGrey);
	const bool isSame = from.format == format && !isGrey &&
			    HasSameColours(from, {format, 0, 0, Images::kJpegColours, {}, {}}) &&
			    from.width == to.frame.width && from.height == to.frame.height && job.width == 0 &&
			    (job.flags & CONVERT_GREYED) == 0;
	Frame planes = from;
	if (!isSame) {
		planes = unpacked_.Take(format, to.frame.width, to.frame.height, Images::kJpegColours);
		if (!Draw(job, from, planes))
			return CONVERT_NO_MEMORY;
	}
	// Noise makes large pictures: better a worse one than none.
	for (auto quality = static_cast<int>(job.quality); quality > 0; quality /= 2) {
		const Images::Written written = images_.WriteJpeg(planes, isGrey, quality);
		if (written.bytes == nullptr)
			return CONVERT_NO_MEMORY;
		if (written.size > to.size)
			continue;
		std::memcpy(to.bytes, written.bytes, written.size);
		*bytes = static_cast<uint32_t>(written.size);
		return CONVERT_DONE;
	}
	return CONVERT_TOO_LARGE;
}

// By way of another picture if there is no room behind the lines.
bool Conversion::Fill(const convert_job &job, const Frame &from, const Frame &to)
{
	const bool isCopy = from.format == to.format && from.width == to.width && from.height == to.height &&
			    HasSameColours(from, to) && job.width == 0 && (job.flags & CONVERT_GREYED) == 0;
	if (isCopy) {
		CopyFrame(from, to);
		return true;
	}
	if (sws_isSupportedOutput(to.format) == 0) {
		// NV16, which libswscale knows since 6.1.
		const Frame apart = aside_.Take(AV_PIX_FMT_YUV422P, to.width, to.height, to.colours);
		if (!Draw(job, from, apart))
			return false;
		InterleaveFrame(apart, to);
		return true;
	}
	if (!NeedsRoom(to))
		return Draw(job, from, to);
	const Frame aside = aside_.Take(to.format, to.width, to.height, to.colours);
	if (!Draw(job, from, aside))
		return false;
	CopyFrame(aside, to);
	return true;
}

bool Conversion::Draw(const convert_job &job, const Frame &from, const Frame &to)
{
	if (sws_isSupportedInput(from.format) == 0) {
		const Frame apart = separated_.Take(AV_PIX_FMT_YUV422P, from.width, from.height, from.colours);
		SeparateFrame(from, apart);
		return Draw(job, apart, to);
	}
	return (job.flags & CONVERT_GREYED) != 0 ? Grey(job, from, to) : DrawInside(job, from, to);
}

bool Conversion::Grey(const convert_job &job, const Frame &from, const Frame &to)
{
	const Frame grey = grey_.Take(AV_PIX_FMT_GRAY8, to.width, to.height, {to.colours.matrix, true});
	if (!DrawInside(job, from, grey))
		return false;
	for (int line = 0; line < grey.height; ++line) {
		uint8_t *row = grey.data[0] + static_cast<ptrdiff_t>(line) * grey.stride[0];
		std::transform(row, row + grey.width, row,
			       [](uint8_t value) { return static_cast<uint8_t>(value * 5 / 8); });
	}
	return scaler_.Scale(grey, to, false);
}

bool Conversion::DrawInside(const convert_job &job, const Frame &from, const Frame &to)
{
	Area source;
	Area destination;
	if (!FitAreas(job, from, to, &source, &destination))
		return false;
	if (!scaler_.Scale(Part(from, source), Part(to, destination), (job.flags & CONVERT_FAST) != 0))
		return false;
	// Afterwards: what was written behind lines is gone with it.
	BlackenAround(to, destination);
	return true;
}

} // namespace v4l2cuse::convert
