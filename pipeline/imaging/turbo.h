#include "lanczos.h"

// turbo_axis is how one axis of a plane becomes that of the result's.
struct turbo_axis {
	lanczos_axis samples; // of the image as it is stored, counted in its pixels
	int at;               // where they come, upright
	// Whether the first and the last of them show as much of the background as
	// of the image.
	int half_first, half_last;
};

// A JPEG to decode, resize and encode, all of it on planes of YCbCr.
struct turbo_job {
	int width, height; // of the image as it is stored
	int shrink;        // by the decoder: 1, 2, 4 or 8
	// Of luma and of chroma, upright: x is made of stored rows if it is transposed.
	struct turbo_axis x[2], y[2];
	int transposed, mirror_x, mirror_y; // from stored to upright, in this order
	int out_width, out_height, out_samp; // TJSAMP_*
	int quality;
	uint8_t background[3]; // Y, Cb, Cr
	size_t memory;         // bytes that may be allocated
};

// turbo_render makes the result in *out, to be given to turbo_free, and returns
// 1; or 0 for whatever is not sound, not plain, or not within memory.
int turbo_render(const uint8_t *src, size_t len, const struct turbo_job *job, uint8_t **out, size_t *out_len);
void turbo_free(uint8_t *out);
