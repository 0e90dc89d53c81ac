// Package chaos attacks whole runs: workers, the Temporal server, an S3 server,
// the network between them, the disk, the operators' doings and the dataset, in
// an order that a seed decides, while a reader holds the output against what is
// promised. docs/chaos.md says how to use it and what it has found.
//
// All but schedule and origin is in test files: they run the three programs.
package chaos
