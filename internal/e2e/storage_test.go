package e2e

import (
	"encoding/json"
	"fmt"
	"image/jpeg"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/s3test"
	"sluice/pipeline/location"
	"sluice/workflows"
)

// trouble is what `starter status` says of a run that is held up, once it says
// so, and what the Temporal UI shows of the activity is the same line.
func (r *rig) trouble(o operator, out, says string) {
	r.t.Helper()
	var message string
	await(r.t, fmt.Sprintf("the status says %q", says), func() bool {
		stdout, err := r.command("status", out, "--json").Output()
		if err != nil {
			return false
		}
		var status struct {
			Running struct {
				Troubles []struct{ Partition, Message string } `json:"troubles"`
			} `json:"running"`
		}
		if err := json.Unmarshal(stdout, &status); err != nil {
			r.t.Fatalf("%v: %s", err, stdout)
		}
		for _, trouble := range status.Running.Troubles {
			message = trouble.Message
			if !strings.Contains(message, says) {
				continue
			}
			l, err := location.Parse(out)
			if err != nil {
				r.t.Fatal(err)
			}
			a := o.pending(workflows.PartitionID(workflows.RunID(l.String()), trouble.Partition))
			if shown := a.GetLastFailure().GetMessage(); a != nil && shown != message {
				r.t.Errorf("the UI shows %q", shown)
			}
			return true
		}
		return false
	})
	if strings.Contains(message, "\n") || len(message) > 600 {
		r.t.Errorf("that is no line: %q", message)
	}
	r.t.Log(message)
}

// whole checks that the images below a folder are whole, named or not.
func whole(t *testing.T, folder string) {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(folder, "images", "*", "*"))
	if err != nil || len(images) == 0 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	for _, path := range images {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jpeg.Decode(f); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		f.Close()
	}
}

// credentials are what a program of the operator's gives the worker, and for how
// long they hold.
type credentials struct{ file, config string }

