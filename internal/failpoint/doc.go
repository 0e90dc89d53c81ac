// Package failpoint lets a process die, freeze or fail right before or right
// after a step that commits something: the close of an object, a delete, a
// heartbeat, the completion of an activity or of a workflow task. It is compiled
// in by the build tag failpoints alone; without it, all of this is nothing.
//
// SLUICE_FAILPOINTS says what is armed, as WHERE:STEP[:PATTERN]=ACTION@N, several
// of them separated by semicolons:
//
//	before:write:manifest/*=kill@1; after:heartbeat=stop@3; before:write:images/*=error@17
//
// WHERE is before or after. STEP is one of Steps. PATTERN is held against what
// the step is about (an object's key, an activity's name), where * is any text,
// slashes too; none is everything. ACTION happens at the N-th step that matches,
// once a process:
//
//   - kill: SIGKILL to this process, which learns nothing of it.
//   - stop: SIGSTOP to this process. It goes on when somebody sends SIGCONT, and
//     is a zombie by then if that was long.
//   - error: the step fails, before it was done or although it was, as it does
//     when our surroundings are at fault.
package failpoint

// Env is the environment variable that arms failpoints.
const Env = "SLUICE_FAILPOINTS"

// The steps that commit something.
const (
	Write        = "write"         // an object is closed; by its key
	Delete       = "delete"        // an object is removed; by its key
	Heartbeat    = "heartbeat"     // by the activity's name
	Completed    = "completed"     // an activity; by its name
	Failed       = "failed"        // an activity; by its name
	WorkflowTask = "workflow-task" // of any workflow; by nothing
)

// Steps are all of them.
var Steps = []string{Write, Delete, Heartbeat, Completed, Failed, WorkflowTask}
