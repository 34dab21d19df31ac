// Package scenariotest tests agents with scenario files: Gomega matchers for
// reports, which also work without Ginkgo, and a Ginkgo suite made of files.
//
//	func TestAgent(t *testing.T) {
//		gomega.RegisterFailHandler(ginkgo.Fail)
//		ginkgo.RunSpecs(t, "agent")
//	}
//
//	var _ = scenariotest.DescribeScenarios("testdata/*.yaml", scenariotest.Options{})
package scenariotest

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/scenarios"
)

// defaultTimeout is how long one scenario may take.
const defaultTimeout = 5 * time.Minute

// Options says how the scenarios of a suite are run and judged. The zero value runs
// each as its file says and wants its expectations to hold.
type Options struct {
	// Run is handed to scenarios.Run; its Progress should stay nil.
	Run scenarios.Options
	// Only leaves out the scenarios whose file does not have this label; "" takes all.
	Only string
	// Labels are added to those of each file.
	Labels []string
	// Again is how often an inconclusive run is run again: it says nothing, for example
	// because the machine was too busy to send on time.
	Again int
	// Timeout ends a run with a partial report, which fails; 0 means five minutes.
	Timeout time.Duration
	// Check looks at a report after its expectations held; nil checks nothing more.
	Check func(r *reports.Report)
}

// DescribeScenarios makes one spec of each scenario file that matches glob, relative
// to the package's folder, with the labels of the file. It reads the files at once,
// when the tree of specs is built, and panics if none matches or one is wrong: a
// suite without specs would pass. The specs are serial, since a run measures time.
func DescribeScenarios(glob string, o Options) bool {
	opened, err := openGlob(glob)
	if err != nil {
		panic(err)
	}
	return describe("scenarios "+glob, opened, o)
}

// DescribeLibrary is DescribeScenarios for the scenarios that come with chaos.
func DescribeLibrary(o Options) bool {
	library, err := scenarios.Library()
	if err != nil {
		panic(fmt.Errorf("scenariotest: %w", err))
	}
	return describe("the library", library, o)
}

// openGlob opens all files of a glob or returns all their mistakes.
func openGlob(glob string) ([]*scenarios.Scenario, error) {
	files, err := filepath.Glob(glob) // sorted: every parallel process builds one tree
	if err != nil {
		return nil, fmt.Errorf("scenariotest: glob %q: %w", glob, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("scenariotest: no scenario file matches %q", glob)
	}
	var opened []*scenarios.Scenario
	var mistakes []error
	for _, file := range files {
		s, err := scenarios.Open(file)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		opened = append(opened, s)
	}
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("scenariotest: %w", errors.Join(mistakes...))
	}
	return opened, nil
}

func describe(text string, opened []*scenarios.Scenario, o Options) bool {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	opened = slices.DeleteFunc(opened, func(s *scenarios.Scenario) bool {
		return o.Only != "" && !slices.Contains(s.Labels, o.Only)
	})
	if len(opened) == 0 {
		panic(fmt.Errorf("scenariotest: %s: no scenario has the label %q", text, o.Only))
	}
	caller := types.NewCodeLocation(2)
	return ginkgo.Describe(text, caller, func() {
		for _, s := range opened {
			ginkgo.It(s.Name, caller, ginkgo.Label(s.Labels...), ginkgo.Label(o.Labels...), ginkgo.Serial, ginkgo.SpecTimeout(o.Timeout),
				func(ctx ginkgo.SpecContext) { runSpec(ctx, s, o) })
		}
	})
}

// runSpec runs a scenario; an entry with each result is added before it is judged, so
// that a failed spec has it too.
func runSpec(ctx ginkgo.SpecContext, s *scenarios.Scenario, o Options) {
	var report *reports.Report
	for try := 0; try == 0 || try <= o.Again && report.Status == reports.Inconclusive; try++ {
		var err error
		report, err = scenarios.Run(ctx, s, o.Run)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		ginkgo.AddReportEntry("chaos", summarize(report))
	}
	gomega.Expect(report).To(PassExpectations())
	if o.Check != nil {
		o.Check(report)
	}
}

// Summary is the entry that a spec adds to Ginkgo's reports: small, because it is
// repeated in each of their formats.
type Summary struct {
	Scenario string   `json:"scenario"`
	Status   string   `json:"status"`
	Reasons  []string `json:"reasons,omitempty"`
	// Reliability is the effective reliability in [0, 1] by config.
	Reliability map[string]float64 `json:"reliability"`
}

// String is the form that Ginkgo prints.
func (s Summary) String() string {
	return fmt.Sprintf("%s %s %v %v", s.Scenario, s.Status, s.Reliability, s.Reasons)
}

func summarize(r *reports.Report) Summary {
	s := Summary{Scenario: r.Name, Status: string(r.Status), Reasons: r.Reasons, Reliability: map[string]float64{}}
	for _, c := range r.Configs {
		if v := c.Metric("effective_reliability"); v.Known() {
			s.Reliability[c.Name] = v.Value
		}
	}
	return s
}
