package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/pipeline"
	"sluice/workflows"
)

// call runs the program with no Temporal to be found.
func callOffline(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), append(args, "--address", "127.0.0.1:1"), &out, &err, noEnv{})
	return status, out.String(), err.String()
}

func TestWrongFlagsOfRun(t *testing.T) {
	for _, c := range []struct {
		name, flags, says string
	}{
		{"no output", "--output=", "--output is missing"},
		{"no input", "--input=", "--input is missing"},
		{"an unknown scheme", "--input=hdfs://x/y", `no store has the scheme "hdfs": there are file, s3`},
		{"an unknown scheme of the output", "--output=https://x/y", `--output: no store has the scheme "https"`},
		{"a bucket without a name", "--output=s3:///x", "names no bucket"},
		{"output and input are one", "--output=/data/in/", "are both file:///data/in"},
		{"output inside input", "--output=/data/in/out", "lies within the input"},
		{"input inside output", "--output=/data", "the input file:///data/in lies within the output"},
		{"inside, by another spelling", "--output=file://localhost/data/x/../in/y", "lies within the input"},
		{"no column", "--column=", "--column says which one"},
		{"half a size", "--size=256", "WIDTHxHEIGHT"},
		{"a size of nothing", "--size=0x10", "from 1 to 16383"},
		{"a size too large", "--size=16384x10", "from 1 to 16383"},
		{"an unknown fit", "--fit=stretch", `fit "stretch" is none of fill, cover, contain, inside`},
		{"an unknown format", "--format=avif", `format "avif" is none of jpeg, png, webp`},
		{"quality 0", "--quality=0", "quality 0 is not from 1 to 100"},
		{"quality 101", "--quality=101", "quality 101 is not from 1 to 100"},
		{"a quality that is no number", "--quality=high", "--quality"},
		{"an unknown position", "--position=middle", `position "middle" is none of centre, top`},
		{"a position that nothing crops at", "--position=top", `position "top" is for cover, which crops: the fit is fill`},
		{"no colour", "--background=#ff", `background "#ff" is no colour`},
		{"too much of a colour", "--background=1,2,256", "is no colour such as"},
		{"a key outside images/", "--key={row}-{hash}.{ext}", "does not begin with images/"},
		{"a key that two rows share", "--key=images/{row}.{ext}", "would overwrite each other"},
		{"a key with an unknown field", "--key=images/{name}-{hash}", "{name} is none of"},
		{"no kept column at all", "--keep-columns=", "--keep-columns names no column"},
		{"a kept column without a name", "--keep-columns=a,,b", "--keep-columns names no column"},
		{"no rows a partition", "--rows-per-partition=0", "--rows-per-partition 0 is not from 1 to 1000000"},
		{"too many rows a partition", "--rows-per-partition=1000001", "is not from 1 to 1000000"},
		{"none in flight", "--in-flight=0", "--in-flight 0 is not from 1 to 500"},
		{"too many in flight", "--in-flight=501", "--in-flight 501 is not from 1 to 500"},
		{"too short a silence", "--heartbeat-timeout=500ms", "--heartbeat-timeout 500ms is not from 1s to 1h0m0s"},
		{"a negative number of connections", "--per-host=-1", "--per-host -1 is not at least 0"},
		{"too long a silence", "--heartbeat-timeout=2h", "is not from 1s to"},
		{"a wait without a unit", "--waits=30", `"30" is no time`},
		{"a wait of nothing", "--waits=30s,", `"" is no time`},
		{"a negative wait", "--waits=-1s", `"-1s" is no time`},
		{"too many waits", "--waits=1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s", "11 later passes, and 10 are the most"},
		{"no task queue", "--task-queue=", "--task-queue is empty"},
		{"an argument", "in", `"in" is none`},
		{"an unknown flag", "--tolerant=5%", "unknown flag: --tolerant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"run", "--input=/data/in", "--output=/data/out", c.flags}
			status, stdout, stderr := callOffline(t, args...)
			if status != exitUsage || stdout != "" {
				t.Errorf("exit status %d, stdout %q; want %d, nothing", status, stdout, exitUsage)
			}
			if !strings.HasPrefix(stderr, "starter: ") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) {
				t.Errorf("stderr %q, want one line with %q", stderr, c.says)
			}
			status, stdout, stderr = callOffline(t, append(args, "--json")...)
			var said struct {
				Error      string `json:"error"`
				ExitStatus int    `json:"exit_status"`
			}
			if err := json.Unmarshal([]byte(stdout), &said); err != nil || strings.Count(stdout, "\n") != 1 {
				t.Fatalf("with --json: %q, %v", stdout, err)
			}
			if status != exitUsage || said.ExitStatus != exitUsage || !strings.Contains(said.Error, c.says) || stderr != "" {
				t.Errorf("with --json: exit status %d, %+v, stderr %q", status, said, stderr)
			}
		})
	}
}

