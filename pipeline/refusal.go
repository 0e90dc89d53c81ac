package pipeline

import "errors"

// Refusal is in the chain of a store's error if the store is not out of reach for
// now, but does not exist, or does not allow what was asked of it.
//
// While the caller still waits for what is wrong with the call, that is a mistake
// of the caller. Later it is a fault like any other, and waited for: a folder is
// mounted again, and credentials are renewed.
type Refusal struct {
	Store string // its URL
	// Absent is whether there is no such bucket or folder.
	Absent bool
	Err    error // the store's own
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// blame makes a refusal the mistake of whoever named the store.
func (o Output) blame(err error) error {
	var refused *Refusal
	if !errors.As(err, &refused) {
		return err
	}
	what, flag, mend := "output", "--output", "let the worker write there"
	if refused.Store != o.Store.URL() {
		what, flag, mend = "dataset", "--input", "let the worker read it"
	}
	if refused.Absent {
		mend = "make it"
	}
	return Usagef("the %s cannot be used: %v; %s, or take another %s", what, err, mend, flag)
}
