// Package s3test runs a real S3 server, versitygw, for tests.
package s3test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// install is what makes the server available.
const install = "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// The credentials of the server. They are for tests only.
const (
	AccessKey = "sluice-test"
	SecretKey = "sluice-test-secret"
	region    = "us-east-1"
)

// Server is a running S3 server with a folder behind it.
type Server struct {
	Endpoint string // http://127.0.0.1:PORT. It stays the same over restarts.

	t       testing.TB
	program string
	dir     string
	cmd     *exec.Cmd
	ended   chan struct{} // closed once cmd has
	output  bytes.Buffer
}

// environment has every client of this process use the servers' credentials. It
// is the same for all of them, so that tests can run beside each other.
var environment = sync.OnceFunc(func() {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": AccessKey, "AWS_SECRET_ACCESS_KEY": SecretKey, "AWS_REGION": region,
		// Else the SDK may read a developer's own profile.
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		_ = os.Setenv(name, value) //nolint:usetesting // t.Setenv is of one test; it fails only by a bad name
	}
})

// Start starts a server over an empty folder that ends with the test, and puts
// its credentials into the test's environment. Without the program the test is
// skipped, or fails if SLUICE_REQUIRE_S3=1.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartIn(t, t.TempDir())
}

// StartIn is Start over a folder of the test's own, whose file system must have
// extended attributes.
func StartIn(t testing.TB, dir string) *Server {
	t.Helper()
	program := find()
	if program == "" {
		why := "no versitygw in $VERSITYGW, bin/, ~/go/bin or $PATH: " + install
		if os.Getenv("SLUICE_REQUIRE_S3") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	environment()

	// Another process can take the free port before the server does.
	var err error
	for range 3 {
		s := &Server{t: t, program: program, dir: dir}
		var addr string
		if addr, err = freeAddress(); err != nil {
			break
		}
		if err = s.run(addr); err == nil {
			t.Cleanup(s.Kill)
			return s
		}
	}
	t.Fatal(err)
	return nil
}

// Kill ends the server by SIGKILL. It does nothing if the server does not run.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill() // fails only if it has ended
		<-s.ended
		s.cmd = nil
	}
}

// Restart starts a server that was killed again, at the same address and over
// the same folder.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.run(strings.TrimPrefix(s.Endpoint, "http://")); err != nil {
		s.t.Fatal(err)
	}
}

func find() string {
	candidates := []string{os.Getenv("VERSITYGW")}
	if root := moduleRoot(); root != "" {
		candidates = append(candidates, filepath.Join(root, "bin", "versitygw"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		candidates = append(candidates, filepath.Join(home, "go", "bin", "versitygw"))
	}
	for _, c := range append(candidates, "versitygw") {
		if path, err := exec.LookPath(c); err == nil {
			return path
		}
	}
	return ""
}

// moduleRoot is the folder above that holds go.mod.
func moduleRoot() string {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// run starts the process and returns when it answers.
func (s *Server) run(addr string) error {
	s.Endpoint = "http://" + addr
	s.output.Reset()
	// --keep-alive: else every request would be a connection of its own.
	s.cmd = exec.Command(s.program, "--access", AccessKey, "--secret", SecretKey, "--region", region,
		"--port", addr, "--health", "/health", "--keep-alive", "--quiet", "posix", s.dir)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	// It must not outlive a test that is killed.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	cmd, ended := s.cmd, make(chan struct{})
	s.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	if err := s.await(ended); err != nil {
		s.Kill()
		return fmt.Errorf("versitygw: %w\n%s", err, &s.output)
	}
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// await asks for the server's health until it is well.
func (s *Server) await(ended <-chan struct{}) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		resp, err := client.Get(s.Endpoint + "/health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return fmt.Errorf("ended before it answered")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("did not answer within 30 s")
}

// Bucket makes a bucket, and returns the URL that opens it.
func (s *Server) Bucket(t testing.TB, name string) string {
	t.Helper()
	if err := os.Mkdir(filepath.Join(s.dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
	return "s3://" + name + "?" + s.Query()
}

// Query is what a URL needs to reach this server instead of Amazon's.
func (s *Server) Query() string {
	return url.Values{"endpoint": {s.Endpoint}, "region": {region}, "use_path_style": {"true"}}.Encode()
}

// Via is the same server, by way of another endpoint. It is not run from there.
func (s *Server) Via(endpoint string) *Server { return &Server{Endpoint: endpoint, dir: s.dir} }

// Folder is where the server keeps a bucket. Hidden folders in it are its own.
func (s *Server) Folder(bucket string) string { return filepath.Join(s.dir, bucket) }

// Env is what a process needs in its environment to use the server.
func (s *Server) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_REGION=" + region,
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}
