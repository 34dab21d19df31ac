package scenarios

import (
	"context"
	"os"
	"runtime"
	"syscall"
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
	// One run, one processor, as the command does it.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for b.Loop() {
		start := time.Now()
		report, err := Run(context.Background(), s, Options{})
		if err != nil {
			b.Fatal(err)
		}
		c := report.Configs[0]
		b.ReportMetric(c.Runs[0].Duration/time.Since(start).Seconds(), "x-wall")
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(used.Maxrss)/1024, "MB-resident") // of the process so far; kilobytes on Linux
		b.ReportMetric(c.Metrics["effective_reliability"].Value*100, "reliability-%")
	}
}
