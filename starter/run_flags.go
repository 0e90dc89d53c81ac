package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sluice/pipeline"
	"sluice/pipeline/location"
	"sluice/workflows"
)

// The limits of what a run may ask for.
const (
	maxInFlight = 500 // of the 2,000 children that Temporal lets a workflow have open, split over slices
	// A worker heartbeats three times within the timeout. With less than this,
	// one that is slow for a moment would be taken for dead.
	minHeartbeatTimeout = time.Second
	maxHeartbeatTimeout = time.Hour
	maxPasses           = 10
	maxWait             = 24 * time.Hour
)

// runFlags are the flags that describe a run, as they were typed.
type runFlags struct {
	input, output    string
	column           string
	size             string
	fit, format      string
	quality          int
	position         string
	noEnlarge        bool
	background       string
	keepMetadata     bool
	acceptTruncated  bool
	key              string
	keepColumns      []string
	rowsPerPartition int64
	inFlight         int
	perHost          int
	heartbeatTimeout time.Duration
	waits            string
	tolerate         string
	taskQueue        string
}

func (f *runFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.input, "input", "", "`URL` or folder of the Parquet files (*.parquet, recursive)")
	flags.StringVar(&f.output, "output", "", "`URL` or folder of the images and their manifest")
	flags.StringVar(&f.column, "column", "path", "`column` that holds the images' URLs, their keys relative to the input, or the\nimages themselves: bytes, or the struct of bytes and path of Hugging Face")
	flags.StringVar(&f.size, "size", "256x256", "`WIDTHxHEIGHT` in pixels")
	flags.StringVar(&f.fit, "fit", string(pipeline.Fill), "fill (stretch), cover (crop), contain (pad) or inside (keep the ratio)")
	flags.StringVar(&f.format, "format", string(pipeline.JPEG), "jpeg, png or webp")
	flags.IntVar(&f.quality, "quality", 80, "1 to 100; png ignores it")
	flags.StringVar(&f.position, "position", "centre", "what cover keeps: "+strings.Join(pipeline.Positions, ", "))
	flags.BoolVar(&f.noEnlarge, "no-enlarge", false, "make no image larger than it is")
	flags.StringVar(&f.background, "background", "", `colour behind transparency and padding, such as #ffffff or 255,255,255
(default white, which leaves three bands in every format; "none" keeps png and webp transparent)`)
	flags.BoolVar(&f.keepMetadata, "keep-metadata", false, "keep Exif, XMP and IPTC (orientation and colour profile are applied either way)")
	flags.BoolVar(&f.acceptTruncated, "accept-truncated", false, `take what there is of images that are cut off or damaged: their rows are ok,
with error_class truncated or corrupt`)
	flags.StringVar(&f.key, "key", "", `template of an image's key, of {partition}, {row}, {hash}, {ext} (default "`+pipeline.DefaultKey+`").
Without {hash}, work done again writes over objects that a manifest names`)
	flags.StringSliceVar(&f.keepColumns, "keep-columns", nil, "input columns to copy to the manifest, a,b (default: all scalar ones)")
	flags.Int64Var(&f.rowsPerPartition, "rows-per-partition", 10_000, "about how many rows one child workflow does; in a file without a page index, a quarter of a row group at least")
	flags.IntVar(&f.inFlight, "in-flight", 64, "how many child workflows are open at once")
	flags.IntVar(&f.perHost, "per-host", 0, perHostUsage)
	flags.DurationVar(&f.heartbeatTimeout, "heartbeat-timeout", 10*time.Second, "silence after which a worker is taken for dead")
	flags.StringVar(&f.tolerate, "tolerate", "100%", `how many rows may fail before the run is stopped: a share such as 5% (of 200 rows
and more), or a number`)
	flags.StringVar(&f.waits, "waits", formatWaits(defaultWaits), "waits before later passes over rows that failed for a transient reason, or none")
	flags.StringVar(&f.taskQueue, "task-queue", workflows.DefaultTaskQueue, "task `queue` of the workers")
	for flag, values := range map[string][]string{"fit": {"fill", "cover", "contain", "inside"}, "format": {"jpeg", "png", "webp"}, "position": pipeline.Positions} {
		// It fails only for a flag that does not exist.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = flags.SetAnnotation("input", cobra.BashCompSubdirsInDir, nil)
	_ = flags.SetAnnotation("output", cobra.BashCompSubdirsInDir, nil)
}

