#include "lanczos.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Lanczos-3 in single precision, rows first. The libraries for it prepare for a
// size at length, and here each image has its own: with zimg a thumbnail took
// 1.12 times the CPU in all.
//
// Sums are made in one order, whatever the vectors' width, so that a result is
// the same on every CPU of an architecture.

#define LOBES 3
#define LANES 8

typedef float floats __attribute__((vector_size(4 * LANES), aligned(4)));
typedef float four __attribute__((vector_size(16), aligned(4)));
typedef int four_ints __attribute__((vector_size(16), aligned(4)));

// AVX2 where there is; without FMA, which rounds otherwise.
#if defined(__x86_64__) && defined(__GLIBC__)
#define CLONED __attribute__((target_clones("avx2", "default")))
#else
#define CLONED
#endif

// kernel is Lanczos-3 from 0 to its end, by steps of 1/RESOLUTION: between them
// a straight line is right to 1e-6.
#define RESOLUTION 1024
static float kernel[LOBES * RESOLUTION + 2];

__attribute__((constructor)) static void make_kernel(void) {
	kernel[0] = 1;
	for (int i = 1; i < LOBES * RESOLUTION; i++) {
		double x = M_PI * i / RESOLUTION;
		kernel[i] = LOBES * sin(x) * sin(x / LOBES) / (x * x);
	}
}

static inline float kernel_at(double x) {
	double at = fabs(x) * RESOLUTION;
	if (at >= LOBES * RESOLUTION) {
		return 0;
	}
	int i = at;
	float part = at - i;
	return kernel[i] + part * (kernel[i + 1] - kernel[i]);
}

// weights of one axis: result i is the sum of taps samples from first[i] on.
typedef struct {
	int taps; // a multiple of LANES
	int *first;
	float *weight;
} weights;

static int taps_of(int samples, lanczos_axis a) {
	double reach = 2 * LOBES * fmax(1, a.step) + 2;
	int taps = reach < samples ? (int)reach : samples;
	return (taps + LANES - 1) / LANES * LANES;
}

// lines is memory that begins with a cache line: after malloc, by chance of the
// heap, each second vector would lie across two.
static void *lines(size_t bytes) { return aligned_alloc(64, (bytes + 63) / 64 * 64); }

