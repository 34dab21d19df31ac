package network

import (
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestAReadIsOfOneWrite: in memory what a reader gets at once hangs on the writer
// alone, or what toxics do to it would not repeat.
func TestAReadIsOfOneWrite(t *testing.T) {
	client, server := pair(t, new(Memory))
	defer client.Close()
	defer server.Close()
	for _, s := range []string{"a", "", "bcd", "ef"} {
		if n, err := io.WriteString(server, s); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	buf := make([]byte, 2)
	for _, want := range []string{"a", "bc", "d", "ef"} {
		if n, err := client.Read(buf); string(buf[:n]) != want || err != nil {
			t.Errorf("read %q, %v, want %q", buf[:n], err, want)
		}
	}
}

// TestMemoryNamesNoTwoClientsAlike: links know connections by the client's address.
func TestMemoryNamesNoTwoClientsAlike(t *testing.T) {
	m := &Memory{dialed: 1<<16 - 2}
	l := listen(t, m)
	defer l.Close()
	seen := map[string]bool{}
	for range 4 {
		conn, err := m.Dial(t.Context(), l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		seen[conn.LocalAddr().String()] = true
	}
	if len(seen) != 4 {
		t.Errorf("addresses %v", seen)
	}
}

// TestNoGapAfterAStall: with an unbuffered pipe the tokens would come as far apart
// after a stall as before.
func TestNoGapAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, new(Memory))
		defer client.Close()
		var wg sync.WaitGroup
		began := time.Now()
		wg.Go(func() {
			defer server.Close()
			for range 5 {
				time.Sleep(time.Second)
				io.WriteString(server, "x")
			}
		})
		time.Sleep(3500 * time.Millisecond)
		var at []time.Duration
		for {
			if _, err := client.Read(make([]byte, 1)); err != nil {
				break
			}
			at = append(at, time.Since(began))
		}
		wg.Wait()
		want := []time.Duration{3500 * time.Millisecond, 3500 * time.Millisecond, 3500 * time.Millisecond, 4 * time.Second, 5 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("read at %v, want %v", at, want)
		}
	})
}
