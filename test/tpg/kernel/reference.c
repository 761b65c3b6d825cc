/*
 * Draws test pictures with the kernel's own v4l2-tpg, compiled as a program (see make-frames).
 *
 * Each line of standard input is a picture: the numbers in `struct picture` below in that order, then a text to draw
 * (or nothing). The memory planes go to standard output one after the other, with nothing between the pictures. Bytes
 * that tpg leaves alone are 0x5a.
 */
#include <media/tpg/v4l2-tpg.h>

struct picture {
	unsigned fourcc, width, height, field, fieldAlternate, pattern;
	unsigned colorspace, ycbcrEncoding, quantization, xferFunc;
	unsigned brightness, contrast, saturation;
	int hue;
	unsigned hflip, vflip, moveHorizontal, moveVertical, alpha, alphaRedOnly;
	unsigned advance; /* frames before this one */
	unsigned padding; /* bytes after each line of the first component */
	unsigned textX, textY;
	unsigned cropLeft, cropTop, cropWidth, cropHeight; /* cropWidth 0: all */
	unsigned frameWidth, frameHeight;
};

static u8 font[4096];

static unsigned plane_bytes(const struct tpg_data *tpg, unsigned plane)
{
	return tpg_calc_plane_size(tpg, plane);
}

static void draw(const struct picture *p, const char *text)
{
	static struct tpg_data tpg;
	u8 *base[TPG_MAX_PLANES][2];
	u8 *memory, *at;
	unsigned total = 0, plane;

	tpg_init(&tpg, p->width, p->height);
	if (tpg_alloc(&tpg, 16 * p->width))
		exit(1);
	if (!tpg_s_fourcc(&tpg, p->fourcc)) {
		fprintf(stderr, "no format %08x\n", p->fourcc);
		exit(1);
	}
	tpg_reset_source(&tpg, p->width, p->height, p->field);
	tpg_s_field(&tpg, p->field, p->fieldAlternate);
	if (p->cropWidth) {
		unsigned factor = V4L2_FIELD_HAS_T_OR_B(p->field) ? 2 : 1;
		struct v4l2_rect crop = {p->cropLeft, p->cropTop, p->cropWidth, p->cropHeight};
		struct v4l2_rect compose = {0, 0, p->frameWidth, p->frameHeight / factor};

		/* Strides are those of the frame. */
		tpg_s_buf_height(&tpg, compose.height);
		for (plane = 0; plane < tpg_g_planes(&tpg); plane++)
			tpg.bytesperline[plane] = tpg_hdiv(&tpg, plane, p->frameWidth);
		tpg_s_crop_compose(&tpg, &crop, &compose);
	}
	if (p->padding && tpg_g_buffers(&tpg) > 1) {
		for (plane = 0; plane < tpg_g_planes(&tpg); plane++)
			tpg_s_bytesperline(&tpg, plane, tpg_g_bytesperline(&tpg, plane) + p->padding);
	} else if (p->padding) {
		tpg_s_bytesperline(&tpg, 0, tpg_g_bytesperline(&tpg, 0) + p->padding);
	}
	tpg_s_pattern(&tpg, p->pattern);
	tpg_s_colorspace(&tpg, p->colorspace);
	tpg_s_ycbcr_enc(&tpg, p->ycbcrEncoding);
	tpg_s_quantization(&tpg, p->quantization);
	tpg_s_xfer_func(&tpg, p->xferFunc);
	tpg_s_brightness(&tpg, p->brightness);
	tpg_s_contrast(&tpg, p->contrast);
	tpg_s_saturation(&tpg, p->saturation);
	tpg_s_hue(&tpg, p->hue);
	tpg_s_hflip(&tpg, p->hflip);
	tpg_s_vflip(&tpg, p->vflip);
	tpg_s_mv_hor_mode(&tpg, p->moveHorizontal);
	tpg_s_mv_vert_mode(&tpg, p->moveVertical);
	tpg_s_alpha_component(&tpg, p->alpha);
	tpg_s_alpha_mode(&tpg, p->alphaRedOnly);
	for (unsigned n = 0; n < p->advance; n++)
		tpg_update_mv_count(&tpg, V4L2_FIELD_HAS_T_OR_B(p->field));

	for (plane = 0; plane < tpg_g_planes(&tpg); plane++)
		total += plane_bytes(&tpg, plane);
	memory = malloc(total);
	memset(memory, 0x5a, total);
	at = memory;
	for (plane = 0; plane < tpg_g_planes(&tpg); plane++) {
		tpg_calc_text_basep(&tpg, base, plane, at);
		tpg_fill_plane_buffer(&tpg, 0, plane, at);
		at += plane_bytes(&tpg, plane);
	}
	if (*text)
		tpg_gen_text(&tpg, base, p->textY, p->textX, text);
	if (fwrite(memory, 1, total, stdout) != total)
		exit(1);
	free(memory);
	tpg_free(&tpg);
}

int main(int argc, char **argv)
{
	char line[1024];
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;

	if (!file || fread(font, 1, sizeof(font), file) != sizeof(font)) {
		fprintf(stderr, "usage: reference FONT < pictures > frames\n");
		return 2;
	}
	tpg_set_font(font);
	while (fgets(line, sizeof(line), stdin)) {
		struct picture p;
		char *at = line;

		for (unsigned n = 0; n < sizeof(p) / sizeof(unsigned); n++)
			((unsigned *)&p)[n] = strtol(at, &at, 0);
		if (*at == ' ')
			at++;
		at[strcspn(at, "\n")] = 0;
		draw(&p, at);
	}
	return 0;
}
