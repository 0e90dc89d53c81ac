#ifndef SLUICE_LANCZOS_H
#define SLUICE_LANCZOS_H

#include <stddef.h>
#include <stdint.h>

// An axis of a resize: result i is what lies around from + (i + 0.5) * step,
// counted in samples of the source from its first sample's edge.
typedef struct {
	double from, step;
	int n; // samples of the result
} lanczos_axis;

// lanczos_stride is the distance of rows that lanczos_resize asks for: it reads
// whole vectors.
int lanczos_stride(int width);

// lanczos_bytes is what lanczos_resize allocates.
size_t lanczos_bytes(int width, int height, lanczos_axis x, lanczos_axis y);

// lanczos_resize resizes a plane of 8 bits. What lies beyond its width and
// height is taken as its edge. Rows of src are lanczos_stride(width) apart,
// those of dst x.n. Returns 0 if memory is short, else 1.
int lanczos_resize(const uint8_t *src, int width, int height, uint8_t *dst, lanczos_axis x, lanczos_axis y);

#endif
