package storing

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"sluice/pipeline"
)

// listFolder lists a folder of the file system. fileblob's own listing walks
// the whole tree again for each thousand files, yields a/x before a-b, loses
// files at the seams of pages for it, passes silently over folders that it may
// not read, and takes a link to a file for the link.
//
// A link to a file is the file, as Hugging Face's cache has them. Links to
// folders are not followed: they can go round in circles.
func (s *Store) listFolder(ctx context.Context, prefix string) iter.Seq2[pipeline.Object, error] {
	return func(yield func(pipeline.Object, error) bool) {
		// Begin as deep as the prefix allows, if that folder is named like its key.
		dir := prefix[:strings.LastIndexByte(prefix, '/')+1]
		if !plain(dir) {
			dir = ""
		}
		w := folderWalk{store: s, ctx: ctx, prefix: prefix, yield: yield}
		_, gone := os.Stat(s.at.Path)
		if gone == nil {
			_, gone = w.walk(filepath.Join(s.at.Path, dir), dir)
		}
		if gone != nil {
			yield(pipeline.Object{}, s.fault(ctx, "list", prefix, gone))
		}
	}
}

type folderWalk struct {
	store  *Store
	ctx    context.Context
	prefix string
	yield  func(pipeline.Object, error) bool
}

// named is an entry of a folder under the key that it stands for; a folder's
// ends in a slash, so that sorting puts a-b before what is in a.
type named struct {
	key   string
	entry fs.DirEntry
}

// walk lists what is in path, whose keys begin with dir. It returns whether to
// go on.
func (w *folderWalk) walk(path, dir string) (bool, error) {
	if err := w.ctx.Err(); err != nil {
		return false, err
	}
	entries, err := os.ReadDir(path)
	if vanished(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	found := make([]named, 0, len(entries))
	for _, e := range entries {
		key := dir + unescape(e.Name())
		if e.IsDir() {
			key += "/"
		}
		if strings.HasPrefix(key, w.prefix) || e.IsDir() && strings.HasPrefix(w.prefix, key) {
			found = append(found, named{key, e})
		}
	}
	slices.SortFunc(found, func(a, b named) int { return cmp.Compare(a.key, b.key) })
	for _, f := range found {
		next := w.file
		if f.entry.IsDir() {
			next = w.walk
		}
		if more, err := next(filepath.Join(path, f.entry.Name()), f.key); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// file yields one file, if it is one.
func (w *folderWalk) file(path, key string) (bool, error) {
	if leftover.MatchString(key) || strings.HasSuffix(key, sidecar) {
		return true, nil
	}
	info, err := os.Stat(path)
	if vanished(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return true, nil
	}
	o := pipeline.Object{Key: key, Size: info.Size(), ModTime: info.ModTime()}
	o.Version = version(nothing{}, o.Size, o.ModTime)
	return w.yield(o, nil), nil
}

// vanished is whether there is nothing (any more) under a path, which may be a
// link to nothing, or lead through a file.
func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// nothing is an object of which no driver knows more.
type nothing struct{}

func (nothing) As(any) bool { return false }

// leftover is the name of a temporary file of fileblob: the target's, the time
// in nanoseconds (16 hex digits until the year 2262), .tmp.
var leftover = regexp.MustCompile(`\.[0-9a-f]{16}\.tmp$`)

// escaped is how fileblob spells what it does not want in a file's name: control
// characters, a slash after another one, and this spelling itself.
var escaped = regexp.MustCompile(`__0x([0-9a-fA-F]{1,8})__`)

func unescape(name string) string {
	return escaped.ReplaceAllStringFunc(name, func(e string) string {
		r, err := strconv.ParseInt(e[len("__0x"):len(e)-len("__")], 16, 32)
		if err != nil {
			return e
		}
		return string(rune(r))
	})
}

// plain is whether fileblob keeps the folder dir under its own name.
func plain(dir string) bool {
	return !escaped.MatchString(dir) && !strings.Contains(dir, "//") && !strings.Contains(dir, "../") &&
		!strings.HasPrefix(dir, "/") && !strings.ContainsFunc(dir, func(r rune) bool { return r < ' ' })
}
