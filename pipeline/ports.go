package pipeline

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// The core declares what it needs of the world here, and each interface is
// implemented in one sub-package: Store in storing, Tables in tables, Fetcher
// in fetching, Imager in imaging. Journal is the caller's.

// Object is one stored object, as a listing shows it.
type Object struct {
	Key  string // relative to the store
	Size int64  // bytes
	// Version changes whenever the bytes do: the ETag, else size and
	// modification time.
	Version string
	ModTime time.Time
}

// Store is a bucket or folder. Keys are relative to it, separated by slashes.
//
// A missing object is an error that wraps fs.ErrNotExist, a condition that does
// not hold is one that wraps fs.ErrExist; every other error is a fault of our
// surroundings, whose message names the store and is fit for one line of the
// Temporal UI. A store that is not there, or may not be used, wraps a *Refusal.
type Store interface {
	// URL names the store, without credentials.
	URL() string
	// Write stores body under key, whole or not at all: on any error, and when
	// ctx ends, nothing appears under key that is not whole.
	Write(ctx context.Context, key string, body []byte, opts *WriteOptions) error
	// Stream is Write with the body made by fill. An error of fill leaves no
	// object, and is returned.
	Stream(ctx context.Context, key string, fill func(io.Writer) error, opts *WriteOptions) error
	Read(ctx context.Context, key string) ([]byte, error)
	// Open gives random access to an object by ranged reads.
	Open(ctx context.Context, key string) (ObjectReader, error)
	Stat(ctx context.Context, key string) (Object, error)
	// List yields the objects whose keys begin with prefix, in the order of
	// their keys. Temporary files of unfinished writes are left out.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Delete removes key; a missing one is no error.
	Delete(ctx context.Context, key string) error
	// Sweep removes what writes have left behind that were begun before a time
	// and never came to an end: temporary files, open uploads.
	Sweep(ctx context.Context, before time.Time) (removed int, err error)
}

// WriteOptions are optional; nil is all defaults.
type WriteOptions struct {
	ContentType string
	// IfAbsent refuses to replace an object, by fs.ErrExist. On file:// two
	// writers at the same instant can both succeed; there is no such gap on S3,
	// GCS and Azure.
	IfAbsent bool
	// IfVersion refuses to replace an object of another version than this one, and
	// to write where there is none, by fs.ErrExist. "" writes whatever is there.
	// On file:// another writer can come between the look and the write; there is
	// no such gap on S3, GCS and Azure.
	IfVersion string
}

// ObjectReader reads one object at random. It is safe for concurrent use, and
// it keeps the context of the Open that made it.
type ObjectReader interface {
	io.ReaderAt
	io.Closer
	Object() Object
}

// Tables reads Parquet datasets, and reads and writes manifests.
type Tables interface {
	// Inspect reads the footer of a dataset's file. A *FileError if it cannot
	// be read as Parquet.
	Inspect(ctx context.Context, dataset Store, file Object) (FileInfo, error)
	// Open prepares to read the rows of a partition. A *FileError if the file
	// is not what the partition was planned on.
	Open(ctx context.Context, dataset Store, p Partition, spec Spec) (Table, error)
	// Reopen is Open for the rows of p.Redo: they are read from the manifest of p,
	// and nothing of the dataset is.
	Reopen(ctx context.Context, out Store, p Partition) (Table, error)
	// Merge writes a partition's manifest: the rows of its parts, each a key of
	// out, in row order. For a redo, the rows that are not done again are those
	// of the manifest that is replaced. It fails unless these are the rows of p,
	// each once.
	// The bytes are a function of the parts' bytes, of p and of nothing else.
	Merge(ctx context.Context, out Store, parts []string, p Partition, w io.Writer) (Counts, error)
	// Summary reads a manifest's footer.
	Summary(ctx context.Context, out Store, key string) (ManifestSummary, error)
	// Scan yields a manifest's or a part's rows in their order, without their
	// kept columns.
	Scan(ctx context.Context, out Store, key string) iter.Seq2[Outcome, error]
}

// FileInfo is what planning needs of a Parquet file.
type FileInfo struct {
	Rows      int64
	RowGroups []int64 // rows in each
	// OffsetIndex is whether every row group can be entered at a page.
	OffsetIndex bool
	Columns     []ColumnInfo
}

// ColumnInfo is a top-level column.
type ColumnInfo struct {
	Name string
	Type string // as Parquet names it: "string", "int64", "list", ...
	// Source is whether it can hold sources: strings, or bytes that are.
	Source bool
	// Embedded is whether it can hold the images themselves: bytes, or a struct
	// of bytes and path. Bytes can be either, row by row.
	Embedded bool
	// Scalar is whether it holds one value a row, and so can be kept.
	Scalar bool
}

// ManifestSummary is kept in a manifest's footer.
type ManifestSummary struct {
	Partition Partition
	Counts    Counts
	Redo      string // ID of the Redo that made it, "" if none did
	Version   string // of the manifest
}

// Table is a partition open for reading.
type Table interface {
	// Rows yields the rows in want, in order, row group by row group. The
	// file's version is compared after each row group was read and before a
	// row of it is yielded: a *FileError says that it changed. A row's Image may
	// still be in the file: it can be read until the next row is asked for, and
	// is passed over otherwise.
	Rows(ctx context.Context, want Runs) iter.Seq2[Row, error]
	// EncodePart makes a part: a manifest over outcomes, which are sorted by
	// row.
	EncodePart(outcomes []Outcome) ([]byte, error)
	Close() error
}

