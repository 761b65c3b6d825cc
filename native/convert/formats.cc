#include "formats.h"

#include <array>

#include "protocol.h"

namespace v4l2cuse::convert
{
namespace
{

struct Row {
	uint32_t number;
	Format format;
};

constexpr std::array kFormats = {
	Row{CONVERT_YUYV, {AV_PIX_FMT_YUYV422, Kind::kPixels, false}},
	Row{CONVERT_UYVY, {AV_PIX_FMT_UYVY422, Kind::kPixels, false}},
	Row{CONVERT_YVYU, {AV_PIX_FMT_YVYU422, Kind::kPixels, false}},
	Row{CONVERT_NV12, {AV_PIX_FMT_NV12, Kind::kPixels, false}},
	Row{CONVERT_NV21, {AV_PIX_FMT_NV21, Kind::kPixels, false}},
	Row{CONVERT_NV16, {AV_PIX_FMT_NV16, Kind::kPixels, false}},
	Row{CONVERT_NV24, {AV_PIX_FMT_NV24, Kind::kPixels, false}},
	Row{CONVERT_NV42, {AV_PIX_FMT_NV42, Kind::kPixels, false}},
	Row{CONVERT_YUV420, {AV_PIX_FMT_YUV420P, Kind::kPixels, false}},
	Row{CONVERT_YVU420, {AV_PIX_FMT_YUV420P, Kind::kPixels, true}},
	Row{CONVERT_YUV422P, {AV_PIX_FMT_YUV422P, Kind::kPixels, false}},
	Row{CONVERT_P010, {AV_PIX_FMT_P010LE, Kind::kPixels, false}},
	Row{CONVERT_GREY, {AV_PIX_FMT_YUV410P, Kind::kGrey, false}},
	Row{CONVERT_Y10, {AV_PIX_FMT_YUV420P10LE, Kind::kGrey, false}},
	Row{CONVERT_Y16, {AV_PIX_FMT_YUV420P16LE, Kind::kGrey, false}},
	Row{CONVERT_RGB24, {AV_PIX_FMT_RGB24, Kind::kPixels, false}},
	Row{CONVERT_BGR24, {AV_PIX_FMT_BGR24, Kind::kPixels, false}},
	Row{CONVERT_XBGR32, {AV_PIX_FMT_BGR0, Kind::kPixels, false}},
	Row{CONVERT_ABGR32, {AV_PIX_FMT_BGRA, Kind::kPixels, false}},
	Row{CONVERT_RGBX32, {AV_PIX_FMT_RGB0, Kind::kPixels, false}},
	Row{CONVERT_RGBA32, {AV_PIX_FMT_RGBA, Kind::kPixels, false}},
	Row{CONVERT_XRGB32, {AV_PIX_FMT_0RGB, Kind::kPixels, false}},
	Row{CONVERT_ARGB32, {AV_PIX_FMT_ARGB, Kind::kPixels, false}},
	Row{CONVERT_BGRX32, {AV_PIX_FMT_0BGR, Kind::kPixels, false}},
	Row{CONVERT_BGRA32, {AV_PIX_FMT_ABGR, Kind::kPixels, false}},
	Row{CONVERT_BGR32, {AV_PIX_FMT_BGR0, Kind::kPixels, false}},
	Row{CONVERT_RGB32, {AV_PIX_FMT_0RGB, Kind::kPixels, false}},
	Row{CONVERT_RGB565, {AV_PIX_FMT_RGB565LE, Kind::kPixels, false}},
	Row{CONVERT_XRGB555, {AV_PIX_FMT_RGB555LE, Kind::kPixels, false}},
	Row{CONVERT_MJPEG, {AV_PIX_FMT_NONE, Kind::kJpeg, false}},
	Row{CONVERT_JPEG, {AV_PIX_FMT_NONE, Kind::kJpeg, false}},
	Row{CONVERT_PNG, {AV_PIX_FMT_NONE, Kind::kPng, false}},
};

} // namespace

const Format *FindFormat(uint32_t number)
{
	for (const Row &row : kFormats) {
		if (row.number == number)
			return &row.format;
	}
	return nullptr;
}

} // namespace v4l2cuse::convert
