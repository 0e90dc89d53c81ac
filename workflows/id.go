package workflows

import (
	"fmt"
	"strings"
)

// A run is its output: the workflow's id is made from the output's URL, so that
// Temporal itself allows one open run an output.
const idPrefix = "sluice:"

// RunID is the id of the dataset workflow of an output, whose URL is normal
// (location.Normalize).
func RunID(output string) string { return idPrefix + output }

// OutputOfID is the inverse of RunID.
func OutputOfID(id string) (output string, ok bool) { return strings.CutPrefix(id, idPrefix) }

// SliceID is the id of the workflow of one slice of a run.
func SliceID(runID string, slice int) string { return fmt.Sprintf("%s/_slice-%04d", runID, slice) }

// PartitionID is the id of the workflow of one partition of a run.
func PartitionID(runID, partition string) string { return runID + "/" + partition }

// CollectID is the id of the workflow that collects in an output.
func CollectID(runID string) string { return runID + "/_gc" }

// VerifyID is the id of the workflow that verifies an output.
func VerifyID(runID string) string { return runID + "/_verify" }
