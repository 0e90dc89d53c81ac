#include "turbo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <zimg.h>

// zimg wants rows and planes aligned to its widest vectors.
#define ALIGN 64

struct plane {
	uint8_t *data;
	int width, height, stride;
};

struct picture {
	struct plane y, cb, cr;
	int samp; // TJSAMP_*
};

static size_t plane_bytes(const struct plane *p) { return (size_t)p->stride * (size_t)p->height; }

// measure sets the sizes of a picture's planes and returns their bytes.
static size_t measure(struct picture *p, int width, int height, int samp) {
	struct plane *planes[3] = {&p->y, &p->cb, &p->cr};
	size_t sum = 0;
	p->samp = samp;
	for (int i = 0; i < (samp == TJSAMP_GRAY ? 1 : 3); i++) {
		planes[i]->width = tjPlaneWidth(i, width, samp);
		planes[i]->height = tjPlaneHeight(i, height, samp);
		planes[i]->stride = (planes[i]->width + ALIGN - 1) / ALIGN * ALIGN;
		sum += plane_bytes(planes[i]);
	}
	return sum;
}

static int allocate(struct picture *p) {
	struct plane *planes[3] = {&p->y, &p->cb, &p->cr};
	for (int i = 0; i < (p->samp == TJSAMP_GRAY ? 1 : 3); i++)
		if (posix_memalign((void **)&planes[i]->data, ALIGN, plane_bytes(planes[i])) != 0) {
			planes[i]->data = NULL;
			return 0;
		}
	return 1;
}

static void release(struct picture *p) {
	free(p->y.data);
	free(p->cb.data);
	free(p->cr.data);
	memset(p, 0, sizeof *p);
}

static enum turbo_end decode(const uint8_t *src, size_t len, int width, int height, struct picture *to) {
	tjhandle tj = tjInitDecompress();
	if (!tj)
		return TURBO_NO_MEMORY;
	uint8_t *planes[3] = {to->y.data, to->cb.data, to->cr.data};
	int strides[3] = {to->y.stride, to->cb.stride, to->cr.stride};
	// LIMITSCANS: a progressive one of more than 500 scans is a bomb; encoders
	// write some 10. Whatever is odd is the general way's to judge.
	int bad = tjDecompressToYUVPlanes(tj, src, len, planes, width, strides, height,
		TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS);
	tjDestroy(tj);
	return bad ? TURBO_DECLINED : TURBO_DONE;
}

// log2 of a chroma plane's subsampling.
static int log2_width(int samp) { return samp == TJSAMP_411 ? 2 : samp == TJSAMP_420 || samp == TJSAMP_422; }
static int log2_height(int samp) { return samp == TJSAMP_420 || samp == TJSAMP_440; }

static void describe(zimg_image_format *f, int width, int height, int samp) {
	zimg_image_format_default(f, ZIMG_API_VERSION);
	f->width = width;
	f->height = height;
	f->pixel_type = ZIMG_PIXEL_BYTE;
	f->depth = 8;
	f->pixel_range = ZIMG_RANGE_FULL; // JFIF
	if (samp == TJSAMP_GRAY) {
		f->color_family = ZIMG_COLOR_GREY;
		return;
	}
	f->color_family = ZIMG_COLOR_YUV;
	f->matrix_coefficients = ZIMG_MATRIX_BT470_BG; // JFIF: that of BT.601
	f->subsample_w = log2_width(samp);
	f->subsample_h = log2_height(samp);
	f->chroma_location = ZIMG_CHROMA_CENTER; // JFIF
}

// resize resizes the wanted region of an image by Lanczos-3, in spare bytes. Of
// the planes, the image takes width x height, which need not be whole numbers.
static enum turbo_end resize(const struct picture *from, double width, double height, const struct turbo_job *job, size_t spare, struct picture *to) {
	zimg_image_format source, result;
	zimg_graph_builder_params params;
	describe(&source, from->y.width, from->y.height, from->samp);
	describe(&result, job->width, job->height, from->samp == TJSAMP_GRAY ? TJSAMP_GRAY : to->samp);
	source.active_region.left = job->left * width;
	source.active_region.top = job->top * height;
	source.active_region.width = (job->right - job->left) * width;
	source.active_region.height = (job->bottom - job->top) * height;
	zimg_graph_builder_params_default(&params, ZIMG_API_VERSION);
	params.resample_filter = params.resample_filter_uv = ZIMG_RESIZE_LANCZOS;
	params.filter_param_a = params.filter_param_a_uv = 3;
	params.dither_type = ZIMG_DITHER_NONE;
	params.cpu_type = ZIMG_CPU_AUTO_64B;

