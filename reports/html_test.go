package reports

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func mustHTML(t testing.TB, r *Report) []byte {
	t.Helper()
	data, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// visited is what a browser made of a page.
type visited struct {
	dom     string
	console []string
	urls    []string // asked for, other than the browser's own
}

var (
	consoleLine = regexp.MustCompile(`CONSOLE[:(].*`)
	urlField    = regexp.MustCompile(`"url":"((?:https?|wss?|ftp)://[^"]*)"`)
	ownURL      = regexp.MustCompile(`^https?://[a-z0-9.]*\.(google|googleapis)\.com/`)
)

// visit opens a file in a headless Chromium of its own, without a network.
func visit(t *testing.T, path string) visited {
	t.Helper()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			browser = found
			break
		}
	}
	if browser == "" {
		t.Skip("SKIPPED, NOT TESTED: there is no Chromium to look at the page with")
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "net.json")
	c := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--enable-logging=stderr", "--log-net-log="+log,
		"--virtual-time-budget=3000", "--dump-dom", "file://"+path)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("running %s: %v\n%s", browser, err, errs.String())
	}
	net, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	v := visited{dom: out.String(), console: consoleLine.FindAllString(errs.String(), -1)}
	for _, match := range urlField.FindAllStringSubmatch(string(net), -1) {
		if !ownURL.MatchString(match[1]) {
			v.urls = append(v.urls, match[1])
		}
	}
	return v
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTheBrowserTestCanFail shows a page that does what a report must not.
func TestTheBrowserTestCanFail(t *testing.T) {
	v := visit(t, write(t, "bad.html", []byte(`<img src="http://chaos.invalid/x.png"><script>missing()</script>`)))
	if len(v.urls) == 0 || len(v.console) == 0 {
		t.Errorf("requests %q and console %q of a bad page went unseen", v.urls, v.console)
	}
}

func TestHTMLInABrowser(t *testing.T) {
	for name, in := range map[string]Input{"one seed": fixture(t, 42), "ten seeds and an ablation": taken(t)} {
		r := Build(in)
		v := visit(t, write(t, "report.html", mustHTML(t, r)))
		if len(v.urls) > 0 || len(v.console) > 0 {
			t.Errorf("%s: requests %q, console %q, want none", name, v.urls, v.console)
		}
		if n := strings.Count(v.dom, "<canvas"); n != 5 {
			t.Errorf("%s: %d charts were drawn, want 5", name, n)
		}
		seen := html.UnescapeString(v.dom)
		for i := range r.Configs {
			for metric, value := range r.Configs[i].Metrics {
				if text := withInterval(value); !strings.Contains(seen, text) {
					t.Errorf("%s: %s of %s, %s, is not on the page", name, metric, r.Configs[i].Name, text)
				}
			}
		}
		for _, e := range r.Expectations {
			if !strings.Contains(seen, e.Metric) || !strings.Contains(seen, e.Is) {
				t.Errorf("%s: the expectation %s %s is not on the page", name, e.Metric, e.Is)
			}
		}
		if !strings.Contains(seen, r.Verdict()) {
			t.Errorf("%s: the verdict is not on the page", name)
		}
	}
}

// TestHTMLControls works the buttons of a page from a script that its policy, taken
// away here, would not let in.
func TestHTMLControls(t *testing.T) {
	page := string(mustHTML(t, Build(fixture(t, 42, 43))))
	policy := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)
	const script = `<script>
const look = () => [...document.querySelectorAll("canvas")].map((c) => c.toDataURL()).join();
const button = (text) => [...document.querySelectorAll("button")].find((b) => b.textContent === text).click();
const seen = {};
const steps = [
  () => { seen.first = look(); button("Zoom to hard-down"); },
  () => { seen.zoomed = look(); button("Whole run"); },
  () => { seen.whole = look(); button("none"); },
  () => { seen.tab = look(); const s = document.querySelector("select"); s.selectedIndex = 1; s.onchange(); },
  () => {
    seen.seed = look();
    document.body.dataset.zoom = seen.zoomed !== seen.first;
    document.body.dataset.whole = seen.whole === seen.first;
    document.body.dataset.tab = seen.tab !== seen.first;
    document.body.dataset.seed = seen.seed !== seen.tab;
  },
];
steps.forEach((step, i) => setTimeout(step, 200 * (i + 1)));
</script></body>`
	page = strings.Replace(policy.ReplaceAllString(page, ""), "</body>", script, 1)
	v := visit(t, write(t, "controls.html", []byte(page)))
	for _, want := range []string{`data-zoom="true"`, `data-whole="true"`, `data-tab="true"`, `data-seed="true"`} {
		if !strings.Contains(v.dom, want) {
			t.Errorf("no %s; console %q", want, v.console)
		}
	}
}

// TestHTMLEscapes puts markup wherever a scenario can.
func TestHTMLEscapes(t *testing.T) {
	in := fixture(t, 42)
	const evil = `</script><script>alert("1")</script><img src=x onerror=y>`
	in.Name, in.Description, in.Scenario = evil, evil, []byte(`{"name":"</script><script>"}`)
	in.Faults[0].Name, in.Faults[0].On = evil, evil
	in.Configs[2].Name = evil
	in.Expectations = nil
	in.Runs[2].Config = evil
	in.Runs[2].Attempts[0].Class, in.Runs[2].Attempts[0].Target = evil, evil
	in.Runs[2].Transitions[0].Target = evil
	page := string(mustHTML(t, Build(in)))
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d script elements, want 2", n)
	}
	if strings.Contains(page, "<img") {
		t.Error("markup of the scenario reached the page")
	}
	if v := visit(t, write(t, "evil.html", []byte(page))); len(v.urls) > 0 || len(v.console) > 0 || strings.Count(v.dom, "<canvas") == 0 {
		t.Errorf("requests %q, console %q, want none, and charts", v.urls, v.console)
	}
}

func TestHTMLOfNothing(t *testing.T) {
	for name, in := range map[string]Input{"zero": {}, "empty run": {Configs: []ConfigInfo{{Name: "none"}}, Runs: []*Run{{Config: "none"}}}} {
		page := string(mustHTML(t, Build(in)))
		if strings.Contains(page, "NaN") || !strings.Contains(page, "</html>") {
			t.Errorf("%s: a number that is none, or a page cut short", name)
		}
	}
}

func TestHTMLIsTheSameEveryTime(t *testing.T) {
	first, second := mustHTML(t, Build(fixture(t, 42, 43))), mustHTML(t, Build(fixture(t, 42, 43)))
	if !bytes.Equal(first, second) {
		t.Error("the same input gives another page")
	}
}

// TestHTMLStaysSmall makes the largest report that is likely: an hour, ten seeds,
// eight configs.
func TestHTMLStaysSmall(t *testing.T) {
	in := fixture(t)
	in.Configs, in.Runs = nil, nil
	for i := range 8 {
		name := fmt.Sprintf("config-%d", i)
		in.Configs = append(in.Configs, ConfigInfo{Name: name, MaxAttempts: 3})
		for seed := range uint64(10) {
			run := simulate(subjects[i%3], seed, 500)
			run.Config, run.Duration = name, 3600*second
			for k := range run.Requests {
				run.Requests[k].Sched *= 180
				run.Requests[k].End = run.Requests[k].Sched + second
			}
			in.Runs = append(in.Runs, run)
		}
	}
	size := len(mustHTML(t, Build(in)))
	t.Logf("%d KB", size>>10)
	if size > 1.5e6 {
		t.Errorf("the page has %d bytes, want at most 1.5 MB", size)
	}
}
