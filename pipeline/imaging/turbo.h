#include <stddef.h>
#include <stdint.h>

// A JPEG to decode, resize and encode, all of it on planes of YCbCr.
struct turbo_job {
	int shrink;                      // by the decoder: 1, 2, 4 or 8
	double left, top, right, bottom; // of the image as it is stored, 0 to 1: what is wanted of it
	int width, height;               // of the result as it is stored, both even
	int orientation;                 // EXIF, 1 to 8: how the result is turned upright
	int quality;
	size_t memory;                   // bytes that planes and result may take
};

enum turbo_end { TURBO_DONE, TURBO_DECLINED, TURBO_NO_MEMORY };

// turbo_render makes the result in *out, which belongs to the caller, to be given
// to turbo_free.
enum turbo_end turbo_render(const uint8_t *src, size_t len, const struct turbo_job *job, uint8_t **out, size_t *out_len);
void turbo_free(uint8_t *out);