// Image is an image that the dataset itself holds. It is not simply bytes
// because those of a large one are to be admitted before they are read, and only
// who takes the row can do that.
type Image interface {
	Size() int64 // bytes
	// Read is the image whole. What the caller was granted covers it.
	Read(ctx context.Context) ([]byte, error)
}

// Fetcher downloads sources.
type Fetcher interface {
	// Fetch reads source whole into memory. grant admits what it holds: it is
	// grown before a buffer is, as the length announced or the body itself says.
	// The bytes belong to the caller until the grant is released.
	// Failures of the source are *RowError.
	Fetch(ctx context.Context, dataset Store, source string, grant *Grant) (Body, error)
}

// Limited is a Fetcher that refuses what is too large. Images that are not
// fetched, because the dataset itself holds them, are held to the same.
type Limited interface {
	// TooLarge is the error of a source of so many bytes, nil if that is allowed.
	TooLarge(size int64) error
}

// Visitor is a Fetcher that knows when an origin may be asked, and asks again
// where that helps. What is none is asked once for each source, at once.
type Visitor interface {
	// Visit prepares to fetch source, and asks nothing yet.
	Visit(dataset Store, source string, share Share) Visit
}

// Share is what a run asks for of what the worker's operator allows. It is never
// more than that.
type Share struct {
	// Run names the run: its partitions have the share together.
	Run string
	// PerHost is how many connections there are to one host at a time; 0 is as
	// many as are allowed.
	PerHost int
}

// Visit is what one pass does for one source. It belongs to one goroutine at a
// time. Its failures are *RowError, those of Ready and Wait among them: such a
// source is not asked for in this pass.
type Visit interface {
	// Ready reports whether Fetch may be called now. If so, what that takes (a
	// connection to the host) is held until Fetch returns or Close is called.
	Ready() (bool, error)
	// Wait waits until Fetch may be called, holding nothing meanwhile.
	Wait(ctx context.Context) error
	// Fetch is Fetcher's. ErrLater asks for another Wait and another Fetch, and
	// for what was granted back until then.
	Fetch(ctx context.Context, grant *Grant) (Body, error)
	Close()
	Trace() Trace
}

// ErrLater is a source that is to be asked again, or elsewhere, in a while.
var ErrLater = errors.New("to be fetched later in this pass")

// Trace is what a visit has done so far.
type Trace struct {
	Tries    int    // how often the source was asked for
	FinalURL string // where redirects led; "" if there was none
}

// Body is a fetched source.
type Body struct {
	Bytes      []byte
	HTTPStatus int // 0 if it did not come over HTTP
	// Free gives the buffer back; Bytes must not be touched afterwards.
	Free func()
}

// Imager turns encoded images into encoded images.
type Imager interface {
	// Probe reads the header, in memory and without decoding a pixel.
	// *RowError: Unsupported, Corrupt, Truncated (within the header), Empty,
	// TooManyPixels. What is cut off behind its header is no error here, but
	// Header.Truncated.
	Probe(src []byte) (Header, error)
	// Cost is the memory of Render in bytes, from above.
	Cost(h Header, t Target) int64
	// Render decodes, orients, resizes and encodes. *RowError: Corrupt,
	// Truncated and, by what the decoder runs in, others. Every other error is a
	// fault of the decoder's surroundings.
	Render(ctx context.Context, src []byte, h Header, t Target) (Rendition, error)
}

// Isolated is an Imager that renders in other processes. There a render holds a
// copy of its source, and what kills it is the failure of its row, so that the
// death of this process accuses no row.
type Isolated interface {
	Imager
	Isolated()
}

// Header is what the first bytes of an image say about it.
type Header struct {
	Format        string // "jpeg", "png", "webp", "gif", "tiff", "avif", "heic"
	Width, Height int    // pixels, as stored (before orientation)
	Bands         int    // 1 to 5; 0 is unknown
	Depth         int    // bits a band
	Progressive   bool   // progressive JPEG, interlaced PNG
	Lossless      bool   // lossless WebP
	Alpha         bool
	// Subsampled is whether the chroma of a JPEG is 4:2:0.
	Subsampled  bool
	Orientation int // EXIF, 1 to 8; 0 is unknown and taken as 1
	// Chunk is how many rows have to be decoded at once: those of a TIFF's strip
	// or tile; 0 where that says nothing.
	Chunk int
	// Skip is the junk before the image, bytes.
	Skip int
	// Truncated says what is missing of the image, "" if it is whole.
	Truncated string
}

// Accept is the error of an image that is known to be cut off, unless t takes
// it.
func (h Header) Accept(t Target) error {
	if h.Truncated == "" || t.AcceptTruncated {
		return nil
	}
	return Fail(Truncated, "%s", h.Truncated)
}

// Pixels is the number of pixels. 64 bits: 65,536 x 65,536 wraps in 32.
func (h Header) Pixels() uint64 { return uint64(h.Width) * uint64(h.Height) }

// Rendition is an image ready to be stored.
type Rendition struct {
	Bytes         []byte
	Width, Height int // pixels
	// Damage is what was wrong with a source that Target.AcceptTruncated let
	// pass, Truncated or Corrupt; nil if it was whole.
	Damage *RowError
}

// Journal takes checkpoints.
type Journal interface {
	// Commit returns nil once c is durable: from then on it is what a successor
	// resumes from. While the outcome is unknown it tries again, with the same
	// c. An error is final: this attempt is over and writes nothing more.
	Commit(ctx context.Context, c Checkpoint) error
}
