#include "scaler.h"

#include <algorithm>

extern "C" {
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

namespace v4l2cuse::convert
{
namespace
{

const int *CoefficientsOf(uint32_t matrix)
{
	switch (matrix) {
	case CONVERT_BT709:
		return sws_getCoefficients(SWS_CS_ITU709);
	case CONVERT_BT2020:
		return sws_getCoefficients(SWS_CS_BT2020);
	case CONVERT_SMPTE240M:
		return sws_getCoefficients(SWS_CS_SMPTE240M);
	default:
		return sws_getCoefficients(SWS_CS_ITU601);
	}
}

bool IsRgb(const Frame &frame)
{
	return (av_pix_fmt_desc_get(frame.format)->flags & AV_PIX_FMT_FLAG_RGB) != 0;
}

bool AreSame(const Frame &one, const Frame &other)
{
	return one.format == other.format && one.width == other.width && one.height == other.height &&
	       one.colours.matrix == other.colours.matrix && one.colours.isFull == other.colours.isFull;
}

} // namespace

void Scaler::Free::operator()(SwsContext *context) const
{
	sws_freeContext(context);
}

bool Scaler::IsFor(const Prepared &prepared, const Frame &from, const Frame &to, bool isFast)
{
	return prepared.context != nullptr && prepared.isFast == isFast && AreSame(prepared.from, from) &&
	       AreSame(prepared.to, to);
}

std::unique_ptr<SwsContext, Scaler::Free> Scaler::Prepare(const Frame &from, const Frame &to, bool isFast)
{
	std::unique_ptr<SwsContext, Free> context(sws_alloc_context());
	if (context == nullptr)
		return nullptr;
	SwsContext *raw = context.get();
	av_opt_set_int(raw, "srcw", from.width, 0);
	av_opt_set_int(raw, "srch", from.height, 0);
	av_opt_set_int(raw, "src_format", from.format, 0);
	av_opt_set_int(raw, "dstw", to.width, 0);
	av_opt_set_int(raw, "dsth", to.height, 0);
	av_opt_set_int(raw, "dst_format", to.format, 0);
	av_opt_set_int(raw, "sws_flags", isFast ? SWS_FAST_BILINEAR : SWS_BICUBIC, 0);
	av_opt_set_int(raw, "threads", 1, 0);
	// Lines of R'G'B' have no range: libswscale counts them as limited. Said before the ways are chosen, and again with
	// the matrices: if those differ, libswscale puts R'G'B' in between.
	const bool isFromFull = !IsRgb(from) && from.colours.isFull;
	const bool isToFull = !IsRgb(to) && to.colours.isFull;
	av_opt_set_int(raw, "src_range", isFromFull, 0);
	av_opt_set_int(raw, "dst_range", isToFull, 0);
	if (sws_init_context(raw, nullptr, nullptr) < 0)
		return nullptr;
	constexpr int kOne = 1 << 16;
	sws_setColorspaceDetails(raw, CoefficientsOf(from.colours.matrix), isFromFull,
				 CoefficientsOf(to.colours.matrix), isToFull, 0, kOne, kOne);
	return context;
}

bool Scaler::Scale(const Frame &from, const Frame &to, bool isFast)
{
	auto found = std::find_if(prepared_.begin(), prepared_.end(),
				  [&](const Prepared &prepared) { return IsFor(prepared, from, to, isFast); });
	if (found == prepared_.end()) {
		found = prepared_.end() - 1;
		found->context.reset();
		*found = {from, to, isFast, Prepare(from, to, isFast)};
		if (found->context == nullptr)
			return false;
	}
	std::rotate(prepared_.begin(), found, found + 1);
	return sws_scale(prepared_.front().context.get(), from.data.data(), from.stride.data(), 0, from.height,
			 to.data.data(), to.stride.data()) == to.height;
}

} // namespace v4l2cuse::convert
