// Package e2e runs the three programs against a dev server, an origin and a
// store, all real and all on loopback, and kills what can be killed.
package e2e