	enum turbo_end end = TURBO_DECLINED;
	void *scratch = NULL;
	size_t size;
	zimg_filter_graph *graph = zimg_filter_graph_build(&source, &result, &params);
	if (!graph)
		return TURBO_DECLINED;
	if (zimg_filter_graph_get_tmp_size(graph, &size) != 0 || size > spare)
		goto done;
	if (posix_memalign(&scratch, ALIGN, size ? size : ALIGN) != 0) {
		scratch = NULL;
		end = TURBO_NO_MEMORY;
		goto done;
	}
	zimg_image_buffer_const in = {ZIMG_API_VERSION};
	zimg_image_buffer out = {ZIMG_API_VERSION};
	const struct plane *ins[3] = {&from->y, &from->cb, &from->cr};
	const struct plane *outs[3] = {&to->y, &to->cb, &to->cr};
	for (int i = 0; i < (from->samp == TJSAMP_GRAY ? 1 : 3); i++) {
		in.plane[i].data = ins[i]->data;
		in.plane[i].stride = ins[i]->stride;
		in.plane[i].mask = ZIMG_BUFFER_MAX;
		out.plane[i].data = outs[i]->data;
		out.plane[i].stride = outs[i]->stride;
		out.plane[i].mask = ZIMG_BUFFER_MAX;
	}
	if (zimg_filter_graph_process(graph, &in, &out, scratch, NULL, NULL, NULL, NULL) == 0)
		end = TURBO_DONE;
done:
	free(scratch);
	zimg_filter_graph_free(graph);
	return end;
}

// turn writes p upright. Exif 2.32, section 4.6.4: where the first row and the
// first column of what is stored are.
static void turn(const struct plane *p, int orientation, struct plane *to) {
	int swap = orientation >= 5;
	int flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8; // of what is stored
	int flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
	for (int y = 0; y < to->height; y++)
		for (int x = 0; x < to->width; x++) {
			int sx = swap ? y : x, sy = swap ? x : y;
			if (flip_x)
				sx = p->width - 1 - sx;
			if (flip_y)
				sy = p->height - 1 - sy;
			to->data[(size_t)y * to->stride + x] = p->data[(size_t)sy * p->stride + sx];
		}
}

static enum turbo_end encode(const struct picture *p, int width, int height, int quality, uint8_t **out, size_t *out_len) {
	tjhandle tj = tjInitCompress();
	if (!tj)
		return TURBO_NO_MEMORY;
	const uint8_t *planes[3] = {p->y.data, p->cb.data, p->cr.data};
	int strides[3] = {p->y.stride, p->cb.stride, p->cr.stride};
	unsigned long size = 0;
	int bad = tjCompressFromYUVPlanes(tj, planes, width, strides, height, p->samp, out, &size, quality, TJFLAG_ACCURATEDCT);
	tjDestroy(tj);
	if (bad) {
		turbo_free(*out);
		*out = NULL;
		return TURBO_DECLINED;
	}
	*out_len = size;
	return TURBO_DONE;
}

void turbo_free(uint8_t *out) {
	if (out)
		tjFree(out);
}

enum turbo_end turbo_render(const uint8_t *src, size_t len, const struct turbo_job *job, uint8_t **out, size_t *out_len) {
	*out = NULL;
	tjhandle tj = tjInitDecompress();
	if (!tj)
		return TURBO_NO_MEMORY;
	int width, height, samp, colours;
	int bad = tjDecompressHeader3(tj, src, len, &width, &height, &samp, &colours);
	tjDestroy(tj);
	if (bad || samp < 0 || (colours != TJCS_YCbCr && colours != TJCS_GRAY))
		return TURBO_DECLINED;

	// The decoder rounds up; a last column of which an eighth is image must not
	// count as a whole one.
	double exact_width = (double)width / job->shrink, exact_height = (double)height / job->shrink;
	tjscalingfactor scale = {1, job->shrink};
	width = TJSCALED(width, scale);
	height = TJSCALED(height, scale);
	// What libvips' own default is for the encoder.
	int result = job->quality >= 90 ? TJSAMP_444 : TJSAMP_420;
	struct picture decoded = {0}, resized = {0}, upright = {0};
	size_t need = measure(&decoded, width, height, samp) + tjBufSize(job->width, job->height, result);
	need += measure(&resized, job->width, job->height, result);
	if (job->orientation > 1)
		need += measure(&upright, job->width, job->height, result) + 2 * ALIGN * (size_t)(job->width + job->height);
	if (need > job->memory)
		return TURBO_DECLINED;

	enum turbo_end end = TURBO_NO_MEMORY;
	if (!allocate(&decoded) || !allocate(&resized))
		goto done;
	if ((end = decode(src, len, width, height, &decoded)) != TURBO_DONE)
		goto done;
	if (samp == TJSAMP_GRAY) { // three components all the same, as everywhere
		memset(resized.cb.data, 128, plane_bytes(&resized.cb));
		memset(resized.cr.data, 128, plane_bytes(&resized.cr));
	}
	if ((end = resize(&decoded, exact_width, exact_height, job, job->memory - need, &resized)) != TURBO_DONE)
		goto done;
	int w = job->width, h = job->height;
	if (job->orientation > 1) {
		if (job->orientation >= 5) {
			w = job->height;
			h = job->width;
		}
		measure(&upright, w, h, result);
		if (!allocate(&upright)) {
			end = TURBO_NO_MEMORY;
			goto done;
		}
		turn(&resized.y, job->orientation, &upright.y);
		turn(&resized.cb, job->orientation, &upright.cb);
		turn(&resized.cr, job->orientation, &upright.cr);
	}
	end = encode(job->orientation > 1 ? &upright : &resized, w, h, job->quality, out, out_len);
done:
	release(&decoded);
	release(&resized);
	release(&upright);
	return end;
}
