#include "turbo.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

// What TurboJPEG takes besides: contexts and tables, of which 0.3 MB were
// measured, and rows of blocks of all components.
#define CONTEXTS (1 << 19)
#define ROWS (3 * 16)

struct picture {
	int samp; // TJSAMP_*
	int planes;
	uint8_t *data[3];
	int width[3], height[3], stride[3];
};

// lay_out sets the sizes of planes and returns their bytes.
static size_t lay_out(struct picture *p, int width, int height, int samp) {
	size_t sum = 0;
	p->samp = samp;
	p->planes = samp == TJSAMP_GRAY ? 1 : 3;
	for (int i = 0; i < p->planes; i++) {
		p->width[i] = tjPlaneWidth(i, width, samp);
		p->height[i] = tjPlaneHeight(i, height, samp);
		p->stride[i] = lanczos_stride(p->width[i]);
		sum += (size_t)p->stride[i] * p->height[i];
	}
	return sum;
}

static int allocate(struct picture *p) {
	for (int i = 0; i < p->planes; i++) {
		p->data[i] = malloc((size_t)p->stride[i] * p->height[i]);
		if (!p->data[i])
			return 0;
	}
	return 1;
}

static void release(struct picture *p) {
	for (int i = 0; i < p->planes; i++) {
		free(p->data[i]);
		p->data[i] = NULL;
	}
}

// only_scale reports whether TurboJPEG, which is told a size and takes the
// largest scale that gives no more, takes 1/shrink: of an image of a few pixels
// others come to the same size.
static int only_scale(const struct turbo_job *job, int width, int height) {
	int n;
	const tjscalingfactor *f = tjGetScalingFactors(&n);
	for (int i = 0; i < n; i++)
		if (TJSCALED(job->width, f[i]) <= width && TJSCALED(job->height, f[i]) <= height)
			return f[i].num * job->shrink == f[i].denom;
	return 0;
}

// plane_axis is a in samples of plane i of what the decoder makes.
static lanczos_axis plane_axis(const struct turbo_axis *a, int pixels) {
	lanczos_axis s = a->samples;
	s.from /= pixels;
	s.step /= pixels;
	return s;
}

// axes are those of the stored image, of plane i.
static void axes(const struct turbo_job *job, int samp, int i, lanczos_axis *x, lanczos_axis *y) {
	int across = job->shrink * (i ? tjMCUWidth[samp] / 8 : 1);
	int down = job->shrink * (i ? tjMCUHeight[samp] / 8 : 1);
	const struct turbo_axis *a = &job->x[i > 0], *b = &job->y[i > 0];
	*x = plane_axis(job->transposed ? b : a, across);
	*y = plane_axis(job->transposed ? a : b, down);
}

static uint8_t between(int a, int b) { return (a + b + 1) / 2; }

// place turns samples upright, to where they belong in a plane.
static void place(uint8_t *plane, int stride, const uint8_t *samples, const struct turbo_axis *x, const struct turbo_axis *y, const struct turbo_job *job, uint8_t background) {
	int across = x->samples.n, down = y->samples.n;
	ptrdiff_t step = job->transposed ? down : 1, line = job->transposed ? 1 : across;
	if (job->mirror_x) {
		samples += (across - 1) * step;
		step = -step;
	}
	if (job->mirror_y) {
		samples += (down - 1) * line;
		line = -line;
	}
	for (int j = 0; j < down; j++, samples += line) {
		uint8_t *to = plane + (size_t)(y->at + j) * stride + x->at;
		if (step == 1)
			memcpy(to, samples, across);
		else
			for (int i = 0; i < across; i++)
				to[i] = samples[i * step];
		if (x->half_first)
			to[0] = between(to[0], background);
		if (x->half_last)
			to[across - 1] = between(to[across - 1], background);
		if ((j == 0 && y->half_first) || (j == down - 1 && y->half_last))
			for (int i = 0; i < across; i++)
				to[i] = between(to[i], background);
	}
}

// extend repeats the last column and row of luma where chroma reaches further.
static void extend(struct picture *p, int width, int height) {
	int stride = p->stride[0], more = p->width[0] - width;
	for (int y = 0; more > 0 && y < height; y++) {
		uint8_t *end = p->data[0] + (size_t)y * stride + width;
		memset(end, end[-1], more);
	}
	for (int y = height; y < p->height[0]; y++)
		memcpy(p->data[0] + (size_t)y * stride, p->data[0] + (size_t)(y - 1) * stride, stride);
}

