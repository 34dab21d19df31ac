package faults

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAnEdgePassedWhileActingIsNotMissed: a connection that takes long to change
// its toxics must come to the edges that passed meanwhile, or a toxic stays.
func TestAnEdgePassedWhileActingIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := []*fault{{Spec: Spec{Name: "a", At: time.Second, For: time.Second}}}
		c := newClock()
		if _, ok := c.until(all, c.now()); ok {
			t.Error("an unarmed clock waits for an edge")
		}
		c.start(time.Now())
		acted := c.now()
		time.Sleep(1500 * time.Millisecond)
		if wait, ok := c.until(all, acted); !ok || wait != -500*time.Millisecond {
			t.Errorf("wait %v, %v: the opening passed half a second ago", wait, ok)
		}
		if open := c.now().active(all); len(open) != 1 {
			t.Errorf("active %v", open)
		}
		if wait, ok := c.until(all, c.now()); !ok || wait != 500*time.Millisecond {
			t.Errorf("wait %v, %v: the closing is half a second away", wait, ok)
		}
		c.stop()
		if open := c.now().active(all); len(open) != 0 {
			t.Errorf("active after the lift: %v", open)
		}
	})
}
