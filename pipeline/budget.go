package pipeline

// Budget divides the memory of a worker, in bytes. What is not measured is
// granted: Encoded and Decoded are the sizes of the admission's pools.
type Budget struct {
	Total    int64
	Base     int64 // what is held whatever the input, by decoders too: see baseProcess
	Encoded  int64
	Reserve  int64 // of Encoded; the largest source
	Decoded  int64
	Decoders int
	decoder  int64 // what each holds whatever the image
}

const mib = 1 << 20

const (
	// baseProcess is the resident memory of an idle worker with Temporal's SDK,
	// libvips and its code pages, and of Go's garbage between two collections
	// beside the pools.
	baseProcess = 112 * mib
	// basePartition is a partition's rows that are read ahead or not yet in a
	// checkpoint (uncommittedBytes), and the pages of its file, or what is read
	// of one whose pages are of images.
	basePartition = 24 * mib
	// garbage is what a byte of the encoded pool costs: buffers are kept for the
	// next image, so that classes of sizes that are out of use stay for a while.
	garbagePercent = 125
	// minDecode is the least that a decoder is worth having for: a baseline JPEG
	// of 40 megapixels, or a progressive one of 5.
	minDecode = 32 * mib
	// minEncoded is the least pool for downloads: a source of 8 MiB, and some
	// usual ones beside it.
	minEncoded = 16 * mib
	// usualReserve is for what is stored, which may be larger than any source: a
	// PNG of 16 megapixels of noise.
	usualReserve = 64 * mib
)

// NewBudget divides total among so many partitions at a time and decoders, of
// which it takes away until the rest fits. decoder is what each of them holds
// whatever its image: 0 if they are threads of this process. largest is the
// largest source that is fetched at all: the reserve is for one of these, as far
// as half of what downloads may hold suffices. A *UsageError says how much is
// needed at least.
func NewBudget(total int64, partitions, decoders int, decoder, largest int64) (Budget, error) {
	b := Budget{Total: total, Decoders: decoders, decoder: decoder}
	for {
		b.Base = baseProcess + int64(partitions)*basePartition + int64(b.Decoders)*decoder
		free := total - b.Base
		// A third for downloads: a decode takes several times its source, but is
		// over sooner than a download.
		b.Encoded = max(minEncoded, free/3)
		b.Decoded = free - b.Encoded*garbagePercent/100
		if b.Decoders == 1 || b.Decoded >= int64(b.Decoders)*minDecode {
			break
		}
		b.Decoders--
	}
	if b.Decoded < minDecode {
		least := b.Base + minEncoded*garbagePercent/100 + minDecode
		return Budget{}, Usagef("%d MiB of memory are too little for %d partitions at a time: give --memory %dMiB at least, or fewer --partitions",
			total/mib, partitions, (least+mib-1)/mib+1)
	}
	b.Reserve = min(max(largest, usualReserve), b.Encoded/2)
	return b, nil
}

// GoLimit is what to give to debug.SetMemoryLimit: all but the decodes and
// decoders, which Go's collector does not see.
func (b Budget) GoLimit() int64 { return b.Total - b.Decoded - int64(b.Decoders)*b.decoder - baseC }

// baseC is the part of baseProcess that is not Go's: libvips, libc, code.
const baseC = 32 * mib