static int resize(const struct picture *from, int width, int height, const struct turbo_job *job, struct picture *to) {
	for (int i = 0; i < to->planes; i++) {
		lanczos_axis x, y;
		axes(job, from->samp, i, &x, &y);
		uint8_t *samples = malloc((size_t)x.n * y.n);
		int ok = samples != NULL;
		if (ok && i < from->planes) {
			// TurboJPEG's luma is rounded up to whole samples of chroma.
			int w = i ? from->width[i] : width, h = i ? from->height[i] : height;
			ok = lanczos_resize(from->data[i], w, h, samples, x, y);
		} else if (ok) {
			memset(samples, 128, (size_t)x.n * y.n); // grey
		}
		if (ok) {
			memset(to->data[i], job->background[i], (size_t)to->stride[i] * to->height[i]);
			place(to->data[i], to->stride[i], samples, &job->x[i > 0], &job->y[i > 0], job, job->background[i]);
		}
		free(samples);
		if (!ok)
			return 0;
	}
	extend(to, job->out_width, job->out_height);
	return 1;
}

static int encode(const struct picture *p, const struct turbo_job *job, size_t room, uint8_t **out, size_t *out_len) {
	unsigned long size = room;
	tjhandle tj = tjInitCompress();
	*out = malloc(room);
	int ok = tj && *out &&
		tjCompressFromYUVPlanes(tj, (const uint8_t **)p->data, job->out_width, p->stride, job->out_height,
			p->samp, out, &size, job->quality, TJFLAG_NOREALLOC | TJFLAG_ACCURATEDCT) == 0;
	if (tj)
		tjDestroy(tj);
	if (!ok) {
		turbo_free(*out);
		*out = NULL;
	}
	*out_len = size;
	return ok;
}

void turbo_free(uint8_t *out) { free(out); }

// most is what is held at once: what is decoded and resized, then the result's
// planes and what they are encoded to.
static size_t most(const struct turbo_job *job, const struct picture *from, int width, int height, size_t decoded, size_t result, size_t encoded) {
	size_t resizing = 0;
	for (int i = 0; i < 3; i++) {
		lanczos_axis x, y;
		axes(job, from->samp, i, &x, &y);
		size_t sum = (size_t)x.n * y.n;
		if (i < from->planes)
			sum += lanczos_bytes(from->width[i], from->height[i], x, y);
		resizing = sum > resizing ? sum : resizing;
	}
	size_t before = decoded + resizing;
	int rows = width > job->out_width ? width : job->out_width;
	return CONTEXTS + (size_t)ROWS * (rows + 32) + result + (before > encoded ? before : encoded);
}

int turbo_render(const uint8_t *src, size_t len, const struct turbo_job *job, uint8_t **out, size_t *out_len) {
	struct picture decoded = {0}, result = {0};
	tjscalingfactor scale = {1, job->shrink};
	int width = TJSCALED(job->width, scale), height = TJSCALED(job->height, scale);
	int w, h, samp, colours, ok = 0;
	tjhandle tj = tjInitDecompress();
	if (!tj || tjDecompressHeader3(tj, src, len, &w, &h, &samp, &colours) != 0)
		goto done;
	if (w != job->width || h != job->height || samp < 0 || !only_scale(job, width, height) ||
		colours != (samp == TJSAMP_GRAY ? TJCS_GRAY : TJCS_YCbCr))
		goto done;
	size_t before = lay_out(&decoded, width, height, samp);
	size_t after = lay_out(&result, job->out_width, job->out_height, job->out_samp);
	size_t room = tjBufSize(job->out_width, job->out_height, job->out_samp);
	if (most(job, &decoded, width, height, before, after, room) > job->memory)
		goto done;
	// A warning may be lost data. A progressive one of more than 500 scans is a
	// bomb; encoders write some 10.
	ok = allocate(&decoded) &&
		tjDecompressToYUVPlanes(tj, src, len, decoded.data, width, decoded.stride, height,
			TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT) == 0 &&
		allocate(&result) && resize(&decoded, width, height, job, &result);
	release(&decoded);
	ok = ok && encode(&result, job, room, out, out_len);
done:
	if (tj)
		tjDestroy(tj);
	release(&decoded);
	release(&result);
	return ok;
}
