// Package pipeline turns a Parquet dataset of image URLs into resized images and
// a manifest, within a bound on memory, and so that a kill at any moment loses
// nothing and does nothing twice that a manifest names. It knows no Temporal:
// whoever calls it decides what keeps its checkpoints.
//
// # Words
//
//   - dataset: Parquet files under one URL; row: one source image.
//   - version: of a file: its ETag, else size and modification time.
//   - partition: a row range of one file, the unit of work. Its name is a
//     function of path, version, and which range of how many.
//   - plan: the partitions of a run, stored beside the output in pages.
//   - embedded: of an image, that the dataset holds its bytes, so that there is
//     nothing to fetch.
//   - outcome: what became of a row: ok, failed (with a class of the closed list)
//     or skipped (there is neither source nor image).
//   - part: a Parquet file of outcomes that are final, written by one attempt.
//   - hole: a row below the high row of a checkpoint without a final outcome.
//   - checkpoint: high row, holes, parts, counts, pass. A few kB.
//   - pass: one time over what remains of a partition. Rows that failed for a
//     transient reason are left to a later pass; the last pass leaves none.
//   - manifest: one Parquet file a partition, one row an input row, in row order;
//     published when each row has its outcome.
//   - admission: nothing is fetched and nothing decoded before its bytes are
//     granted.
//   - flight: the downloads under way; their number finds its own level.
//
// # Guarantees
//
//   - An object is whole or does not exist, and is there before a part names it;
//     a part is there before a checkpoint names it; a checkpoint counts only once
//     the Journal accepted it. So any accepted checkpoint can be resumed from.
//   - A key holds its content's hash, and a part its attempt's nonce: an attempt
//     that was given up on can write on, and changes nothing that a manifest
//     names.
//   - Publishing the same checkpoint gives the same bytes; done twice it is done
//     once.
//   - What a row gets wrong is an outcome of that row. What our surroundings get
//     wrong (store, disk, credentials) is an error of the attempt.
//   - Encoded images and decodes are held within the two pools of Admission,
//     outcomes that wait for a checkpoint within uncommittedBytes a partition.
//
// # A row's way
//
// read → admit → fetch → probe → admit the decode → decode, orient, resize,
// encode → store → record → checkpoint. An embedded image is read once it is
// admitted, and goes on from probe. It stands in way.go; process.go sends
// the rows on it, and recorder.go takes them in at its end.
package pipeline
