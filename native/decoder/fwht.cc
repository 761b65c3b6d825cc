// FWHT, the codec of the kernel's vicodec driver: 8x8 blocks under a Walsh-Hadamard transform, whose coefficients are
// shifted and run-length coded in big-endian words of 16 bits. A packet is a frame with its header.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "codec.h"

namespace v4l2cuse::decoder
{
namespace
{

constexpr size_t kHeaderBytes = 44;
constexpr uint32_t kMagic[] = {0x4f4f4f4f, 0xffffffff};
// V4L2_FWHT_FL_*, in the order of linux/v4l2-controls.h
constexpr uint32_t kUncompressed[] = {1U << 4, 1U << 5, 1U << 6};
constexpr uint32_t kFullChroma = 1U << 7 | 1U << 8;
constexpr uint32_t kIFrame = 1U << 10;
constexpr unsigned kComponentsShift = 16;
constexpr uint32_t kPixencMask = 3U << 19;
constexpr uint32_t kPixencYuv = 1U << 19;
constexpr uint32_t kMostPixels = 4096; // of a side

constexpr size_t kSide = 8;
constexpr size_t kCoefficients = kSide * kSide;
using Block = std::array<int, kCoefficients>;

// A block's first word: of a P block, and how often the block is repeated behind it.
constexpr uint16_t kPBlock = 0x8000;
constexpr uint16_t kRepeats = 0x1ffe;
// A word's lower four bits: so many zeros before the coefficient, or nothing but zeros from here.
constexpr unsigned kRunBits = 4;
constexpr unsigned kOnlyZeros = 15;

constexpr size_t RoundUp(size_t size)
{
	return (size + kSide - 1) / kSide * kSide;
}

// Coefficients come diagonal by diagonal, each from the upper right to the lower left.
std::array<size_t, kCoefficients> MakeScan()
{
	std::array<size_t, kCoefficients> scan{};
	size_t at = 0;
	for (size_t diagonal = 0; diagonal < 2 * kSide - 1; ++diagonal) {
		for (size_t y = 0; y < kSide; ++y) {
			if (y <= diagonal && diagonal - y < kSide)
				scan[at++] = y * kSide + diagonal - y;
		}
	}
	return scan;
}

// How far a coefficient was shifted depends on its diagonal.
unsigned Shift(size_t position, bool isP)
{
	const size_t diagonal = position / kSide + position % kSide;
	if (isP)
		return diagonal < 10 ? 3 : diagonal < 12 ? 6 : diagonal < 14 ? 9 : 10;
	return diagonal < 9 ? 2 : diagonal < 10 ? 3 : diagonal < 14 ? 6 : 8;
}

// Where the row of that sequency (number of changes of sign) is in a Hadamard matrix: its Gray code, bits reversed.
size_t HadamardRow(size_t sequency)
{
	const size_t gray = sequency ^ (sequency >> 1);
	return (gray & 1) << 2 | (gray & 2) | gray >> 2;
}

// One line of eight, `step` apart, from sequencies to samples.
void Transform(int *line, size_t step)
{
	std::array<int, kSide> work{};
	for (size_t i = 0; i < kSide; ++i)
		work[HadamardRow(i)] = line[i * step];
	for (size_t half = 1; half < kSide; half *= 2) {
		for (size_t i = 0; i < kSide; ++i) {
			if ((i & half) != 0)
				continue;
			const int sum = work[i] + work[i + half];
			work[i + half] = work[i] - work[i + half];
			work[i] = sum;
		}
	}
	for (size_t i = 0; i < kSide; ++i)
		line[i * step] = work[i];
}

class Words
{
      public:
	Words(const uint8_t *bytes, size_t size) : bytes_(bytes), size_(size)
	{
	}

	// False: the packet ends.
	bool Take16(uint16_t *word)
	{
		if (size_ - at_ < 2)
			return false;
		*word = static_cast<uint16_t>(bytes_[at_] << 8 | bytes_[at_ + 1]);
		at_ += 2;
		return true;
	}

	bool Take32(uint32_t *word)
	{
		uint16_t high = 0;
		uint16_t low = 0;
		if (!Take16(&high) || !Take16(&low))
			return false;
		*word = uint32_t{high} << 16 | low;
		return true;
	}

	const uint8_t *TakeBytes(size_t count)
	{
		if (count > size_ - at_)
			return nullptr;
		at_ += count;
		return bytes_ + at_ - count;
	}

