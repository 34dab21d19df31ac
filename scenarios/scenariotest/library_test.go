package scenariotest_test

import (
	"math"
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/scenarios"
	"github.com/agentchaos/chaos/scenarios/scenariotest"
)

// TestLibrary runs the scenarios that come with chaos in virtual time, and those with
// the label smoke on the wall clock too. -short leaves the wall clock out,
// -ginkgo.label-filter picks some.
func TestLibrary(t *testing.T) {
	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.FailOnEmpty = true
	if testing.Short() {
		t.Log("SKIPPED: the smoke scenarios on the wall clock, half a minute each")
		suite.LabelFilter = "virtual"
	}
	ginkgo.RunSpecs(t, "library", suite, reporter)
}

var _ = scenariotest.DescribeLibrary(scenariotest.Options{
	Run: scenarios.Options{Clock: "virtual"}, Labels: []string{"virtual"}, Check: library,
})

var _ = scenariotest.DescribeLibrary(scenariotest.Options{
	Only: "smoke", Labels: []string{"wall"}, Again: 3, Check: library,
})

// library is what must hold of every scenario, or of one beyond its expectations.
func library(r *reports.Report) {
	everyFaultFired(r)
	if r.Name == "five-calls" {
		none := r.Config("none").Metric("effective_reliability")
		gomega.Expect(math.Pow(0.99, 5)).To(gomega.And(gomega.BeNumerically(">=", none.Low), gomega.BeNumerically("<=", none.High)),
			"the interval of config none must cover the arithmetic")
	}
}

// everyFaultFired looks closer than a report's status does, which forgives optional
// faults and is content with one config: in the library every fault hits some config,
// and the first meets them all.
func everyFaultFired(r *reports.Report) {
	for _, f := range r.Faults {
		gomega.Expect(f.Optional).To(gomega.BeFalse(), "fault %s is optional", f.Name)
		if f.Config == r.Configs[0].Name {
			gomega.Expect(f.Fired).To(gomega.BeNumerically(">", 0), "fault %s in config %s", f.Name, f.Config)
		}
	}
}
