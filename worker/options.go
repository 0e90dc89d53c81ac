package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/pflag"

	"sluice/internal/temporal"
	"sluice/pipeline"
	"sluice/pipeline/fetching"
	"sluice/pipeline/imaging"
	"sluice/workflows"
)

// options are what the operator of a worker decides. Who starts a run can ask
// for less, never for more.
type options struct {
	temporal     temporal.Flags
	taskQueue    string
	memory       int64 // bytes
	partitions   int
	decoders     int
	isolation    string // isolationProcess or isolationNone
	allowNets    []netip.Prefix
	allowSources []string
	userAgent    string
	perHost      int
	perHostRate  float64
	maxPixels    uint64
	maxBytes     int64
	allowFormats []string
	metricsAddr  string
	level        slog.Level
}

const help = `Works off sluice's runs: start as many as you like, on as many machines.

Temporal is found as its own tools find it: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_PROFILE, temporal.toml, or the flags. Buckets are opened with the
credentials of the environment. SIGTERM makes it finish its decodes, checkpoint,
and hand its partitions over.

Examples:
  worker --memory 2GiB
  worker --address temporal:7233 --partitions 4
  worker --allow-net 127.0.0.0/8 --allow-source s3://photos

Exit status: 0 after SIGTERM, 1 if it failed, 2 if the call was wrong.

Flags:
`

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := pflag.NewFlagSet("worker", pflag.ContinueOnError)
	f.SetOutput(stderr)
	f.SortFlags = false
	f.Usage = func() { fmt.Fprint(stderr, help+f.FlagUsages()) }
	memory := f.String("memory", "", "what worker and decoders may hold together, such as 2GiB (default half of what the cgroup or the machine has)")
	f.IntVar(&o.partitions, "partitions", 2, "partitions at a time: the second hides the first one's head and tail")
	f.IntVar(&o.decoders, "decoders", 0, "images decoded at a time (default the CPUs, or fewer if --memory says so)")
	f.StringVar(&o.isolation, "isolation", isolationProcess, `where images are decoded: "process" is child processes, of which a crash costs one row;\n"none" is the worker itself`)
	nets := f.StringSlice("allow-net", nil, "networks to fetch from that are not public, such as 10.1.0.0/16")
	f.StringSliceVar(&o.allowSources, "allow-source", nil, "URL prefixes of buckets and folders, beside the dataset, that sources may name")
	maxPixels := f.String("max-pixels", "100MP", "the largest image that is decoded, such as 100MP or 100000000")
	maxBytes := f.String("max-bytes", "64MiB", "the largest source that is fetched, as far as --memory suffices to hold it")
	f.StringSliceVar(&o.allowFormats, "allow-format", nil, "formats to decode besides JPEG, PNG, WebP, GIF, TIFF, AVIF and HEIC, by decoders that\nlibvips does not trust with strangers' bytes: "+strings.Join(imaging.Untrusted(), ", "))
	f.StringVar(&o.userAgent, "user-agent", fetching.DefaultUserAgent, "what origins are told; name a contact")
	f.IntVar(&o.perHost, "per-host", 0, "connections to one host at a time (default 8, and as many as it takes in the networks of --allow-net)")
	f.Float64Var(&o.perHostRate, "per-host-rate", 0, "requests a second to one host (default as many as it answers)")
	f.StringVar(&o.metricsAddr, "metrics-addr", "", "where to serve Prometheus metrics, such as 127.0.0.1:9464 (default nowhere)")
	f.StringVar(&o.taskQueue, "task-queue", workflows.DefaultTaskQueue, "task queue")
	f.StringVar(&o.temporal.Address, "address", "", "Temporal's host:port")
	f.StringVar(&o.temporal.Namespace, "namespace", "", "Temporal's namespace")
	f.StringVar(&o.temporal.Profile, "profile", "", "profile of temporal.toml")
	level := f.String("log-level", "info", "debug, info, warn or error")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return o, err
		}
		return o, pipeline.Usagef("%v: see worker --help", err)
	}
	if f.NArg() > 0 {
		return o, pipeline.Usagef("%q is not a flag: see worker --help", f.Arg(0))
	}
	if err := o.level.UnmarshalText([]byte(*level)); err != nil {
		return o, pipeline.Usagef("--log-level %q is none of debug, info, warn, error", *level)
	}
	if o.partitions < 1 || o.decoders < 0 {
		return o, pipeline.Usagef("--partitions is at least 1, and --decoders at least 0")
	}
	if o.isolation != isolationProcess && o.isolation != isolationNone {
		return o, pipeline.Usagef("--isolation %q is neither %s nor %s", o.isolation, isolationProcess, isolationNone)
	}
	if o.decoders == 0 {
		o.decoders = runtime.GOMAXPROCS(0)
	}
	if o.perHost < 0 || o.perHostRate < 0 {
		return o, pipeline.Usagef("--per-host and --per-host-rate are at least 0, which is the default")
	}
	for _, s := range *nets {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return o, pipeline.Usagef("--allow-net %q is not a network such as 10.1.0.0/16", s)
		}
		o.allowNets = append(o.allowNets, p.Masked())
	}
	for _, name := range o.allowFormats {
		if !slices.Contains(imaging.Untrusted(), name) {
			return o, pipeline.Usagef("--allow-format %q is none of %s", name, strings.Join(imaging.Untrusted(), ", "))
		}
	}
	var err error
	if o.maxPixels, err = parsePixels(*maxPixels); err != nil {
		return o, err
	}
	if o.maxBytes, err = parseBytes("--max-bytes", *maxBytes); err != nil {
		return o, err
	}
	o.memory, err = parseMemory(*memory)
	return o, err
}

// units of sizes, longest suffix first.
var units = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"K", 1 << 10},
	{"M", 1 << 20},
	{"G", 1 << 30},
	{"T", 1 << 40},
	{"B", 1},
	{"", 1},
}

// parseMemory reads "2GiB"; "" is half of what there is.
func parseMemory(s string) (int64, error) {
	if s == "" {
		all, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
		if err != nil {
			return 0, pipeline.Usagef("how much memory there is cannot be found out (%v): say --memory", err)
		}
		return int64(all / 2), nil
	}
	return parseBytes("--memory", s)
}

// parseBytes reads the size "2GiB" of a flag.
func parseBytes(flag, s string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		var n float64
		if _, err := fmt.Sscanf(number+"\n", "%g\n", &n); err != nil || n <= 0 || n*float64(u.bytes) > 1<<60 {
			break
		}
		return int64(n * float64(u.bytes)), nil
	}
	return 0, pipeline.Usagef("%s %q is not a size such as 512MiB or 2GiB", flag, s)
}

// parsePixels reads "100MP", or a number of pixels.
func parsePixels(s string) (uint64, error) {
	number, factor := s, 1.0
	for _, suffix := range []string{"MP", "M"} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			number, factor = n, 1e6
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	// libvips ends at 10 million pixels a side.
	if pixels := n * factor; err == nil && pixels >= 1 && pixels <= 1e14 {
		return uint64(pixels), nil
	}
	return 0, pipeline.Usagef("--max-pixels %q is not a number of pixels such as 100MP", s)
}
