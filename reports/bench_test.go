package reports

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cpuTime reports the processor time of an operation, which other work on the machine
// does not lengthen as it does the time on the clock.
func cpuTime(b *testing.B) (stop func()) {
	b.Helper()
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := spent()
	return func() { b.ReportMetric(float64(spent()-start)/float64(b.N), "cpu-ns/op") }
}

// recorded is after how many records a benchmark begins a new Recorder: a run's worth.
const recorded = 1 << 18

func BenchmarkRecorderAttempt(b *testing.B) {
	var rec atomic.Pointer[Recorder]
	rec.Store(NewRecorder(recorded / 6))
	var next atomic.Uint64
	b.ReportAllocs()
	defer cpuTime(b)()
	b.RunParallel(func(pb *testing.PB) {
		id := next.Add(1 << 32)
		for pb.Next() {
			if id++; id%recorded == 0 {
				rec.Store(NewRecorder(recorded / 6))
			}
			rec.Load().Attempt(Attempt{Request: id / 5, Step: id % 5, N: 1, Target: "openai/gpt-4o", Op: "llm"})
		}
	})
}

func BenchmarkRecorderRequest(b *testing.B) {
	rec := NewRecorder(recorded)
	b.ReportAllocs()
	defer cpuTime(b)()
	var id uint64
	for b.Loop() {
		if id++; id%recorded == 0 {
			rec = NewRecorder(recorded)
		}
		rec.Request(Request{Index: id, End: time.Second})
	}
}

func BenchmarkHistogramRecord(b *testing.B) {
	var h Histogram
	d := time.Duration(0)
	for b.Loop() {
		d += 12345
		h.Record(d)
	}
}

// BenchmarkBuild reports on one config of 100,000 agent requests of five calls.
func BenchmarkBuild(b *testing.B) {
	in := fixture(b)
	in.Configs = in.Configs[2:]
	in.Runs = []*Run{simulate(subjects[2], 1, 100_000)}
	b.ReportAllocs()
	for b.Loop() {
		Build(in)
	}
}

// BenchmarkMillion computes and renders a report over a million calls.
func BenchmarkMillion(b *testing.B) {
	in := fixture(b)
	in.Configs = in.Configs[2:]
	in.Runs = []*Run{simulate(subjects[2], 1, 200_000)}
	b.ReportAllocs()
	defer cpuTime(b)()
	size := 0
	for b.Loop() {
		r := Build(in)
		if _, err := r.Encode(); err != nil {
			b.Fatal(err)
		}
		size = len(mustHTML(b, r))
		_ = Markdown(r)
	}
	b.ReportMetric(float64(size), "html-B")
}
