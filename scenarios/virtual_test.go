package scenarios

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestVirtualReportsRepeat runs library scenarios again and again, with one processor
// and with two: the reports must not differ in a byte.
func TestVirtualReportsRepeat(t *testing.T) {
	for _, name := range []string{"five-calls", "provider-outage", "stalled-streams", "timeouts", "rate-limits"} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(name)
			if err != nil {
				t.Fatal(err)
			}
			var first []byte
			for i := range 4 {
				before := runtime.GOMAXPROCS(1 + i%2)
				report, err := Run(context.Background(), s, Options{Clock: "virtual"})
				runtime.GOMAXPROCS(before)
				if err != nil {
					t.Fatal(err)
				}
				report.Meta = nil
				got, err := report.Encode()
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = got
				} else if !bytes.Equal(got, first) {
					os.WriteFile("/tmp/a.json", first, 0o644)
					os.WriteFile("/tmp/b.json", got, 0o644)
					t.Fatalf("rerun %d differs: %s", i, firstDifference(string(first), string(got)))
				}
			}
		})
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return as[i] + " became " + bs[i]
		}
	}
	return "one is longer"
}