// read checks the flags and returns what they say. Every error is a
// *pipeline.UsageError. What only a look at the data can tell, the planner
// checks.
func (f *runFlags) read(flags *pflag.FlagSet) (workflows.RunInput, error) {
	var in workflows.RunInput
	var err error
	if in.Spec.Input, in.Output, err = f.places(); err != nil {
		return in, err
	}
	in.Spec.Column = f.column
	in.Spec.Target = pipeline.Target{Fit: pipeline.Fit(f.fit), Format: pipeline.Format(f.format), Quality: f.quality}
	if in.Spec.Target.Width, in.Spec.Target.Height, err = pipeline.ParseSize(f.size); err != nil {
		return in, err
	}
	if err := f.details(&in.Spec.Target); err != nil {
		return in, err
	}
	if f.key != pipeline.DefaultKey { // spelled out, it is the same spec
		in.Spec.Key = f.key
	}
	if flags.Changed("keep-columns") {
		in.Spec.KeepColumns = f.keepColumns
		if len(f.keepColumns) == 0 || slices.Contains(f.keepColumns, "") {
			return in, pipeline.Usagef("--keep-columns names no column in one place: it is a,b, or left out to keep all")
		}
	}
	if err := in.Spec.Check(); err != nil {
		return in, err
	}
	in.RowsPerPartition = f.rowsPerPartition
	if n := f.rowsPerPartition; n < 1 || n > pipeline.MaxRowsPerPartition {
		return in, pipeline.Usagef("--rows-per-partition %d is not from 1 to %d", n, pipeline.MaxRowsPerPartition)
	}
	in.InFlight = f.inFlight
	if n := f.inFlight; n < 1 || n > maxInFlight {
		return in, pipeline.Usagef("--in-flight %d is not from 1 to %d", n, maxInFlight)
	}
	if in.PerHost = f.perHost; f.perHost < 0 {
		return in, badPerHost(f.perHost)
	}
	in.HeartbeatTimeout = f.heartbeatTimeout
	if d := f.heartbeatTimeout; d < minHeartbeatTimeout || d > maxHeartbeatTimeout {
		return in, pipeline.Usagef("--heartbeat-timeout %s is not from %s to %s", d, minHeartbeatTimeout, maxHeartbeatTimeout)
	}
	if f.taskQueue == "" {
		return in, pipeline.Usagef("--task-queue is empty: it is %s unless the workers were given another", workflows.DefaultTaskQueue)
	}
	if in.Waits, err = parseWaits(f.waits); err != nil {
		return in, err
	}
	if in.Tolerate = workflows.Tolerance(f.tolerate); f.tolerate == "100%" {
		in.Tolerate = "" // spelled out, it is the same
	}
	return in, in.Tolerate.Check()
}

const perHostUsage = "connections of a worker to one host at a time; 0 is what the worker allows, and more than that is not had"

func badPerHost(n int) error { return pipeline.Usagef("--per-host %d is not at least 0", n) }

// details reads what most runs leave at its defaults, into one spelling.
func (f *runFlags) details(t *pipeline.Target) (err error) {
	if t.Position, err = pipeline.ParsePosition(f.position); err != nil {
		return err
	}
	t.Background, err = pipeline.ParseColour(f.background)
	t.NoEnlarge, t.KeepMetadata, t.AcceptTruncated = f.noEnlarge, f.keepMetadata, f.acceptTruncated
	return err
}

// places checks where the run reads and writes.
func (f *runFlags) places() (input, output string, err error) {
	if f.input == "" {
		return "", "", pipeline.Usagef("--input is missing: the URL or folder of the Parquet files")
	}
	if f.output == "" {
		return "", "", pipeline.Usagef("--output is missing: the URL or folder for the images and their manifest")
	}
	in, err := location.Parse(f.input)
	if err != nil {
		return "", "", pipeline.Usagef("--input: %v", err)
	}
	out, err := location.Parse(f.output)
	if err != nil {
		return "", "", pipeline.Usagef("--output: %v", err)
	}
	switch a, b := in.String(), out.String(); {
	case a == b:
		return "", "", pipeline.Usagef("--input and --output are both %s: give the output a place of its own", a)
	case location.Contains(a, b):
		return "", "", pipeline.Usagef("the output %s lies within the input %s, whose files it would become: give it a place of its own", b, a)
	case location.Contains(b, a):
		return "", "", pipeline.Usagef("the input %s lies within the output %s: give the output a place of its own", a, b)
	}
	return canonical(in), canonical(out), nil
}

// defaultWaits are the waits before the later passes.
var defaultWaits = []time.Duration{30 * time.Second, 2 * time.Minute}

// parseWaits reads "30s,2m", or "none".
func parseWaits(s string) ([]time.Duration, error) {
	waits := []time.Duration{}
	if s == "none" {
		return waits, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(word))
		if err != nil || d <= 0 || d > maxWait {
			return nil, pipeline.Usagef("--waits: %q is no time up to %s, such as 30s or 2m; or say none", word, span(maxWait))
		}
		waits = append(waits, d)
	}
	if len(waits) > maxPasses {
		return nil, pipeline.Usagef("--waits names %d later passes, and %d are the most", len(waits), maxPasses)
	}
	return waits, nil
}
