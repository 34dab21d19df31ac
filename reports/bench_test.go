package reports

import (
	"sync/atomic"
	"testing"
	"time"
)

func BenchmarkRecorderAttempt(b *testing.B) {
	rec := NewRecorder(b.N / 5)
	var next atomic.Uint64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := next.Add(1 << 32)
		for pb.Next() {
			id++
			rec.Attempt(Attempt{Request: id / 5, Step: id % 5, N: 1, Target: "openai/gpt-4o", Op: "llm"})
		}
	})
}

func BenchmarkRecorderRequest(b *testing.B) {
	rec := NewRecorder(b.N)
	b.ReportAllocs()
	var id uint64
	for b.Loop() {
		id++
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
