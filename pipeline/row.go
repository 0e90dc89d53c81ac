package pipeline

import "time"

// Row is one source image of a dataset.
type Row struct {
	Number int64 // 0-based, in its file
	// Source is a URL or key relative to the dataset; nil is a null. Beside an
	// Image it is only what that is called.
	Source *string
	// Image is the image itself, if the dataset holds it, else nil: then there
	// is nothing to fetch.
	Image Image
	// Columns are the row's kept input columns in the form of the package that
	// reads and writes tables. The core only carries them from one to the other.
	Columns any
	// Size is what the row holds in memory, in bytes, about, until its outcome
	// is in a checkpoint. The Image, which is let go of before, is not counted:
	// a grant covers it.
	Size int
}

// Status of a row in the manifest.
type Status string

// A row ends in one of these.
const (
	OK      Status = "ok"
	Failed  Status = "failed"
	Skipped Status = "skipped" // the source is null, and there is no image
)

// Outcome is what became of a row: one row of the manifest.
type Outcome struct {
	Row    int64
	Source *string
	Status Status

	// Class and Message are "" if skipped, and if ok unless the source was
	// damaged and Target.AcceptTruncated took it.
	Class      Class
	Message    string
	HTTPStatus int // 0 if there was no HTTP response
	// RetryAfter is what the origin asked for; it is not in the manifest.
	RetryAfter time.Duration

	// What was stored; zero unless ok.
	Key           string // relative to the output
	Format        string // "jpeg", "png", "webp"
	Width, Height int    // pixels
	Bytes         int64
	SHA256        string // of the stored bytes, lower-case hex

	// What was fetched, as far as it was known when the row ended.
	SourceFormat              string
	SourceWidth, SourceHeight int // pixels, as stored (before orientation)
	SourceBytes               int64

	// Attempts is how often it was tried to fetch the source, over all passes: 0
	// if it never was. The redirects of one try are part of it.
	Attempts int
	// FinalURL is where redirects led; "" if there was none.
	FinalURL string

	FetchTime, ProcessTime, StoreTime time.Duration

	Columns any // see Row
	Size    int // see Row
}
