package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// peerRows is how many rows everybody does: the slowest takes five minutes.
const peerRows = 6_000

// BenchmarkPeers runs what people use today, and sluice, one after another over
// the same photographs from the same local origin to files of 256x256, quality
// 80. `make bench-peers` installs the others. Ratios are to sharp, the fastest
// of them.
func BenchmarkPeers(b *testing.B) {
	tools := filepath.Join(root, "tmp", "peers")
	if _, err := os.Stat(filepath.Join(tools, "node_modules", "sharp")); err != nil {
		b.Skip("sharp is missing: make bench-peers installs it")
	}
	l := newLibrary(b)
	data := serve(b, 0, names(allPhotos(b)), peerRows)
	t := data.startTemporal(b, memory)
	urls := filepath.Join(b.TempDir(), "urls.txt")
	if err := os.WriteFile(urls, []byte(strings.Join(data.urls, "\n")+"\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	python := filepath.Join("venv", "bin", "python")
	peers := []*peer{
		{name: "sharp", dir: tools, program: "node", script: "run_sharp.mjs", input: urls},
		{name: "img2dataset", dir: tools, program: python, script: "run_img2dataset.py", input: data.input},
		{name: "daft", dir: tools, program: python, script: "run_daft.py", input: data.input},
		{name: "pillow", dir: tools, program: python, script: "run_pillow.py", input: urls},
	}
	contenders := []contender{
		peers[0].contender(),
		{name: "library", run: func(b *testing.B) { l.run(b, data.input, b.TempDir(), peerRows) }},
		{name: "sluice", run: func(b *testing.B) { t.run(b, peerRows) }, cpu: t.cpu},
	}
	for _, p := range peers[1:] {
		contenders = append(contenders, p.contender())
	}
	duel(b, peerRows, contenders...)
}

// peer is somebody else's program.
type peer struct {
	name    string
	dir     string // where it is installed
	program string // of dir, or of PATH
	script  string // of the folder peers
	input   string

	used time.Duration // CPU time, of all rounds
}

func (p *peer) contender() contender {
	return contender{name: p.name, run: p.run, cpu: func(*testing.B) time.Duration { return p.used }}
}

// run does all rows once, and sees that there is an image for each.
func (p *peer) run(b *testing.B) {
	b.Helper()
	script, err := filepath.Abs(filepath.Join("peers", p.script))
	if err != nil {
		b.Fatal(err)
	}
	input, err := filepath.Abs(p.input)
	if err != nil {
		b.Fatal(err)
	}
	out := b.TempDir()
	cmd := exec.CommandContext(b.Context(), p.program, script, input, out)
	cmd.Dir = p.dir
	// Its own resamplers and decoders, and no word home.
	cmd.Env = append(os.Environ(), "DO_NOT_TRACK=true", "NO_ALBUMENTATIONS_UPDATE=1")
	said, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", p.name, err, bytes.TrimSpace(said))
	}
	p.used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	images := 0
	err = filepath.WalkDir(out, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		// By content: Daft gives its files no extension, img2dataset writes others
		// beside its images.
		body, err := os.ReadFile(path)
		if bytes.HasPrefix(body, []byte{0xff, 0xd8}) {
			images++
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if images != peerRows {
		b.Fatalf("%s has made %d images of %d\n%s", p.name, images, peerRows, bytes.TrimSpace(said))
	}
}
