package isolation

import (
	"os"

	"golang.org/x/sys/unix"
)

// kept is how much of the shared memory stays for the next source: most fit, and
// pages cost more to get than to keep.
const kept = 2 << 20

// source is the memory in which a decoder finds the bytes of its image. It is
// there for good, in its full size, and sealed: nothing that a decoder does to it
// takes it away from this process.
type source struct {
	file   *os.File
	window []byte // its first kept bytes, or all of it
	filled int64  // bytes
}

// newSource makes memory for sources of at most so many bytes.
func newSource(most int64) (*source, error) {
	fd, err := unix.MemfdCreate("sluice source", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	s := &source{file: os.NewFile(uintptr(fd), "source")}
	if err := s.prepare(most); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *source) prepare(most int64) (err error) {
	fd := int(s.file.Fd())
	if err := s.file.Truncate(most); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	// Pages that are there cannot fail to come, which for a mapping is a fault.
	near := min(most, kept)
	if err := unix.Fallocate(fd, 0, 0, near); err != nil {
		return os.NewSyscallError("fallocate", err)
	}
	if s.window, err = unix.Mmap(fd, 0, int(near), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	return nil
}

// fill puts src at its beginning. Copying to the window takes two thirds of what
// writing takes, which looks up each page.
func (s *source) fill(src []byte) error {
	n := copy(s.window, src)
	if n == len(src) {
		return nil
	}
	s.filled = max(s.filled, int64(len(src)))
	_, err := s.file.WriteAt(src[n:], int64(n))
	return err
}

// empty gives back what a large source took.
func (s *source) empty() {
	if near := int64(len(s.window)); s.filled > near {
		if err := unix.Fallocate(int(s.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, near, s.filled-near); err == nil {
			s.filled = 0
		}
	}
}

func (s *source) close() {
	if s.window != nil {
		_ = unix.Munmap(s.window) // fails for nothing that was mapped
	}
	s.file.Close()
}
