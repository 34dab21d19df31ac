package faults

import (
	"sync"
	"time"
)

// history is which toxics a connection had, and when; from it an attempt's faults
// are told. The zero value is ready; it is safe for concurrent use.
type history struct {
	mu    sync.Mutex
	spans []span
	// began is when the first byte of a request came that no attempt has taken yet.
	began time.Time
}

// span is one stay of a toxic in a connection; to is zero while it lasts.
type span struct {
	fault    *fault
	from, to time.Time
}

func (h *history) add(f *fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spans = append(h.spans, span{fault: f, from: time.Now()})
}

func (h *history) remove(f *fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.spans {
		if s := &h.spans[i]; s.fault == f && s.to.IsZero() {
			s.to = time.Now()
		}
	}
}

// find gives a toxic that the connection has now.
func (h *history) find(kind, stream string) *fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.spans {
		if s.to.IsZero() && s.fault.Type == kind && s.fault.stream == stream {
			return s.fault
		}
	}
	return nil
}

// touch notes that bytes of a request came.
func (h *history) touch() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.began.IsZero() {
		h.began = time.Now()
	}
}

// take hands the request that came to the attempt that answers it.
func (h *history) take() (began time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	began, h.began = h.began, time.Time{}
	return began
}

// since gives the toxics that the connection had at any time after began, each
// once.
func (h *history) since(began time.Time) []*fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*fault
	seen := map[*fault]bool{}
	for _, s := range h.spans {
		over := !s.to.IsZero() && s.to.Before(began)
		if !over && !seen[s.fault] {
			seen[s.fault] = true
			all = append(all, s.fault)
		}
	}
	return all
}

// unreached gives the toxics of a request that never came to the server.
func (h *history) unreached() []*fault {
	began := h.take()
	if began.IsZero() {
		return nil
	}
	return h.since(began)
}

// countsItself tells whether a toxic counts its effects per connection, when they
// happen, instead of per attempt.
func countsItself(f *fault) bool {
	return f.Type == "limit_data" || f.Type == "slow_close" || f.Type == "down"
}