static void *zeroed_lines(size_t bytes) {
	void *p = lines(bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

// make_weights returns whether there was memory for them.
static int make_weights(weights *w, int samples, lanczos_axis a) {
	w->taps = taps_of(samples, a);
	// Four more, so that results can be made by fours.
	w->first = calloc(a.n + 4, sizeof(int));
	w->weight = zeroed_lines(sizeof(float) * (a.n + 4) * w->taps);
	if (!w->first || !w->weight) {
		return 0;
	}
	double scale = fmax(1, a.step);
	for (int i = 0; i < a.n; i++) {
		double centre = a.from + (i + 0.5) * a.step - 0.5;
		int low = (int)ceil(centre - LOBES * scale);
		int high = (int)floor(centre + LOBES * scale);
		int last = samples - 1;
		int first = low < 0 ? 0 : low > last ? last : low;
		float *to = w->weight + (size_t)i * w->taps, sum = 0;
		for (int k = low; k <= high; k++) {
			float v = kernel_at((k - centre) / scale);
			int at = k < 0 ? 0 : k > last ? last : k;
			to[at - first] += v;
			sum += v;
		}
		for (int k = 0; k < w->taps; k++) {
			to[k] /= sum;
		}
		w->first[i] = first;
	}
	return 1;
}

static size_t weights_bytes(int samples, lanczos_axis a) {
	return (size_t)(a.n + 4) * (sizeof(int) + sizeof(float) * taps_of(samples, a));
}

static void free_weights(weights *w) {
	free(w->first);
	free(w->weight);
}

int lanczos_stride(int width) { return (width + 63) / 64 * 64; }

size_t lanczos_bytes(int width, int height, lanczos_axis x, lanczos_axis y) {
	size_t row = sizeof(float) * lanczos_stride(width);
	return weights_bytes(width, x) + weights_bytes(height, y) + row * (taps_of(height, y) + 1) +
		sizeof(float) * taps_of(width, x) + sizeof(int) * (x.n + 4);
}

// widen makes floats of a row, n being a multiple of 64.
CLONED static void widen(float *restrict dst, const uint8_t *restrict src, int n) {
	for (int x = 0; x < n; x += 64) {
		for (int k = 0; k < 64; k++) {
			dst[x + k] = src[x + k];
		}
	}
}

// mix sums up rows, as many as there are weights, of a ring of size rows.
CLONED static void mix(float *dst, const float *ring, int size, int at, int stride, const float *weight, int rows) {
	for (int x = 0; x < stride; x += 4 * LANES) {
		floats a = {0}, b = {0}, c = {0}, d = {0};
		for (int k = 0, r = at; k < rows; k++, r = r + 1 < size ? r + 1 : 0) {
			const float *s = ring + (size_t)r * stride + x;
			float w = weight[k];
			a += w * *(const floats *)s;
			b += w * *(const floats *)(s + LANES);
			c += w * *(const floats *)(s + 2 * LANES);
			d += w * *(const floats *)(s + 3 * LANES);
		}
		*(floats *)(dst + x) = a;
		*(floats *)(dst + x + LANES) = b;
		*(floats *)(dst + x + 2 * LANES) = c;
		*(floats *)(dst + x + 3 * LANES) = d;
	}
}

// dot is the sum of products, by four lanes.
#define DOT(sum, row, weight, taps)                                                  \
	do {                                                                             \
		floats s = {0};                                                              \
		for (int k = 0; k < (taps); k += LANES) {                                    \
			s += *(const floats *)((row) + k) * *(const floats *)((weight) + k);     \
		}                                                                            \
		sum = (four){s[0], s[1], s[2], s[3]} + (four){s[4], s[5], s[6], s[7]};       \
	} while (0)

// narrow makes a row of the result: four sums at a time, whose lanes are added
// across. n is rounded up to four, sums has room for that.
CLONED static void narrow(int *restrict sums, const float *row, const int *first, const float *weight, int taps, int n) {
	for (int i = 0; i < n; i += 4, first += 4, weight += 4 * taps) {
		four a, b, c, d;
		DOT(a, row + first[0], weight, taps);
		DOT(b, row + first[1], weight + taps, taps);
		DOT(c, row + first[2], weight + 2 * taps, taps);
		DOT(d, row + first[3], weight + 3 * taps, taps);
		four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
		four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
		four sum = __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
		*(four_ints *)(sums + i) = __builtin_convertvector(sum + 0.5f, four_ints);
	}
}

CLONED static void clamp(uint8_t *restrict dst, const int *restrict sums, int n) {
	for (int i = 0; i < n; i++) {
		int v = sums[i];
		dst[i] = v < 0 ? 0 : v > 255 ? 255 : v;
	}
}

int lanczos_resize(const uint8_t *src, int width, int height, uint8_t *dst, lanczos_axis x, lanczos_axis y) {
	int stride = lanczos_stride(width), ok = 0, have = 0;
	weights wx = {0}, wy = {0};
	float *ring = NULL, *row = NULL;
	int *sums = NULL;
	if (!make_weights(&wx, width, x) || !make_weights(&wy, height, y)) {
		goto done;
	}
	ring = lines(sizeof(float) * stride * wy.taps);
	// Taps that are there for the vectors' sake reach beyond a row's end.
	row = zeroed_lines(sizeof(float) * (stride + wx.taps));
	sums = malloc(sizeof(int) * (x.n + 4));
	if (!ring || !row || !sums) {
		goto done;
	}
	for (int i = 0; i < y.n; i++) {
		int first = wy.first[i], rows = height - first;
		const float *weight = wy.weight + (size_t)i * wy.taps;
		for (rows = rows < wy.taps ? rows : wy.taps; rows > 1 && weight[rows - 1] == 0;) {
			rows--;
		}
		for (have = have < first ? first : have; have < first + rows; have++) {
			widen(ring + (size_t)(have % wy.taps) * stride, src + (size_t)have * stride, stride);
		}
		mix(row, ring, wy.taps, first % wy.taps, stride, weight, rows);
		narrow(sums, row, wx.first, wx.weight, wx.taps, x.n);
		clamp(dst + (size_t)i * x.n, sums, x.n);
	}
	ok = 1;
done:
	free(sums);
	free(row);
	free(ring);
	free_weights(&wx);
	free_weights(&wy);
	return ok;
}
