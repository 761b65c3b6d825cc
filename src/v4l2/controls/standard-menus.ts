/** Items of the standard menus, by control; the position in the list is the item's index. */
import { Cid } from "./control-types.js";

/** `|` parts the items; an empty item is a hole in the menu. */
const items = (text: string): readonly string[] => text.split("|");

const kbps = (...rates: number[]): readonly string[] => rates.map((rate) => `${rate} kbps`);

const dvItContentType = items("Graphics|Photo|Cinema|Game|No IT Content");
const dvRgbRange = items("Automatic|RGB Limited Range (16-235)|RGB Full Range (0-255)");
const mpegAudioDecPlayback = items("Auto|Stereo|Left|Right|Mono|Swapped Stereo");
const tuneEmphasis = items("None|50 Microseconds|75 Microseconds");

export const standardMenus: Readonly<Partial<Record<number, readonly string[]>>> = {
  [Cid.PowerLineFrequency]: items("Disabled|50 Hz|60 Hz|Auto"),
  [Cid.Colorfx]: items(
    "None|Black & White|Sepia|Negative|Emboss|Sketch|Sky Blue|Grass Green|Skin Whiten|Vivid|Aqua|Art Freeze|Silhouette|Solarization|Antique|Set Cb/Cr",
  ),
  [Cid.MpegStreamType]: items(
    "MPEG-2 Program Stream|MPEG-2 Transport Stream|MPEG-1 System Stream|MPEG-2 DVD-compatible Stream|MPEG-1 VCD-compatible Stream|MPEG-2 SVCD-compatible Stream",
  ),
  [Cid.MpegStreamVbiFmt]: items("No VBI|Private Packet, IVTV Format"),
  [Cid.MpegAudioSamplingFreq]: items("44.1 kHz|48 kHz|32 kHz"),
  [Cid.MpegAudioEncoding]: items("MPEG-1/2 Layer I|MPEG-1/2 Layer II|MPEG-1/2 Layer III|MPEG-2/4 AAC|AC-3"),
  [Cid.MpegAudioL1Bitrate]: kbps(32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
  [Cid.MpegAudioL2Bitrate]: kbps(32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
  [Cid.MpegAudioL3Bitrate]: kbps(32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
  [Cid.MpegAudioMode]: items("Stereo|Joint Stereo|Dual|Mono"),
  [Cid.MpegAudioModeExtension]: items("Bound 4|Bound 8|Bound 12|Bound 16"),
  [Cid.MpegAudioEmphasis]: items("No Emphasis|50/15 us|CCITT J17"),
  [Cid.MpegAudioCrc]: items("No CRC|16-bit CRC"),
  [Cid.MpegAudioAc3Bitrate]: kbps(
    32,
    40,
    48,
    56,
    64,
    80,
    96,
    112,
    128,
    160,
    192,
    224,
    256,
    320,
    384,
    448,
    512,
    576,
    640,
  ),
  [Cid.MpegAudioDecPlayback]: mpegAudioDecPlayback,
  [Cid.MpegAudioDecMultilingualPlayback]: mpegAudioDecPlayback,
  [Cid.MpegVideoEncoding]: items("MPEG-1|MPEG-2|MPEG-4 AVC"),
  [Cid.MpegVideoAspect]: items("1x1|4x3|16x9|2.21x1"),
  [Cid.MpegVideoBitrateMode]: items("Variable Bitrate|Constant Bitrate|Constant Quality"),
  [Cid.MpegVideoHeaderMode]: items("Separate Buffer|Joined With 1st Frame"),
  [Cid.MpegVideoMultiSliceMode]: items("Single|Max Macroblocks|Max Bytes"),
  [Cid.MpegVideoIntraRefreshPeriodType]: items("Random|Cyclic"),
  [Cid.MpegVideoMpeg2Level]: items("Low|Main|High 1440|High"),
  [Cid.MpegVideoMpeg2Profile]: items("Simple|Main|SNR Scalable|Spatially Scalable|High"),
  [Cid.MpegVideoH264EntropyMode]: items("CAVLC|CABAC"),
  [Cid.MpegVideoH264Level]: items("1|1b|1.1|1.2|1.3|2|2.1|2.2|3|3.1|3.2|4|4.1|4.2|5|5.1|5.2|6.0|6.1|6.2"),
  [Cid.MpegVideoH264LoopFilterMode]: items("Enabled|Disabled|Disabled at Slice Boundary"),
  [Cid.MpegVideoH264Profile]: items(
    "Baseline|Constrained Baseline|Main|Extended|High|High 10|High 422|High 444 Predictive|High 10 Intra|High 422 Intra|High 444 Intra|CAVLC 444 Intra|Scalable Baseline|Scalable High|Scalable High Intra|Stereo High|Multiview High|Constrained High",
  ),
  [Cid.MpegVideoH264VuiSarIdc]: items(
    "Unspecified|1:1|12:11|10:11|16:11|40:33|24:11|20:11|32:11|80:33|18:11|15:11|64:33|160:99|4:3|3:2|2:1|Extended SAR",
  ),
  [Cid.MpegVideoH264SeiFpArrangementType]: items("Checkerboard|Column|Row|Side by Side|Top Bottom|Temporal"),
  [Cid.MpegVideoH264FmoMapType]: items(
    "Interleaved Slices|Scattered Slices|Foreground with Leftover|Box Out|Raster Scan|Wipe Scan|Explicit",
  ),
  [Cid.MpegVideoH264HierarchicalCodingType]: items("Hier Coding B|Hier Coding P"),
  [Cid.MpegVideoMpeg4Level]: items("0|0b|1|2|3|3b|4|5"),
  [Cid.MpegVideoMpeg4Profile]: items(
    "Simple|Advanced Simple|Core|Simple Scalable|Advanced Coding Efficiency",
  ),
  [Cid.MpegVideoVpxGoldenFrameSel]: items("Use Previous Frame|Use Previous Specific Frame"),
  [Cid.MpegVideoVp8Profile]: items("0|1|2|3"),
  [Cid.MpegVideoVp9Profile]: items("0|1|2|3"),
  [Cid.MpegVideoVp9Level]: items("1|1.1|2|2.1|3|3.1|4|4.1|5|5.1|5.2|6|6.1|6.2"),
  [Cid.MpegVideoHevcHierCodingType]: items("B|P"),
  [Cid.MpegVideoHevcProfile]: items("Main|Main Still Picture|Main 10"),
  [Cid.MpegVideoHevcLevel]: items("1|2|2.1|3|3.1|4|4.1|5|5.1|5.2|6|6.1|6.2"),
  [Cid.MpegVideoHevcTier]: items("Main|High"),
  [Cid.MpegVideoHevcLoopFilterMode]: items("Disabled|Enabled|Disabled at slice boundary"),
  [Cid.MpegVideoHevcRefreshType]: items("None|CRA|IDR"),
  [Cid.MpegVideoHevcSizeOfLengthField]: items("0|1|2|4"),
  [Cid.MpegVideoFrameSkipMode]: items("Disabled|Level Limit|VBV/CPB Limit"),
  [Cid.MpegVideoAv1Profile]: items("Main|High|Professional"),
  [Cid.MpegVideoAv1Level]: items(
    "2.0|2.1|2.2|2.3|3.0|3.1|3.2|3.3|4.0|4.1|4.2|4.3|5.0|5.1|5.2|5.3|6.0|6.1|6.2|6.3|7.0|7.1|7.2|7.3",
  ),
  [Cid.ExposureAuto]: items("Auto Mode|Manual Mode|Shutter Priority Mode|Aperture Priority Mode"),
  [Cid.AutoNPresetWhiteBalance]: items(
    "Manual|Auto|Incandescent|Fluorescent|Fluorescent H|Horizon|Daylight|Flash|Cloudy|Shade",
  ),
  [Cid.IsoSensitivityAuto]: items("Manual|Auto"),
  [Cid.ExposureMetering]: items("Average|Center Weighted|Spot|Matrix"),
  [Cid.SceneMode]: items(
    "None|Backlight|Beach/Snow|Candle Light|Dusk/Dawn|Fall Colors|Fireworks|Landscape|Night|Party/Indoor|Portrait|Sports|Sunset|Text",
  ),
  [Cid.AutoFocusRange]: items("Auto|Normal|Macro|Infinity"),
  [Cid.CameraOrientation]: items("Front|Back|External"),
  [Cid.TunePreemphasis]: tuneEmphasis,
  [Cid.FlashLedMode]: items("Off|Flash|Torch"),
  [Cid.FlashStrobeSource]: items("Software|External"),
  [Cid.JpegChromaSubsampling]: items("4:4:4|4:2:2|4:2:0|4:1:1|4:1:0|Gray"),
  [Cid.DvTxMode]: items("DVI-D|HDMI"),
  [Cid.DvTxRgbRange]: dvRgbRange,
  [Cid.DvTxItContentType]: dvItContentType,
  [Cid.DvRxRgbRange]: dvRgbRange,
  [Cid.DvRxItContentType]: dvItContentType,
  [Cid.TuneDeemphasis]: tuneEmphasis,
  [Cid.DetectMdMode]: items("Disabled|Global|Threshold Grid|Region Grid"),
  [Cid.StatelessH264DecodeMode]: items("Slice-Based|Frame-Based"),
  [Cid.StatelessH264StartCode]: items("No Start Code|Annex B Start Code"),
  [Cid.StatelessHevcDecodeMode]: items("Slice-Based|Frame-Based"),
  [Cid.StatelessHevcStartCode]: items("No Start Code|Annex B Start Code"),
};

export const standardIntMenus: Readonly<Partial<Record<number, readonly bigint[]>>> = {
  [Cid.MpegVideoVpxNumPartitions]: [1n, 2n, 4n, 8n],
  [Cid.MpegVideoVpxNumRefFrames]: [1n, 2n, 3n],
};
