package imaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/pipeline"
)

// headersEnv makes the test binary probe testdata without libvips.
const headersEnv = "SLUICE_IMAGING_HEADERS"

func probeAll() int {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) == 0 {
		return 1
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			return 1
		}
		if h, err := Headers(nil).Probe(src); err == nil {
			Headers(nil).Cost(h, target(256, 256, pipeline.Fill, pipeline.JPEG))
		}
	}
	return 0
}

// A process that leaves rendering to others does not start libvips, which govips
// does by itself when it is asked anything, and says so; images that are probed
// meanwhile would be unsupported.
func TestHeadersLeaveLibvipsAlone(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), headersEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
