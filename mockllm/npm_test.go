package mockllm

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/network"
	"github.com/agentchaos/chaos/internal/seed"
)

// Bounds of the npm suite: the packages, which a registry gives, and its tests.
const (
	npmInstall = 75 * time.Second
	npmTests   = 75 * time.Second
	oldestNode = 20 // that every one of the SDKs takes
)

// The JavaScript SDKs against this mock. Without node or a registry there are none,
// and nothing is tested; a registry that answers too slowly counts as none.
func TestNPMSDKs(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: the JavaScript SDKs take half a minute")
	}
	checkNode(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/npm")); err != nil {
		t.Fatal(err)
	}
	out, err := runIn(t, npmInstall, dir, os.Environ(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts",
		"--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000")
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: npm cannot get the JavaScript SDKs: %v\n%s", err, out)
	}
	// The keys, addresses and tracing that a developer has set are not theirs.
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CHAOS_MOCK_URL=" + npmMock(t)}
	out, err = runIn(t, npmTests, dir, env, "node", "--test", "--test-reporter=spec")
	if err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
	if !regexp.MustCompile(` pass [1-9]\d*\n`).MatchString(out) || !strings.Contains(out, " skipped 0\n") {
		t.Errorf("not every test ran:\n%s", out)
	}
	t.Log(out)
}

// npmMock serves what the suite expects: a few models, and replies.json.
func npmMock(t *testing.T) string {
	data, err := os.ReadFile("testdata/npm/replies.json")
	if err != nil {
		t.Fatal(err)
	}
	var p Provider
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	now := seed.Constant(time.Nanosecond)
	p.Models = map[string]Model{}
	for _, name := range []string{"gpt-4o", "text-embedding-3-small", "claude-sonnet-4-5", "gemini-2.5-flash", "gemini-embedding-001"} {
		p.Models[name] = Model{TTFT: now, Gap: now}
	}
	p.SetDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := Listen(t.Context(), network.Loopback{}, "127.0.0.1:0", NewUniversal(p, startSeed).Handler())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.URL()
}

// checkNode skips the test where there is no npm, or too old a node.
func checkNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: no npm for the JavaScript SDKs: %v", err)
	}
	out, err := exec.Command("node", "--version").Output()
	major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
	if n, bad := strconv.Atoi(major); err != nil || bad != nil || n < oldestNode {
		t.Skipf("SKIPPED, NOT TESTED: the JavaScript SDKs want node %d, this one is %q: %v", oldestNode, out, err)
	}
}

// runIn gives what a command printed, and an error if it failed or took too long.
func runIn(t *testing.T, limit time.Duration, dir string, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env, c.WaitDelay = dir, env, 5*time.Second
	out, err := c.CombinedOutput()
	return string(out), errors.Join(err, ctx.Err())
}

// The lock names no host, so that npm asks the registry that it is set to, and the
// versions that package.json pins.
func TestNPMLock(t *testing.T) {
	read := func(name string, into any) {
		data, err := os.ReadFile(filepath.Join("testdata/npm", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	type listed struct {
		Version, Resolved string
		Dependencies      map[string]string
	}
	var pinned listed
	var lock struct{ Packages map[string]listed }
	read("package.json", &pinned)
	read("package-lock.json", &lock)
	if len(pinned.Dependencies) == 0 || !reflect.DeepEqual(pinned.Dependencies, lock.Packages[""].Dependencies) {
		t.Errorf("package.json has %v, the lock %v", pinned.Dependencies, lock.Packages[""].Dependencies)
	}
	for name, version := range pinned.Dependencies {
		if got := lock.Packages["node_modules/"+name].Version; got != version {
			t.Errorf("%s: package.json pins %s, the lock has %q", name, version, got)
		}
	}
	for name, p := range lock.Packages {
		if p.Resolved != "" {
			t.Errorf("%s is tied to %s: npm install --omit-lockfile-registry-resolved", name, p.Resolved)
		}
	}
}
