// Package faults kills, freezes and fails worker processes right before and right
// after each step that commits something, on a real Temporal server, a folder and
// a real S3 server, and holds what comes of it to the promises. docs/faults.md
// says how to run one case again.
package faults
