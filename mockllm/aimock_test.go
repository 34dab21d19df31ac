package mockllm

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// aimockPackage is what npm gets and node runs; it has no dependencies.
const aimockPackage = "@copilotkit/aimock@1.43.0"

// aimockReplies are 16 pieces of 4 letters, at once and at the pace of the streams.
const aimockReplies = `{"fixtures": [
	{"match": {"userMessage": "hello"}, "response": {"content": "` + sixteen + `"}, "chunkSize": 4},
	{"match": {"userMessage": "paced"}, "response": {"content": "` + sixteen + `abc abc abc "}, "chunkSize": 4,
	 "streamingProfile": {"ttft": 200, "tps": 50}}]}`

const sixteen = "abc abc abc abc abc abc abc abc abc abc abc abc abc abc abc abc "

// aimock starts aimock and gives its address, "" if node or the package is not to be
// had.
func aimock(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run := func(name string, args ...string) bool {
		c := exec.Command(name, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Logf("without aimock: %s: %v\n%s", name, err, out)
		}
		return err == nil
	}
	if !run("npm", "pack", aimockPackage) {
		return ""
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 || !run("tar", "xzf", found[0]) {
		return ""
	}
	fixtures := filepath.Join(dir, "fixtures.json")
	if err := os.WriteFile(fixtures, []byte(aimockReplies), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	node := exec.Command("node", filepath.Join(dir, "package", "dist", "cli.js"), "-p", port, "-f", fixtures, "--log-level", "silent")
	if err := node.Start(); err != nil {
		t.Logf("without aimock: %v", err)
		return ""
	}
	t.Cleanup(func() { _, _ = node.Process.Kill(), node.Wait() })
	for range 100 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Log("without aimock: it does not listen")
	return ""
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
