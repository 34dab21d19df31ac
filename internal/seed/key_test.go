package seed

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

func TestKeyRoundTrip(t *testing.T) {
	for text, want := range map[string]Key{
		"0.0.0":                      {},
		"7.1.2":                      {7, 1, 2},
		"18446744073709551615.3.999": {1<<64 - 1, 3, 999},
	} {
		if got, err := ParseKey(text); got != want || err != nil || want.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "1.2", "1.2.3.4", "-1.2.3", "a.b.c", "1..3", "18446744073709551616.1.1", " 1.2.3"} {
		if got, err := ParseKey(text); err == nil || got != (Key{}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestContext(t *testing.T) {
	if k, ok := KeyFrom(context.Background()); ok || k != (Key{}) {
		t.Errorf("empty context: %v", k)
	}
	in := Key{1, 2, 3}
	if k, ok := KeyFrom(WithKey(context.Background(), in)); !ok || k != in {
		t.Errorf("%v", k)
	}
}

type sink struct{ got *http.Request }

func (s *sink) RoundTrip(r *http.Request) (*http.Response, error) {
	s.got = r
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}

// The transport writes the key of the context and leaves the caller's request alone.
func TestTransport(t *testing.T) {
	next := &sink{}
	send := func(ctx context.Context) (sent, seen string) {
		r := httptest.NewRequestWithContext(ctx, "POST", "http://x/", nil)
		if _, err := Transport(next).RoundTrip(r); err != nil {
			t.Fatal(err)
		}
		return r.Header.Get(Header), next.got.Header.Get(Header)
	}
	if sent, seen := send(WithKey(context.Background(), Key{1, 2, 3})); sent != "" || seen != "1.2.3" {
		t.Errorf("caller's request has %q, sent was %q", sent, seen)
	}
	if _, seen := send(context.Background()); seen != "" {
		t.Errorf("without a key %q was sent", seen)
	}
}

func TestStrangers(t *testing.T) {
	var s Strangers
	request := func(path, header string) *http.Request {
		r := httptest.NewRequest("POST", path, nil)
		if header != "" {
			r.Header.Set(Header, header)
		}
		return r
	}
	if k := s.Key(request("/a", "4.5.6"), []byte("x")); k != (Key{4, 5, 6}) {
		t.Errorf("header: %v", k)
	}
	one := s.Key(request("/a", ""), []byte("x"))
	again := s.Key(request("/a", "not a key"), []byte("x"))
	other := s.Key(request("/a", ""), []byte("y"))
	elsewhere := s.Key(request("/b", ""), []byte("x"))
	if one.Attempt != 1 || again.Attempt != 2 || again.Request != one.Request {
		t.Errorf("the same body: %v, then %v", one, again)
	}
	if other.Request == one.Request || elsewhere.Request == one.Request || other.Attempt != 1 || elsewhere.Attempt != 1 {
		t.Errorf("another body or path: %v, %v, %v", one, other, elsewhere)
	}
	var fresh Strangers
	if k := fresh.Key(request("/a", ""), []byte("x")); k != one {
		t.Errorf("the first time elsewhere: %v, want %v", k, one)
	}
}

func TestStrangersAtOnce(t *testing.T) {
	var s Strangers
	var wg sync.WaitGroup
	keys := make(chan Key, 100)
	for range 100 {
		wg.Go(func() { keys <- s.Key(httptest.NewRequest("POST", "/", nil), []byte("x")) })
	}
	wg.Wait()
	close(keys)
	seen := map[Key]bool{}
	for k := range keys {
		seen[k] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d keys for 100 requests", len(seen))
	}
}
