// Package workflows is a run as Temporal workflows.
//
//	Dataset    plan → a window of Partitions, or of Slices → finish
//	Slice      a window of Partitions
//	Partition  process → (wait → process)* → publish
//	Verify     survey → a window of chunks → end
//	Collect    collect
//	Night      a Dataset, started by a schedule
//
// The dataset workflow holds the partitions of its plan as child workflows, a
// window of them at a time (fanOut). A plan that is too large for one history is
// cut into slices, which share the window (shares). A partition that waits for a
// later pass gives its place back.
//
// Histories carry the plan's key and an index, never rows; what a partition has
// done is in the heartbeats of its activity and beside the output. So a workflow
// can be lost at any moment: a later run of the same output goes on from what is
// there.
//
// # Changing a workflow
//
// From the first release on, runs outlive the code that began them: a worker
// that takes one over replays its history on its own code, and must come to the
// same commands (activities, timers, children, signals, memos) in the same
// order. A change to that order goes behind workflow.GetVersion, and the old
// order is kept for as long as runs of it may be open. The histories in testdata
// are of code that was released: the tests replay them. With each such change
// new ones are recorded (go test -run TestRecord -record .), and none is
// replaced.
package workflows
