#include "frame.h"

#include <algorithm>
#include <cstring>

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

namespace v4l2cuse::convert
{
namespace
{

// Behind each line: the widest vector that a library writes at once.
constexpr int kBehind = 64;

int ChromaShift(const Frame &frame, size_t plane, bool isVertical)
{
	const AVPixFmtDescriptor *what = av_pix_fmt_desc_get(frame.format);
	if (plane != 1 && plane != 2)
		return 0;
	return isVertical ? what->log2_chroma_h : what->log2_chroma_w;
}

int Aligned(int value)
{
	return (value + kBehind - 1) / kBehind * kBehind;
}

} // namespace

int RowsOf(const Frame &frame, size_t plane)
{
	const int shift = ChromaShift(frame, plane, true);
	return (frame.height + (1 << shift) - 1) >> shift;
}

int LineBytes(const Frame &frame, size_t plane)
{
	return av_image_get_linesize(frame.format, frame.width, static_cast<int>(plane));
}

Frame Part(const Frame &whole, const Area &area)
{
	Frame part = whole;
	part.width = area.width;
	part.height = area.height;
	for (size_t plane = 0; plane < kPlanes; ++plane) {
		if (whole.data[plane] == nullptr)
			continue;
		const int before =
			area.left == 0 ? 0 : av_image_get_linesize(whole.format, area.left, static_cast<int>(plane));
		const int above = area.top >> ChromaShift(whole, plane, true);
		part.data[plane] += static_cast<ptrdiff_t>(above) * whole.stride[plane] + before;
	}
	return part;
}

void BlackenAround(const Frame &frame, const Area &area)
{
	const int right = area.left + area.width;
	const int bottom = area.top + area.height;
	const std::array<Area, 4> around = {{
		{0, 0, frame.width, area.top},
		{0, bottom, frame.width, frame.height - bottom},
		{0, area.top, area.left, area.height},
		{right, area.top, frame.width - right, area.height},
	}};
	for (const Area &bar : around) {
		if (bar.width <= 0 || bar.height <= 0)
			continue;
		const Frame part = Part(frame, bar);
		std::array<ptrdiff_t, kPlanes> strides{};
		for (size_t plane = 0; plane < kPlanes; ++plane)
			strides[plane] = part.stride[plane];
		auto data = part.data;
		av_image_fill_black(data.data(), strides.data(), part.format,
				    part.colours.isFull ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG, part.width, part.height);
	}
}

Frame Scratch::Take(AVPixelFormat format, int width, int height, Colours colours)
{
	Frame frame;
	frame.format = format;
	frame.width = width;
	frame.height = height;
	frame.colours = colours;
	std::array<size_t, kPlanes> starts{};
	size_t size = 0;
	const int planes = av_pix_fmt_count_planes(format);
	for (size_t plane = 0; plane < static_cast<size_t>(planes); ++plane) {
		// Some of libswscale's ways write lines in whole blocks of pixels.
		frame.stride[plane] = av_image_get_linesize(format, Aligned(width), static_cast<int>(plane)) + kBehind;
		starts[plane] = size;
		size += static_cast<size_t>(frame.stride[plane]) * static_cast<size_t>(RowsOf(frame, plane) + 1);
	}
	if (bytes_.size() < size + kBehind)
		bytes_.resize(size + kBehind);
	uint8_t *start = bytes_.data();
	start += (kBehind - reinterpret_cast<uintptr_t>(start) % kBehind) % kBehind;
	for (size_t plane = 0; plane < static_cast<size_t>(planes); ++plane)
		frame.data[plane] = start + starts[plane];
	return frame;
}

void ChromaPlane::AddTo(Frame *frame)
{
	const int stride = Aligned(LineBytes(*frame, 1)) + kBehind;
	const size_t size = static_cast<size_t>(stride) * static_cast<size_t>(RowsOf(*frame, 1) + 1);
	if (bytes_.size() < size || format_ != frame->format) {
		bytes_.resize(std::max(bytes_.size(), size));
		format_ = frame->format;
		const int bits = av_pix_fmt_desc_get(format_)->comp[1].depth;
		if (bits == 8) {
			std::memset(bytes_.data(), 1 << 7, bytes_.size());
		} else {
			const auto middle = static_cast<uint16_t>(1 << (bits - 1));
			for (size_t i = 0; i + sizeof middle <= bytes_.size(); i += sizeof middle)
				std::memcpy(bytes_.data() + i, &middle, sizeof middle);
		}
	}
	frame->data[1] = frame->data[2] = bytes_.data();
	frame->stride[1] = frame->stride[2] = stride;
}

void CopyFrame(const Frame &from, const Frame &to)
{
	for (size_t plane = 0; plane < kPlanes; ++plane) {
		if (from.data[plane] == nullptr || to.data[plane] == nullptr)
			continue;
		av_image_copy_plane(to.data[plane], to.stride[plane], from.data[plane], from.stride[plane],
				    LineBytes(from, plane), RowsOf(from, plane));
	}
}

void InterleaveFrame(const Frame &from, const Frame &to)
{
	av_image_copy_plane(to.data[0], to.stride[0], from.data[0], from.stride[0], LineBytes(from, 0),
			    RowsOf(from, 0));
	const int samples = LineBytes(from, 1);
	for (int line = 0; line < RowsOf(from, 1); ++line) {
		const uint8_t *u = from.data[1] + static_cast<ptrdiff_t>(line) * from.stride[1];
		const uint8_t *v = from.data[2] + static_cast<ptrdiff_t>(line) * from.stride[2];
		uint8_t *both = to.data[1] + static_cast<ptrdiff_t>(line) * to.stride[1];
		for (int i = 0; i < samples; ++i) {
			both[2 * i] = u[i];
			both[2 * i + 1] = v[i];
		}
	}
}

void SeparateFrame(const Frame &from, const Frame &to)
{
	av_image_copy_plane(to.data[0], to.stride[0], from.data[0], from.stride[0], LineBytes(from, 0),
			    RowsOf(from, 0));
	const int samples = LineBytes(to, 1);
	for (int line = 0; line < RowsOf(to, 1); ++line) {
		const uint8_t *both = from.data[1] + static_cast<ptrdiff_t>(line) * from.stride[1];
		uint8_t *u = to.data[1] + static_cast<ptrdiff_t>(line) * to.stride[1];
		uint8_t *v = to.data[2] + static_cast<ptrdiff_t>(line) * to.stride[2];
		for (int i = 0; i < samples; ++i) {
			u[i] = both[2 * i];
			v[i] = both[2 * i + 1];
		}
	}
}

} // namespace v4l2cuse::convert
