package sdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	startsWithin = 60 * time.Second
	stopsWithin  = 60 * time.Second
)

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// Server is `formiga serve` on a free port with a data directory of its own. It knows nothing
// about the SDK.
type Server struct {
	Endpoint string
	process  *exec.Cmd
}

// startServer starts a server that ends, and has to end well, with the test.
func startServer(t *testing.T, args ...string) *Server {
	t.Helper()
	binary := os.Getenv("FORMIGA_BIN")
	if binary == "" {
		t.Fatal("set FORMIGA_BIN to the server under test")
	}
	folder := t.TempDir()
	var log bytes.Buffer
	serve := []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(folder, "data")}
	process := exec.Command(binary, append(serve, args...)...)
	process.Stderr = &log
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "FORMIGA_") {
			process.Env = append(process.Env, setting)
		}
	}
	reader, writer := io.Pipe()
	process.Stdout = writer
	if err := process.Start(); err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	server := &Server{process: process}
	ended := make(chan error, 1)
	go func() {
		ended <- process.Wait()
		writer.Close()
	}()
	t.Cleanup(func() { server.stop(t, ended) })

	found := make(chan string, 1)
	go readEndpoint(reader, found)
	select {
	case server.Endpoint = <-found:
	case <-time.After(startsWithin):
	}
	if server.Endpoint == "" {
		process.Process.Kill()
		err := <-ended
		ended <- err
		t.Fatalf("the server printed no address:\n%s", log.String())
	}
	return server
}

// readEndpoint finds the first address that the server prints; later lines are read and dropped.
func readEndpoint(output io.Reader, found chan<- string) {
	lines := bufio.NewScanner(output)
	told := false
	for lines.Scan() {
		if match := address.FindString(lines.Text()); match != "" && !told {
			told = true
			found <- match
		}
	}
	if !told {
		close(found)
	}
	io.Copy(io.Discard, output)
}

func (s *Server) stop(t *testing.T, ended <-chan error) {
	s.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM the server ended with %v", err)
		}
	case <-time.After(stopsWithin):
		s.process.Process.Kill()
		<-ended
		t.Error("the server did not end after SIGTERM")
	}
}

// AdvanceClock moves the server's clock ahead, so that no test waits for minutes or days.
func (s *Server) AdvanceClock(t *testing.T, by time.Duration) {
	t.Helper()
	if err := s.advanceClock(by); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) advanceClock(by time.Duration) error {
	body, err := json.Marshal(map[string]int64{"Seconds": int64(by / time.Second)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "Formiga.AdvanceClock")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(answer.Body)
		return errors.Join(fmt.Errorf("the clock stands: %s", text), err)
	}
	return nil
}
