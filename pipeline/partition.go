package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

// Partition is a row range of one file: the unit of a child workflow.
type Partition struct {
	Name    string `json:"name"`
	File    string `json:"file"`    // relative to the dataset
	Version string `json:"version"` // of the file, as the listing said
	First   int64  `json:"first"`   // row, 0-based
	Rows    int64  `json:"rows"`
	// Embedded is whether the column of sources can hold the images themselves.
	// Then a manifest does not say where an image is, and whoever does a row
	// again has to read it from the dataset again.
	Embedded bool `json:"embedded,omitempty"`
	// Problem is why the file cannot be processed at all, "" if it can. Such a
	// partition stands for the whole file, and fails.
	Problem string `json:"problem,omitempty"`
	// Redo is set where the partition is published already, and some of its rows
	// are done again.
	Redo *Redo `json:"redo,omitempty"`
}

// End is the row after the partition's last one.
func (p Partition) End() int64 { return p.First + p.Rows }

// ManifestKey is where the manifest is published.
func (p Partition) ManifestKey() string { return ManifestPrefix + p.Name + ".parquet" }

// WorkPrefix is where parts and copies of checkpoints are until then. A redo has
// a place of its own: what an attempt that was given up on still writes of the
// partition's first time must not be taken for it.
func (p Partition) WorkPrefix() string {
	if p.Redo != nil {
		return workPrefix + p.Name + "/redo-" + p.Redo.ID + "/"
	}
	return workPrefix + p.Name + "/"
}

func (p Partition) partKey(nonce string, n int) string { return partKey(p.WorkPrefix(), nonce, n) }

func partKey(workPrefix, nonce string, n int) string {
	return fmt.Sprintf("%spart-%s-%05d.parquet", workPrefix, nonce, n)
}

func (p Partition) checkpointKey() string { return p.WorkPrefix() + checkpointName }

const checkpointName = "checkpoint.json"

// The layout of an output.
const (
	ManifestPrefix = "manifest/"
	ImagePrefix    = "images/"
	workPrefix     = "_partitions/"
	RunPrefix      = "_runs/"
	VerifyPrefix   = RunPrefix + "verify-"
	SuccessKey     = "_SUCCESS"
	// probeKey is written and deleted to see whether that can be done. It lies in
	// no folder, since that would be left behind.
	probeKey = "_probe"
)

// FileID is the part of a partition's name that stands for a file and its
// version: the file's stem, and 48 bits of a hash of path and version. With a
// hundred thousand files of one stem, two collide once in 50,000 datasets.
func FileID(file, version string) string {
	stem := strings.TrimSuffix(path.Base(file), path.Ext(file))
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
			return r
		}
		return '_'
	}, stem)
	if len(clean) > 60 {
		clean = clean[:60]
	}
	sum := sha256.Sum256([]byte(file + "\x00" + version))
	return strings.TrimLeft(clean, "._") + "-" + hex.EncodeToString(sum[:6])
}

// PartitionName is the name of range k of n of a file.
func PartitionName(fileID string, k, n int) string {
	return fmt.Sprintf("%s-%dof%d", fileID, k, n)
}

// SplitPartitionName is the inverse of PartitionName.
func SplitPartitionName(name string) (fileID string, k, n int, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return "", 0, 0, false
	}
	if _, err := fmt.Sscanf(name[i+1:], "%dof%d", &k, &n); err != nil {
		return "", 0, 0, false
	}
	fileID = name[:i]
	return fileID, k, n, k >= 0 && k < n && PartitionName(fileID, k, n) == name
}
