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
// of them, and to those that must be beaten by more.
func BenchmarkPeers(b *testing.B) {
	tools := filepath.Join(root, "tmp", "peers")
	if _, err := os.Stat(filepath.Join(tools, "node_modules", "sharp")); err != nil {
		b.Skip("sharp is missing: make bench-peers installs it")
	}
	l := newLibrary(b)
	rows := rowsOf(peerRows)
	data := serve(b, 0, names(allPhotos(b)), rows)
	t := data.startTemporal(b, memory)
	urls := filepath.Join(b.TempDir(), "urls.txt")
	if err := os.WriteFile(urls, []byte(strings.Join(data.urls, "\n")+"\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	python := filepath.Join("venv", "bin", "python")
	peers := []*peer{
		{name: "sharp", dir: tools, program: "node", script: "run_sharp.mjs", input: urls, rows: rows},
		{name: "img2dataset", dir: tools, program: python, script: "run_img2dataset.py", input: data.input, rows: rows},
		{name: "daft", dir: tools, program: python, script: "run_daft.py", input: data.input, rows: rows},
		{name: "pillow", dir: tools, program: python, script: "run_pillow.py", input: urls, rows: rows},
	}
	contenders := []contender{
		peers[0].contender(),
		{name: "library", run: func(b *testing.B) { l.run(b, data.input, outputDir(b), rows) }},
		{name: "sluice", run: func(b *testing.B) { t.run(b, rows) }, cpu: t.cpu},
	}
	for _, p := range peers[1:] {
		contenders = append(contenders, p.contender())
	}
	all := duel(b, rows, contenders...)
	for _, peer := range []struct {
		name      string
		wall, cpu float64 // times its rates, at least
	}{{"sharp", 1.25, 1.25}, {"img2dataset", 2.5, 0}, {"daft", 6.5, 0}} {
		for _, ours := range []string{"library", "sluice"} {
			if peer.name != contenders[0].name {
				all.report(b, ours, peer.name)
			}
			wall, cpu := all.times(ours, peer.name)
			if few() == 0 && (wall < peer.wall || cpu < peer.cpu) {
				b.Errorf("%s does %.2f times %s's images a second and %.2f times its images a CPU second; at least %.2f and %.2f are promised",
					ours, wall, peer.name, cpu, peer.wall, peer.cpu)
			}
		}
	}
}

// peer is somebody else's program.
type peer struct {
	name    string
	dir     string // where it is installed
	program string // of dir, or of PATH
	script  string // of the folder peers
	input   string

	rows int

	used time.Duration // CPU time, of all rounds
	out  string        // of the last round
	said []byte
}

func (p *peer) contender() contender {
	return contender{name: p.name, run: p.run, check: p.check, cpu: func(*testing.B) time.Duration { return p.used }}
}

// run does all rows once.
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
	p.out = outputDir(b)
	cmd := exec.CommandContext(b.Context(), p.program, script, input, p.out)
	cmd.Dir = p.dir
	// Its own resamplers and decoders, and no word home.
	cmd.Env = append(os.Environ(), "DO_NOT_TRACK=true", "NO_ALBUMENTATIONS_UPDATE=1")
	if p.said, err = cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", p.name, err, bytes.TrimSpace(p.said))
	}
	p.used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// check sees that there is an image for each row.
func (p *peer) check(b *testing.B) {
	b.Helper()
	images := 0
	err := filepath.WalkDir(p.out, func(path string, e os.DirEntry, err error) error {
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
	if images != p.rows {
		b.Fatalf("%s has made %d images of %d\n%s", p.name, images, p.rows, bytes.TrimSpace(p.said))
	}
}
