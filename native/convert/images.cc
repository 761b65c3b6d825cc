#include "images.h"

#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <new>

namespace v4l2cuse::convert
{
namespace
{

// A picture of 8192 x 8192 pixels.
constexpr int64_t kMostPixels = int64_t{1} << 26;
constexpr size_t kMostBytes = size_t{1} << 28;

bool IsSane(int64_t width, int64_t height)
{
	return width > 0 && height > 0 && width <= CONVERT_LARGEST && height <= CONVERT_LARGEST &&
	       width * height <= kMostPixels;
}

// AV_PIX_FMT_NONE: libswscale has no such format.
AVPixelFormat PixelsOf(int subsampling)
{
	switch (subsampling) {
	case TJSAMP_444:
		return AV_PIX_FMT_YUV444P;
	case TJSAMP_422:
		return AV_PIX_FMT_YUV422P;
	case TJSAMP_420:
		return AV_PIX_FMT_YUV420P;
	case TJSAMP_440:
		return AV_PIX_FMT_YUV440P;
	case TJSAMP_411:
		return AV_PIX_FMT_YUV411P;
	case TJSAMP_GRAY:
		return AV_PIX_FMT_YUV410P;
	default:
		return AV_PIX_FMT_NONE;
	}
}

} // namespace

Images::Images() : reader_(::tjInitDecompress()), writer_(::tjInitCompress())
{
	if (reader_ == nullptr || writer_ == nullptr)
		throw std::bad_alloc();
}

Images::~Images()
{
	::tjDestroy(reader_);
	::tjDestroy(writer_);
}

void Images::Copy(const uint8_t *bytes, size_t size)
{
	compressed_.assign(bytes, bytes + std::min(size, kMostBytes));
}

bool Images::ReadJpeg(const uint8_t *bytes, size_t size, Frame *into)
{
	Copy(bytes, size);
	int width = 0;
	int height = 0;
	int subsampling = 0;
	int space = 0;
	if (::tjDecompressHeader3(reader_, compressed_.data(), compressed_.size(), &width, &height, &subsampling,
				  &space) != 0 ||
	    !IsSane(width, height))
		return false;
	const bool isGrey = subsampling == TJSAMP_GRAY;
	const AVPixelFormat pixels = PixelsOf(subsampling);
	int result = 0;
	if (pixels != AV_PIX_FMT_NONE && (space == TJCS_YCbCr || space == TJCS_GRAY)) {
		*into = scratch_.Take(pixels, width, height, kJpegColours);
		if (isGrey)
			chroma_.AddTo(into);
		std::array<uint8_t *, 3> planes = {into->data[0], into->data[1], into->data[2]};
		std::array<int, 3> strides = {into->stride[0], into->stride[1], into->stride[2]};
		result = ::tjDecompressToYUVPlanes(reader_, compressed_.data(), compressed_.size(), planes.data(),
						   width, strides.data(), height, TJFLAG_LIMITSCANS);
	} else if (space == TJCS_RGB || space == TJCS_YCbCr) {
		*into = scratch_.Take(AV_PIX_FMT_RGB24, width, height, {});
		result = ::tjDecompress2(reader_, compressed_.data(), compressed_.size(), into->data[0], width,
					 into->stride[0], height, TJPF_RGB, TJFLAG_LIMITSCANS);
	} else {
		return false;
	}
	// Cameras cut pictures off; then the rest is grey.
	return result == 0 || ::tjGetErrorCode(reader_) == TJERR_WARNING;
}

bool Images::ReadPng(const uint8_t *bytes, size_t size, Frame *into)
{
	Copy(bytes, size);
	png_image image{};
	image.version = PNG_IMAGE_VERSION;
	if (::png_image_begin_read_from_memory(&image, compressed_.data(), compressed_.size()) == 0)
		return false;
	bool isRead = false;
	if (IsSane(image.width, image.height)) {
		image.format = PNG_FORMAT_RGB;
		const png_color black{0, 0, 0}; // what is behind what is transparent
		try {
			*into = scratch_.Take(AV_PIX_FMT_RGB24, static_cast<int>(image.width),
					      static_cast<int>(image.height), {});
		} catch (const std::bad_alloc &) {
			::png_image_free(&image);
			throw;
		}
		isRead = ::png_image_finish_read(&image, &black, into->data[0], into->stride[0], nullptr) != 0;
	}
	::png_image_free(&image);
	return isRead;
}

AVPixelFormat Images::JpegFormat(AVPixelFormat source, bool isGrey)
{
	if (isGrey)
		return AV_PIX_FMT_YUV410P;
	switch (source) {
	case AV_PIX_FMT_NV12:
	case AV_PIX_FMT_NV21:
	case AV_PIX_FMT_YUV420P:
	case AV_PIX_FMT_P010LE:
		return AV_PIX_FMT_YUV420P;
	default:
		return AV_PIX_FMT_YUV422P; // as cameras have it
	}
}

Images::Written Images::WriteJpeg(const Frame &frame, bool isGrey, int quality)
{
	const int subsampling = isGrey ? TJSAMP_GRAY : frame.format == AV_PIX_FMT_YUV420P ? TJSAMP_420 : TJSAMP_422;
	const unsigned long most = ::tjBufSize(frame.width, frame.height, subsampling);
	if (most == 0 || most > kMostBytes)
		return {};
	// libjpeg takes it for granted that the room is that large.
	if (compressed_.size() < most)
		compressed_.resize(most);
	std::array<const uint8_t *, 3> planes = {frame.data[0], frame.data[1], frame.data[2]};
	std::array<int, 3> strides = {frame.stride[0], frame.stride[1], frame.stride[2]};
	uint8_t *bytes = compressed_.data();
	unsigned long size = most;
	if (::tjCompressFromYUVPlanes(writer_, planes.data(), frame.width, strides.data(), frame.height, subsampling,
				      &bytes, &size, quality, TJFLAG_NOREALLOC) != 0)
		return {};
	return {bytes, size};
}

} // namespace v4l2cuse::convert
