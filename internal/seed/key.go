// Package seed makes every random draw of a run repeatable.
//
// A draw is never taken from a shared generator: it comes from a [Stream] that
// is opened for one purpose and one [Key] and thrown away. Two configs that run
// under one seed therefore meet the same arrivals, latencies and faults, however
// differently they behave in between (common random numbers).
package seed

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Header is the HTTP header in which a request's [Key] travels from the agent to
// the mocks and faults, so that draws on both sides of the wire agree.
const Header = "Chaos-Key"

// Key names one attempt: the agent request (from 0), the call within it (from 1,
// the position of the agent's step) and the attempt within the call (from 1,
// counted over all targets). The zero Key stands for draws that belong to no
// request.
type Key struct{ Request, Call, Attempt uint64 }

// String gives "request.call.attempt" in decimal, the form of [Header].
func (k Key) String() string {
	b := make([]byte, 0, 24)
	b = strconv.AppendUint(b, k.Request, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, k.Call, 10)
	b = append(b, '.')
	return string(strconv.AppendUint(b, k.Attempt, 10))
}

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	a, rest, ok1 := strings.Cut(s, ".")
	b, c, ok2 := strings.Cut(rest, ".")
	var k Key
	var e1, e2, e3 error
	k.Request, e1 = strconv.ParseUint(a, 10, 64)
	k.Call, e2 = strconv.ParseUint(b, 10, 64)
	k.Attempt, e3 = strconv.ParseUint(c, 10, 64)
	if !ok1 || !ok2 || e1 != nil || e2 != nil || e3 != nil {
		return Key{}, fmt.Errorf("seed: key %q is not request.call.attempt", s)
	}
	return k, nil
}

type contextKey struct{}

// WithKey returns a context that carries k.
func WithKey(ctx context.Context, k Key) context.Context {
	return context.WithValue(ctx, contextKey{}, k)
}

// KeyFrom returns the key that ctx carries; ok is false if it carries none.
func KeyFrom(ctx context.Context) (k Key, ok bool) {
	k, ok = ctx.Value(contextKey{}).(Key)
	return k, ok
}

// Transport returns a RoundTripper that writes the key of a request's context
// into [Header], whoever built the request. It is safe for concurrent use if
// next is.
func Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

type transport struct{ next http.RoundTripper }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if k, ok := KeyFrom(r.Context()); ok {
		r = r.Clone(r.Context())
		r.Header.Set(Header, k.String())
	}
	return t.next.RoundTrip(r)
}

// Strangers keys the requests that carry no [Header]: by a fingerprint of their
// body and how often that body was seen. The zero value is ready; it is safe for
// concurrent use. It remembers at most strangersMax bodies and then starts anew.
type Strangers struct {
	mu   sync.Mutex
	seen map[uint64]uint64
}

const strangersMax = 1 << 20

// Key returns the key of a request: the one in its header, or one made of its body.
func (s *Strangers) Key(r *http.Request, body []byte) Key {
	if text := r.Header.Get(Header); text != "" {
		if k, err := ParseKey(text); err == nil {
			return k
		}
	}
	h := fnv.New64a()
	h.Write([]byte(r.URL.Path))
	h.Write(body)
	sum := h.Sum64()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil || len(s.seen) >= strangersMax {
		s.seen = make(map[uint64]uint64)
	}
	s.seen[sum]++
	return Key{Request: sum, Attempt: s.seen[sum]}
}
