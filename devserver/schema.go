package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retention is how long a closed workflow can still be looked at. The default of
// this setup is 24 h; a week lets Monday see what Friday's run did.
const retention = 7 * 24 * time.Hour

// searchAttributes are those by which the runs of this project are found in
// lists. A cluster has to be told about them once; here they are always there.
var searchAttributes = map[string]enumspb.IndexedValueType{
	"SluiceOutput":  enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"SluiceStatus":  enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"SluiceDataset": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
}

// pragmas of the connection that the server uses. In WAL mode a commit is a write
// to the log file. With synchronous=normal the log is not fsynced on each
// commit: a killed process loses nothing that it acknowledged, because the kernel has
// the bytes, while a machine that loses power may lose the last commits (never the
// file's consistency). That is the right trade for a development server; with
// full, each workflow task would wait for the disk.
var pragmas = map[string]string{
	"journal_mode": "wal",
	"synchronous":  "normal",
	"busy_timeout": "10000", // ms; somebody may look into the file with another program
}

// database is the SQLite file and the lock on it.
type database struct {
	config  *config.SQL
	lock    *os.File
	tempDir string // removed on close; empty where the user named the file
}

// openDatabase makes path ready to be served from: it creates the file with
// Temporal's schema where it is missing, and the namespace where that is missing.
// An empty path is a temporary file. In memory would do as well, but then a
// cancelled query that drops the one connection would drop the database with it.
func openDatabase(path, namespace string) (_ *database, err error) {
	db := &database{}
	defer func() {
		if err != nil {
			db.close()
		}
	}()
	if path == "" {
		if db.tempDir, err = os.MkdirTemp("", "sluice-devserver-"); err != nil {
			return nil, usagef("no place for a temporary database: %w; give --db a file, or set TMPDIR", err)
		}
		path = filepath.Join(db.tempDir, "temporal.db")
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, usagef("--db %s: %w", path, err)
	}
	if err := checkFile(path); err != nil {
		return nil, err
	}
	if db.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	// Only now, or two that start at once would both create it.
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		if err := createSchema(path); err != nil {
			return nil, fmt.Errorf("creating the schema in %s: %w", path, err)
		}
	}

	db.config = sqlConfig(path, pragmas)
	if db.tempDir != "" {
		db.config.ConnectAttributes["synchronous"] = "off" // nobody reads it after a crash
	}
	ns, err := sqliteschema.NewNamespaceConfig(clusterName, namespace, false, searchAttributes)
	if err != nil {
		return nil, fmt.Errorf("describing the namespace %s: %w", namespace, err)
	}
	ns.Detail.Config.Retention = durationpb.New(retention)
	if err := sqliteschema.CreateNamespaces(db.config, ns); err != nil {
		return nil, usagef("--db %s cannot be used: %w; give another file, or move this one away", path, err)
	}
	return db, nil
}

// close lets go of the lock and removes a temporary database. SQLite's own
// connection lives as long as the process: the server's plugin never closes it.
func (db *database) close() {
	if db.lock != nil {
		db.lock.Close()
	}
	if db.tempDir != "" {
		os.RemoveAll(db.tempDir)
	}
}

// lockFile takes path for this process, until it ends in whichever way. Two
// servers over one file would take its shard from each other without end. The
// lock has a file of its own, because closing any descriptor of the database
// drops the locks of SQLite.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("--db is in a folder that does not exist: %s; create it, or give another file", filepath.Dir(path))
	}
	if err != nil {
		return nil, usagef("--db cannot be written: %w; give a file in a folder that you own", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, usagef("--db %s is in use by another devserver; stop that one, or give another file", strings.TrimSuffix(path, ".lock"))
	}
	return f, nil
}

// checkFile refuses a path under which there is something else. What is missing
// or empty (as mktemp leaves it) will become a database.
func checkFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usagef("--db cannot be read: %w; give another file", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return usagef("--db %s is not a regular file; give the name of a file", path)
	}
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	if n, _ := io.ReadFull(f, head); n > 0 && string(head[:n]) != magic {
		return usagef("--db %s is not a SQLite database; it was left alone, give another file", path)
	}
	return nil
}

// createSchema sets the schema up beside path and renames it into place, so that
// a file under path is complete even if this process is killed on the way.
func createSchema(path string) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// No write-ahead log here: it would stay behind under the old name.
	if err := sqliteschema.SetupSchema(sqlConfig(tmp, map[string]string{
		"journal_mode": "memory",
		"synchronous":  "off",
	})); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// sqlConfig is the plugin's configuration for the file at path.
func sqlConfig(path string, pragmas map[string]string) *config.SQL {
	attributes := map[string]string{"mode": "rwc"}
	maps.Copy(attributes, pragmas)
	return &config.SQL{
		PluginName: sqliteplugin.PluginName,
		// The plugin puts it into a URI as it is, where ?, # and % have a meaning.
		DatabaseName:      (&url.URL{Path: path}).EscapedPath(),
		ConnectAttributes: attributes,
	}
}
