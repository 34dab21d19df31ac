package virtual

import (
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTimeJumps(t *testing.T) {
	var passed time.Duration
	err := Run(func() error {
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { time.Sleep(time.Duration(i+1) * 24 * time.Hour) })
		}
		wg.Wait()
		passed = time.Since(start)
		return nil
	})
	if err != nil || passed != 72*time.Hour {
		t.Fatalf("three days took %v, %v: this toolchain no longer runs synctest outside a test", passed, err)
	}
}

func TestErrorComesBack(t *testing.T) {
	want := errors.New("no")
	if err := Run(func() error { time.Sleep(time.Hour); return want }); err != want {
		t.Fatalf("got %v", err)
	}
}

func TestPanicComesBackWithItsStack(t *testing.T) {
	err := Run(func() error { panic("spilled") })
	if err == nil || !strings.Contains(err.Error(), "spilled") || !strings.Contains(err.Error(), "virtual_test.go") {
		t.Fatalf("got %v", err)
	}
}

func waitsForEver(c chan int) { <-c }

func TestDeadlockNamesTheGoroutines(t *testing.T) {
	for name, f := range map[string]func() error{
		"left behind": func() error { go waitsForEver(make(chan int)); return nil },
		"all blocked": func() error { waitsForEver(make(chan int)); return nil },
	} {
		err := Run(f)
		if err == nil || !strings.Contains(err.Error(), "deadlock") || !strings.Contains(err.Error(), "waitsForEver") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestGoexitComesBack(t *testing.T) {
	err := Run(func() error { new(testing.T).FailNow(); return nil })
	if err == nil {
		t.Fatal("FailNow inside a bubble was taken for success")
	}
}

func TestBubblesRunSideBySide(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := Run(func() error { time.Sleep(time.Hour); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestOrdinaryBinaryHasNoTestFlags(t *testing.T) {
	out, err := exec.Command("go", "run", "./testdata/flags").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "24h0m0s, 0 test flags" {
		t.Fatalf("%v: %s", err, out)
	}
}
