package chaos

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// diskSize holds what a run of ten minutes makes, in bytes: with room to spare,
// since it is to be full only when it is told to.
const diskSize = "768m"

// disk is a small file system of memory. Where none can be mounted it is a
// folder, and is never full.
type disk struct {
	root   string
	folder string // for the store
	own    bool
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{root: t.TempDir()}
	d.folder = filepath.Join(d.root, "store")
	if err := syscall.Mount("sluice-chaos", d.root, "tmpfs", 0, "size="+diskSize); err == nil {
		d.own = true
		t.Cleanup(func() {
			if err := syscall.Unmount(d.root, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	}
	if err := os.Mkdir(d.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *disk) ballast() string { return filepath.Join(d.root, "ballast") }

// fill takes all the room there is.
func (d *disk) fill() error {
	if !d.own {
		return nil
	}
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer f.Close()
	for piece := int64(64 << 20); piece >= 4<<10; {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if syscall.Fallocate(int(f.Fd()), 0, info.Size(), piece) != nil {
			piece /= 2
		}
	}
	return nil
}

// free gives it back.
func (d *disk) free() error {
	if err := os.Remove(d.ballast()); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