      private:
	const uint8_t *bytes_;
	size_t size_;
	size_t at_ = 0;
};

struct Plane {
	std::vector<uint8_t> bytes;
	size_t width = 0; // whole blocks, and the line's length
	size_t height = 0;
};

// A block as it is coded, and what its first word says.
bool TakeBlock(Words *words, bool canBeP, Block *block, uint16_t *head)
{
	static const std::array<size_t, kCoefficients> scan = MakeScan();
	if (!words->Take16(head))
		return false;
	const bool isP = canBeP && (*head & kPBlock) != 0;
	block->fill(0);
	for (size_t i = 0; i < kCoefficients; ++i) {
		uint16_t word = 0;
		if (!words->Take16(&word))
			return false;
		const unsigned run = word & ((1U << kRunBits) - 1);
		if (run == kOnlyZeros)
			break;
		i += run;
		if (i >= kCoefficients)
			break;
		// Arithmetic: a coefficient has 12 bits and a sign.
		const int coefficient = static_cast<int16_t>(word) >> kRunBits;
		(*block)[scan[i]] = coefficient * (1 << Shift(scan[i], isP));
	}
	for (size_t y = 0; y < kSide; ++y)
		Transform(block->data() + y * kSide, 1);
	for (size_t x = 0; x < kSide; ++x)
		Transform(block->data() + x, kSide);
	for (int &sample : *block)
		sample = (sample >> 6) + (isP ? 0 : 128);
	return true;
}

bool DecodePlane(Words *words, bool isUncompressed, const Plane *reference, Plane *plane)
{
	if (isUncompressed) {
		const uint8_t *bytes = words->TakeBytes(plane->width * plane->height);
		if (bytes == nullptr)
			return false;
		plane->bytes.assign(bytes, bytes + plane->width * plane->height);
		return true;
	}
	plane->bytes.resize(plane->width * plane->height);
	Block block{};
	uint16_t head = 0;
	unsigned repeats = 0;
	for (size_t top = 0; top < plane->height; top += kSide) {
		for (size_t left = 0; left < plane->width; left += kSide) {
			if (repeats > 0) {
				--repeats;
			} else {
				if (!TakeBlock(words, reference != nullptr, &block, &head))
					return false;
				repeats = (head & kRepeats) >> 1;
			}
			const bool isP = reference != nullptr && (head & kPBlock) != 0;
			for (size_t i = 0; i < kCoefficients; ++i) {
				const size_t at = (top + i / kSide) * plane->width + left + i % kSide;
				const int sample = block[i] + (isP ? reference->bytes[at] : 0);
				plane->bytes[at] = static_cast<uint8_t>(std::clamp(sample, 0, 255));
			}
		}
	}
	return true;
}

class Fwht final : public Codec
{
      public:
	Outcome Decode(const Packet &packet) override
	{
		hasNew_ = false;
		Words words(packet.bytes, packet.size);
		std::array<uint32_t, kHeaderBytes / 4> header{};
		for (uint32_t &word : header) {
			if (!words.Take32(&word))
				return Outcome::kBroken;
		}
		const auto [magic1, magic2, version, width, height, flags, colorspace, transfer, encoding, range,
			    size] = header;
		if (magic1 != kMagic[0] || magic2 != kMagic[1] || width == 0 || height == 0)
			return Outcome::kBroken;
		if (width > kMostPixels || height > kMostPixels)
			return Outcome::kBroken;
		const unsigned components = 1 + (version < 2 ? 2 : flags >> kComponentsShift & 7);
		const bool isYuv = version < 2 || (flags & kPixencMask) == kPixencYuv;
		picture_ = {};
		picture_.is420 = isYuv && (components == 1 || (components == 3 && (flags & kFullChroma) == 0));
		hasNew_ = true;
		if (!picture_.is420)
			return Outcome::kDone;

		std::array<Plane, 3> planes;
		for (size_t i = 0; i < components; ++i) {
			planes[i].width = RoundUp(i == 0 ? width : width / 2);
			planes[i].height = RoundUp(i == 0 ? height : height / 2);
			const Plane &before = planes_[i];
			const bool isSame = before.width == planes[i].width && before.height == planes[i].height;
			const bool isIntra = (flags & kIFrame) != 0;
			if (!isIntra && (!isSame || before.bytes.empty()))
				return Outcome::kBroken;
			if (!DecodePlane(&words, (flags & kUncompressed[i]) != 0, isIntra ? nullptr : &before,
					 &planes[i])) {
				return Outcome::kBroken;
			}
		}
		planes_ = std::move(planes);
		picture_.width = width;
		picture_.height = height;
		picture_.codedWidth = static_cast<uint32_t>(planes_[0].width);
		picture_.codedHeight = static_cast<uint32_t>(planes_[0].height);
		for (size_t i = 0; i < components; ++i) {
			picture_.planes[i] = planes_[i].bytes.data();
			picture_.strides[i] = static_cast<ptrdiff_t>(planes_[i].width);
		}
		return Outcome::kDone;
	}

	const Picture *Latest(bool isNew) override
	{
		const bool isThere = !picture_.is420 || picture_.planes[0] != nullptr;
		return isThere && (hasNew_ || !isNew) ? &picture_ : nullptr;
	}

      private:
	std::array<Plane, 3> planes_;
	Picture picture_;
	bool hasNew_ = false;
};

} // namespace

std::unique_ptr<Codec> MakeFwht()
{
	return std::make_unique<Fwht>();
}

} // namespace v4l2cuse::decoder