func newCredentials(t *testing.T) credentials {
	t.Helper()
	dir := t.TempDir()
	c := credentials{filepath.Join(dir, "credentials.json"), filepath.Join(dir, "config")}
	if err := os.WriteFile(c.config, []byte("[default]\ncredential_process = cat "+c.file+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.hand(t, s3test.AccessKey)
	return c
}

// hand hands out keys, which are to be asked for again in a moment. Others have
// another id, as those have that are issued anew: the SDK keeps what it derived
// from a secret by the id that came with it.
func (c credentials) hand(t *testing.T, id string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"Version": 1, "AccessKeyId": id, "SecretAccessKey": s3test.SecretKey, "Expiration": time.Now().Add(time.Second),
	})
	if err == nil {
		err = os.WriteFile(c.file, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever goes wrong with a store, attempts at the partition fail and say so in
// a line, and are made again until it works: no row fails, no object is cut, and
// no worker dies.
func TestAStoreThatFailsIsWaitedFor(t *testing.T) {
	scenario(t)
	g := newGateway(t, s3test.Start(t))
	r := newRig(t)
	r.origin.delay = 5 * time.Millisecond
	o := r.operator()
	keys := newCredentials(t)
	w := r.program(bin("worker"), []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_CONFIG_FILE=" + keys.config})
	const rows = 300
	for i, c := range []struct {
		name  string
		fails func(t *testing.T)
		mend  func(t *testing.T)
		says  string // of the pending activity; "" is nothing at all
	}{
		{name: "it asks for fewer requests", says: "SlowDown: Please reduce your request rate. (HTTP status 503)", fails: func(*testing.T) {
			g.misbehave(says(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."))
		}},
		{name: "it takes longer over each write than the heartbeat timeout", fails: func(*testing.T) { g.misbehave(slowly(4 * time.Second)) }},
		{name: "what is sent to it is cut in the middle", says: "connection reset by peer", fails: func(*testing.T) { g.misbehave(cutSending) }},
		{name: "it does what it is asked, and its answers are lost", says: "", fails: func(*testing.T) { g.misbehave(cutAnswer) }},
		{name: "both ways are cut in the middle", says: "connection reset by peer", fails: func(*testing.T) { g.misbehave(cutBody) }},
		{name: "the token has expired", says: "ExpiredToken: The provided token has expired. (HTTP status 403)", fails: func(*testing.T) {
			g.misbehave(says(http.StatusForbidden, "ExpiredToken", "The provided token has expired."))
		}},
		{
			name: "the credentials are not what they were", says: "No user exists with the provided access key ID.",
			fails: func(t *testing.T) { keys.hand(t, "revoked") },
			mend:  func(t *testing.T) { keys.hand(t, s3test.AccessKey) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t, o.t = t, t
			r.dir = t.TempDir()
			keys.hand(t, s3test.AccessKey)
			in := r.dataset("a.parquet", rows, func(row int) string { return fine(1000*i + row) })
			name := fmt.Sprintf("out%d", i)
			out := g.bucket(t, name)
			reached := r.origin.when(100)
			wait := r.start(in, out)
			<-reached
			before := g.times()
			c.fails(t)
			if c.says != "" {
				r.trouble(o, out, c.says)
			} else {
				await(t, "it has misbehaved", func() bool { return g.times() > before+3 })
			}
			g.misbehave(nil)
			if c.mend != nil {
				c.mend(t)
			}
			if res := wait(); res.exit != 0 || res.OK != rows || res.Failed != 0 {
				t.Errorf("%+v\n%s", res, res.stderr)
			}
			if !alive(w.Process.Pid) {
				t.Fatal("the worker is dead")
			}
			whole(t, filepath.Join(g.s3.Folder(name), "photos"))
			r.verify(out)
		})
	}
}

// mountTmpfs mounts a file system of so many KiB, until the test has ended.
func mountTmpfs(t *testing.T, size int) (folder string) {
	t.Helper()
	folder = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dk", size), "tmpfs", folder).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", folder).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return folder
}

// A disk that is full holds the run up, which goes on once there is room.
func TestADiskThatIsFullIsWaitedFor(t *testing.T) {
	scenario(t)
	r := newRig(t)
	r.origin.delay = 5 * time.Millisecond
	const rows = 600
	out := mountTmpfs(t, 2048)
	in := r.dataset("a.parquet", rows, fine)
	w := r.worker()
	wait := r.start(in, out)
	r.trouble(r.operator(), out, "no space left on device")
	if out, err := exec.Command("mount", "-o", "remount,size=64m", out).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if res := wait(); res.exit != 0 || res.OK != rows || res.Failed != 0 {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	if !alive(w.Process.Pid) {
		t.Error("the worker is dead")
	}
	whole(t, out)
	if all := files(t, out); strings.Contains(all, ".tmp") {
		t.Errorf("something is half-written:\n%s", all)
	}
	r.verify(out)
}

// A worker has no use for the temporary folder: images are passed on in memory,
// and what is stored is written beside its place.
func TestTheTemporaryFolderMayBeFull(t *testing.T) {
	scenario(t)
	r := newRig(t)
	temporary := mountTmpfs(t, 4)
	if err := os.WriteFile(filepath.Join(temporary, "full"), make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("it is not full")
	}
	r.origin.large = [][]byte{large(1)}
	const rows = 60
	in, out := r.dataset("a.parquet", rows, func(i int) string {
		if i%20 == 0 {
			return fmt.Sprintf("/large/%d.jpg", i)
		}
		return fine(i)
	}), filepath.Join(r.dir, "out")
	r.program(bin("worker"), []string{"TMPDIR=" + temporary})
	// PNG, to go libvips' way.
	if res := r.run(in, out, "--size", "800x600", "--format", "png"); res.exit != 0 || res.OK != rows || res.Failed != 0 {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.verify(out)
}