func readFlags(t *testing.T, args ...string) workflows.RunInput {
	t.Helper()
	cmd := newCLI(nil, nil, noEnv{}).runCommand()
	var f runFlags
	cmd.ResetFlags()
	f.register(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	in, err := f.read(cmd.Flags())
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestFlagsOfRun(t *testing.T) {
	defaults := workflows.RunInput{
		Spec: pipeline.Spec{
			Input:  "file:///data/in",
			Column: "path",
			Target: pipeline.Target{Width: 256, Height: 256, Fit: pipeline.Fill, Format: pipeline.JPEG, Quality: 80},
		},
		Output:           "s3://b/out",
		RowsPerPartition: 10_000,
		InFlight:         64,
		HeartbeatTimeout: 10 * time.Second,
		Waits:            []time.Duration{30 * time.Second, 2 * time.Minute},
	}
	for _, c := range []struct {
		name   string
		flags  []string
		change func(*workflows.RunInput)
	}{
		{"the defaults", nil, func(*workflows.RunInput) {}},
		{"no later pass", []string{"--waits", "none"}, func(in *workflows.RunInput) { in.Waits = []time.Duration{} }},
		{"one later pass", []string{"--waits", "1m"}, func(in *workflows.RunInput) { in.Waits = []time.Duration{time.Minute} }},
		{"two connections to a host", []string{"--per-host", "2"}, func(in *workflows.RunInput) { in.PerHost = 2 }},
		{"kept columns", []string{"--keep-columns", "id,label"}, func(in *workflows.RunInput) { in.Spec.KeepColumns = []string{"id", "label"} }},
		{"the default key, spelled out", []string{"--key", pipeline.DefaultKey}, func(*workflows.RunInput) {}},
		{"how to reach a bucket stays", []string{"--output", "s3://b/out/?region=x&endpoint=http://h:1"}, func(in *workflows.RunInput) {
			in.Output = "s3://b/out?endpoint=http%3A%2F%2Fh%3A1&region=x"
		}},
		{"a size", []string{"--size", "640x480", "--fit", "inside", "--format", "webp", "--quality", "75"}, func(in *workflows.RunInput) {
			in.Spec.Target = pipeline.Target{Width: 640, Height: 480, Fit: pipeline.Inside, Format: pipeline.WebP, Quality: 75}
		}},
		{"the default position, spelled out", []string{"--position", "center"}, func(*workflows.RunInput) {}},
		{"a position", []string{"--fit", "cover", "--position", "bottom-left"}, func(in *workflows.RunInput) {
			in.Spec.Target.Fit, in.Spec.Target.Position = pipeline.Cover, pipeline.BottomLeft
		}},
		{"a background", []string{"--background", "FFF"}, func(in *workflows.RunInput) { in.Spec.Target.Background = "#ffffff" }},
		{"transparency", []string{"--background", "none", "--format", "png"}, func(in *workflows.RunInput) {
			in.Spec.Target.Background, in.Spec.Target.Format = pipeline.Transparent, pipeline.PNG
		}},
		{"a background in numbers", []string{"--background", "1, 20,255"}, func(in *workflows.RunInput) { in.Spec.Target.Background = "#0114ff" }},
		{"what is taken", []string{"--no-enlarge", "--keep-metadata", "--accept-truncated"}, func(in *workflows.RunInput) {
			in.Spec.Target.NoEnlarge, in.Spec.Target.KeepMetadata, in.Spec.Target.AcceptTruncated = true, true, true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := defaults
			c.change(&want)
			got := readFlags(t, append([]string{"--input", "/data/x/../in/", "--output", "s3://b/out/"}, c.flags...)...)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDifferencesOfAnOpenRun(t *testing.T) {
	was := readFlags(t, "--input", "s3://b/in?region=x", "--output", "/out")
	for _, c := range []struct {
		name        string
		is          workflows.RunInput
		differ, own string
	}{
		{"none", was, "", ""},
		{"another way to the same bucket", readFlags(t, "--input", "s3://b/in?region=y", "--output", "/out"), "", ""},
		{"another input", readFlags(t, "--input", "s3://b/in2", "--output", "/out"), `--input was "s3://b/in", is "s3://b/in2"`, ""},
		{"another format", readFlags(t, "--input", "s3://b/in", "--output", "/out", "--format", "png"), `--format was "jpeg", is "png"`, ""},
		{"another pace", readFlags(t, "--input", "s3://b/in", "--output", "/out", "--in-flight", "3", "--per-host", "2", "--waits", "none"), "", "--in-flight 64, --per-host 0, --waits 30s,2m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := was.Spec.Difference(c.is.Spec); d != c.differ {
				t.Errorf("difference %q, want %q", d, c.differ)
			}
			if p := pace(was, c.is); p != c.own {
				t.Errorf("pace %q, want %q", p, c.own)
			}
		})
	}
}

func TestWhatTheUIShowsOfARun(t *testing.T) {
	in := readFlags(t, "--input", "s3://photos/"+strings.Repeat("a", 500), "--output", "/out")
	if s := summary(in); len(s) > 400 || !strings.HasPrefix(s, "s3://photos/aaa") {
		t.Errorf("summary of %d bytes: %q", len(s), s)
	}
	if d := details(in); len(d) > 20_000 || !strings.Contains(d, "256x256, fill, jpeg, quality 80") {
		t.Errorf("details: %s", d)
	}
	for perHost, want := range map[int]string{0: "what each worker allows", 2: "2 from each worker at most"} {
		in.PerHost = perHost
		if d := details(in); !strings.Contains(d, "| Connections to a host | "+want+" |") {
			t.Errorf("details: %s", d)
		}
	}
}
