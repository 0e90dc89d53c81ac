package main

import (
	"strings"
	"unicode"

	"sluice/pipeline"
	"sluice/pipeline/location"
	"sluice/workflows"
)

// target is the run that an OUTPUT on the command line names.
type target struct {
	given  string // as it was typed, for the commands that we propose
	output string // normal URL
	id     string // of the dataset workflow
}

// parseTarget reads an output's URL or path, or the id of its workflow.
func parseTarget(arg string) (target, error) {
	if output, ok := workflows.OutputOfID(arg); ok {
		return target{arg, output, arg}, nil
	}
	output, err := location.Normalize(arg)
	if err != nil {
		return target{}, err
	}
	return target{arg, output, workflows.RunID(output)}, nil
}

// manifest is the URL of the folder of the manifests.
func (t target) manifest() string {
	return strings.TrimRight(t.output, "/") + "/" + pipeline.ManifestPrefix
}

// command proposes a call of this program.
func (t target) command(verb string) string { return "starter " + verb + " " + shellQuote(t.given) }

// canonical is the one spelling of a location with its query, which says how to
// reach a bucket: workers need it.
func canonical(l location.Location) string {
	if len(l.Query) == 0 {
		return l.String()
	}
	return l.String() + "?" + l.Query.Encode()
}

// shellQuote makes one word of s for a shell.
func shellQuote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/.:_-+=@%,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
