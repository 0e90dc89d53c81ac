// Package tables reads Parquet datasets, and reads and writes manifests. It is
// the only user of parquet-go in the project.
//
// # What is read
//
// A file is read by ranges: the footer, then of each row group only the chunks
// of the columns that are needed, page by page. A row in the middle of a row
// group is reached by the offset index if there is one; without one, the pages
// before it are read and passed over. All encodings and compressions of
// parquet-go are read but for LZ4_RAW, which it misreads as of v0.32.0;
// encrypted files are not.
//
// What is held is a page of each column, 1 MB or so of an ordinary file, and
// rows of 4 MB and one more (batchBytes). Of a column that holds the images
// themselves, a page may be a row group of them, a gigabyte: it is read as a
// stream, value by value (blobs), and large values only once somebody has room
// for them. What a file says of itself is checked
// before parquet-go allocates it: the length and lists of its footer and of its
// offset indexes (sound), and the sizes in each page's header (gate).
//
// What the bytes of a page say is not: a run of 2^31 values in seven bytes, or a
// zstd frame of gigabytes in a page that claims six, is allocated by parquet-go
// and can end the process. Datasets are trusted that far.
//
// # Errors
//
// A *pipeline.FileError is an error of the file that it names: it is the same
// when the file is read again. An object of the output that is missing is
// fs.ErrNotExist. All other errors are the store's, passed on as they are.
//
// # The manifest
//
// A manifest is one Parquet file, with one row an input row in row order. Parts
// have the same columns. Where something does not apply, or is not known, there
// is a null.
//
//	column         type             null     what it is
//	file           string                    the input file, relative to the dataset
//	row            int64                     number of the row in the file, from 0
//	source         string           yes      URL or key, as it is in the input; of an image
//	                                         that the input itself holds, its path if it has one
//	status         string                    ok, failed or skipped (the source is null, and
//	                                         there is no image)
//	error_class    string           yes      for failed rows: one of pipeline.Classes
//	error          string           yes      for failed rows: what went wrong
//	                                         (both also for ok rows whose damaged source
//	                                         --accept-truncated took: truncated or corrupt)
//	http_status    int32            yes      of the response, if there was one
//	key            string           yes      of the image, relative to the output; ok rows
//	format         string           yes      of the image: jpeg, png, webp; ok rows
//	width          int32            yes      of the image, pixels; ok rows
//	height         int32            yes      of the image, pixels; ok rows
//	bytes          int64            yes      of the image; ok rows
//	sha256         string           yes      of the image's bytes, lower-case hex; ok rows
//	source_format  string           yes      of the source, if it was known
//	source_width   int32            yes      of the source, pixels as stored
//	source_height  int32            yes      of the source, pixels as stored
//	source_bytes   int64            yes      of the source, if it was fetched
//	attempts       int32                     tries to fetch the source, over all passes
//	fetch_ms       double           yes      time in that stage, milliseconds
//	process_ms     double           yes      the same
//	store_ms       double           yes      the same
//	final_url      string           yes      where redirects led, if there were any
//	...            as in the input  as there the kept columns
//
// The column of the sources is not kept if it holds images themselves. Kept
// columns have the types of the input, logical types included, but for
// GEOMETRY and GEOGRAPHY, which are kept as the bytes that they are. One whose
// name is taken above, in whatever case, is prefixed with input_, and numbered
// where that is taken, too. Columns that are text by their declaration hold
// UTF-8: bytes that are not become U+FFFD, here and in source, for one of them
// would keep DuckDB from reading the file.
//
// The footer's key-values sluice.partition and sluice.counts are JSON of
// pipeline.Partition and pipeline.Counts.
package tables
