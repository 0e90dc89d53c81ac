package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"sync"
)

// Verifying holds an output against its dataset: that the manifests hold each
// row of each file exactly once (complete), that each object that they name is
// there as they say (whole), and that each failure has a class and a message
// (reconciled). It is done in steps, so that many workers can share it: Survey,
// VerifyChunk for each chunk, EndVerify.

// VerifyRequest says what to verify, and how.
type VerifyRequest struct {
	// Run is the prefix of what the verification itself stores, such as
	// "_runs/verify-20261122T102244Z-1f3a/".
	Run string `json:"run"`
	// Deep reads every object, recomputes its hash and decodes it.
	Deep bool `json:"deep,omitempty"`
	// Repair writes down what is wrong, for Selection.Repairs.
	Repair bool `json:"repair,omitempty"`
	// Most is how many findings a report lists; 0 is 1,000. All are counted.
	Most int `json:"most,omitempty"`
}

// Verify does all the steps, one after the other. looker may be nil if the
// request is not deep.
func (o Output) Verify(ctx context.Context, looker Looker, req VerifyRequest, progress func(VerifyProgress)) (Report, error) {
	survey, err := o.Survey(ctx, req, progress)
	if err != nil {
		return Report{}, err
	}
	report := survey.Report
	for i := range survey.Chunks {
		r, err := o.VerifyChunk(ctx, looker, req, i, func(p VerifyProgress) {
			p.Partitions, p.Rows = p.Partitions+report.Partitions, p.Rows+report.Counts.Rows()
			progress(p)
		})
		if err != nil {
			return Report{}, err
		}
		report = report.Plus(r, req.most())
	}
	return report, o.EndVerify(ctx, req, report.Found)
}

func (req VerifyRequest) most() int { return cmp.Or(req.Most, 1000) }

// verifier is one step of a verification.
type verifier struct {
	o        Output
	req      VerifyRequest
	looker   Looker
	keys     KeyTemplate
	progress func(VerifyProgress)
	// acceptTruncated is the spec's: ok rows may say that they are damaged.
	acceptTruncated bool

	finding sync.Mutex // find is called by the checks of many objects at once
	report  Report
	repairs repairs
}

func (o Output) newVerifier(ctx context.Context, req VerifyRequest, progress func(VerifyProgress)) (*verifier, error) {
	spec, err := ReadSpec(ctx, o.Store)
	if err != nil {
		return nil, err
	}
	v := &verifier{o: o, req: req, progress: progress, acceptTruncated: spec.Target.AcceptTruncated}
	v.report.Deep = req.Deep
	v.keys, err = ParseKeyTemplate(spec.Key)
	return v, err
}

func (v *verifier) find(where, format string, args ...any) {
	v.finding.Lock()
	defer v.finding.Unlock()
	v.report.Found++
	if len(v.report.Findings) < v.req.most() {
		v.report.Findings = append(v.report.Findings, Finding{where, fmt.Sprintf(format, args...)})
	}
}

// findRow is find for a row that doing it again would mend.
func (v *verifier) findRow(p Partition, row int64, format string, args ...any) {
	v.find(fmt.Sprintf("%s row %d", p.File, row), format, args...)
	v.finding.Lock()
	defer v.finding.Unlock()
	v.repairs.row(p.Name, row)
}

// findManifest is find for a manifest that has to be made anew.
func (v *verifier) findManifest(key, format string, args ...any) {
	v.find(key, format, args...)
	v.finding.Lock()
	defer v.finding.Unlock()
	v.repairs.manifest(key)
}

func (v *verifier) warn(format string, args ...any) {
	v.report.Warnings = append(v.report.Warnings, fmt.Sprintf(format, args...))
}
