package scenarios

import (
	"context"
	"os"
	"testing"
	"time"
)

// BenchmarkVirtualHour is one hour of 10 agent requests a second, each of two
// streamed model calls and three tool calls, under the full config. It reports how
// many times faster than the wall that is.
func BenchmarkVirtualHour(b *testing.B) {
	source, err := os.ReadFile("testdata/virtual-hour.yaml")
	if err != nil {
		b.Fatal(err)
	}
	s, err := Load("virtual-hour.yaml", source, os.LookupEnv)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		start := time.Now()
		report, err := Run(context.Background(), s, Options{})
		if err != nil {
			b.Fatal(err)
		}
		c := report.Configs[0]
		b.ReportMetric(c.Runs[0].Duration/time.Since(start).Seconds(), "x-wall")
		b.ReportMetric(c.Metrics["effective_reliability"].Value*100, "reliability-%")
	}
}
