// Package suite is a Ginkgo suite made of scenario files; copy it next to yours.
package suite

import (
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/agentchaos/chaos/scenarios/scenariotest"
)

func TestAgent(t *testing.T) {
	gomega.RegisterFailHandler(ginkgo.Fail)
	ginkgo.RunSpecs(t, "agent")
}

var _ = scenariotest.DescribeScenarios("testdata/*.yaml", scenariotest.Options{Again: 3})
