package scenariotest_test

import (
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/agentchaos/chaos/reports"
	"github.com/agentchaos/chaos/scenarios/scenariotest"
)

// TestLibrary runs the scenarios that come with chaos on the wall clock, one after
// the other. -short leaves them out, -ginkgo.label-filter picks some.
func TestLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: the library takes half a minute a scenario")
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.FailOnEmpty = true
	ginkgo.RunSpecs(t, "library", suite, reporter)
}

var _ = scenariotest.DescribeLibrary(scenariotest.Options{
	Labels: []string{"smoke"}, Again: 2, Check: everyFaultFired,
})

// everyFaultFired looks closer than a report's status does, which forgives optional
// faults: those of the library are none.
func everyFaultFired(r *reports.Report) {
	for _, f := range r.Faults {
		gomega.Expect(f.Optional).To(gomega.BeFalse(), "fault %s is optional", f.Name)
	}
}
