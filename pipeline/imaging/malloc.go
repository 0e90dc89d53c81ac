package imaging

// #include <malloc.h>
import "C"

import "runtime"

// tuneMalloc makes glibc give frames back when they are freed. By default the
// size from which on it maps memory, instead of keeping it for later, grows with
// every large block that is freed, up to 32 MB: after some progressive 12 MP
// JPEGs, WebPs and PNGs on two threads the process had grown by 305 MB, with a
// fixed size by 125 MB, which is what the images on their way take. Mapping
// anew costs nothing measurable on photographs of 1 to 12 MP, and 4 % of the
// CPU on images of 12 MP that do not stream.
func tuneMalloc() {
	C.mallopt(C.M_MMAP_THRESHOLD, 1<<20)
	C.mallopt(C.M_TRIM_THRESHOLD, 1<<20)
	// libvips starts threads of its own; by default there may be 8 arenas a CPU,
	// each with its own fragments.
	C.mallopt(C.M_ARENA_MAX, C.int(max(2, runtime.NumCPU())))
}

func trimHeap() { C.malloc_trim(0) }
