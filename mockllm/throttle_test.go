package mockllm

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agentchaos/chaos/internal/dialect"
	"github.com/agentchaos/chaos/internal/exchange"
	"github.com/agentchaos/chaos/internal/seed"
)

// throttled is a provider of one dialect with rate limits and short replies.
func throttled(t *testing.T, name string, l RateLimit, tokens seed.Count) *ProviderServer {
	return provider(t, func(p *Provider) {
		p.Dialect, p.RateLimit = name, &l
		p.Models["gpt-4o"] = Model{TTFT: seed.Constant(50 * time.Millisecond), Gap: seed.Constant(time.Millisecond), Tokens: tokens}
	})
}

// chats are a small chat request in each dialect; chatPaths are where it goes.
var (
	chatPaths = map[string]string{"openai": chatPath, "anthropic": "/v1/messages", "gemini": "/v1beta/models/gpt-4o:generateContent"}
	chats     = map[string]string{
		"openai":    `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`,
		"anthropic": `{"model":"gpt-4o","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}`,
		"gemini":    `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`,
	}
)

// post sends a chat request of a key without a connection; it gives the reply with its
// body read.
func post(t *testing.T, s *ProviderServer, apiKey string, key seed.Key, body string) (*http.Response, []byte) {
	r, err := http.NewRequestWithContext(seed.WithKey(context.Background(), key), "POST", "http://mock"+chatPaths[s.dialect.Name], strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	for _, name := range []string{"X-Api-Key", "X-Goog-Api-Key"} {
		r.Header.Set(name, apiKey)
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	res, err := exchange.Handler{Responder: s, Inspect: s.Inspect}.RoundTrip(r)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res, b
}

// flood sends far more than is allowed for ten minutes of virtual time, at random
// instants, and gives what was admitted: requests, and tokens as the replies count
// them.
func flood(t *testing.T, s *ProviderServer, perSecond float64) (requests, input, output int) {
	start := time.Now()
	draw := seed.New(7, "flood", seed.Key{})
	var all sync.WaitGroup
	var mu sync.Mutex
	for n := uint64(0); ; n++ {
		time.Sleep(time.Duration(draw.Float64() * 2 / perSecond * float64(time.Second)))
		if time.Since(start) > 10*time.Minute {
			break
		}
		body := chats[s.dialect.Name]
		if s.dialect.Name == "openai" && n%3 > 0 {
			body = strings.TrimSuffix(body, "}") + fmt.Sprintf(`,"max_tokens":%d}`, 1+draw.IntN(200))
		}
		all.Go(func() {
			res, b := post(t, s, "key", seed.Key{Request: n, Call: 1, Attempt: 1}, body)
			if res == nil || res.StatusCode != 200 {
				return
			}
			reply, err := s.dialect.Decode(b)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			requests, input, output = requests+1, input+reply.Usage.Input, output+reply.Usage.Output
		})
	}
	all.Wait()
	return requests, input, output
}

// What is admitted in ten minutes is at most burst + rate × time, within one request,
// and not needlessly less.
func TestAdmittedRates(t *testing.T) {
	const largest = 210 // tokens of one request, at most
	tokens := seed.Count{P50: 60, P99: 200}
	for _, c := range []struct {
		name, dialect string
		limit         RateLimit
		perSecond     float64
		// measure picks what the limit counts; per is its rate a minute.
		measure func(requests, input, output int) int
		per     int
		slack   int // of one request
	}{
		{"rpm", "openai", RateLimit{RPM: 90}, 6, func(r, _, _ int) int { return r }, 90, 1},
		{"rpm, small burst", "gemini", RateLimit{RPM: 90, Burst: 2 * time.Second}, 6, func(r, _, _ int) int { return r }, 90, 1},
		{"tpm", "openai", RateLimit{TPM: 9000, RPM: 1000}, 6, func(_, i, o int) int { return i + o }, 9000, largest},
		{"input", "anthropic", RateLimit{InputTPM: 900, OutputTPM: 90_000}, 6, func(_, i, _ int) int { return i }, 900, largest},
		{"output", "anthropic", RateLimit{InputTPM: 90_000, OutputTPM: 5000}, 6, func(_, _, o int) int { return o }, 5000, largest},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := throttled(t, c.dialect, c.limit, tokens)
				burst := s.config.RateLimit.Burst
				got := c.measure(flood(t, s, c.perSecond))
				bound := int(float64(c.per) * (burst + 10*time.Minute).Minutes())
				// A bucket is idle only while it lacks one request, or waits for one to come.
				idle := int(float64(c.per) / c.perSecond / 60 * 10)
				if got > bound+c.slack || got < bound-2*c.slack-idle {
					t.Errorf("admitted %d, allowed %d ± %d", got, bound, c.slack)
				}
			})
		})
	}
}

// A client that comes alone, when its Retry-After is up, is let in; a second or more
// before that it is not.
func TestRetryAfterIsTrue(t *testing.T) {
	for _, c := range []struct {
		name, dialect string
		limit         RateLimit
	}{
		{"rpm", "openai", RateLimit{RPM: 7, Burst: 30 * time.Second}},
		{"tpm", "openai", RateLimit{TPM: 1000, Burst: 20 * time.Second}},
		{"output", "anthropic", RateLimit{OutputTPM: 700}},
		{"ramp", "gemini", RateLimit{Ramp: &Ramp{Factor: 1, Free: 3, Window: 7 * time.Second}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := throttled(t, c.dialect, c.limit, seed.Count{P50: 40, P99: 40})
				draw := seed.New(1, "retry", seed.Key{})
				throttles := 0
				for n := uint64(0); n < 300; n++ {
					key := seed.Key{Request: n, Call: 1, Attempt: 1}
					res, _ := post(t, s, "key", key, chats[c.dialect])
					if res.StatusCode == 200 {
						time.Sleep(time.Duration(draw.IntN(int(2 * time.Second))))
						continue
					}
					throttles++
					seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
					if res.StatusCode != 429 || err != nil || seconds < 1 {
						t.Fatalf("%d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
					}
					wait := time.Duration(seconds) * time.Second
					if seconds > 1 {
						time.Sleep(wait - time.Second - 1)
						// Another call, so that it is judged by what it needs alone.
						if res, _ := post(t, s, "key", seed.Key{Request: n + 1000, Call: 1, Attempt: 1}, chats[c.dialect]); res.StatusCode != 429 {
							t.Fatalf("Retry-After %d is more than a second too much", seconds)
						}
						wait = time.Second + 1
					}
					time.Sleep(wait)
					key.Attempt = 2
					if res, b := post(t, s, "key", key, chats[c.dialect]); res.StatusCode != 200 {
						t.Fatalf("Retry-After %d is not enough: %d %s", seconds, res.StatusCode, b)
					}
				}
				if throttles < 20 || len(s.EarlyRetries()) != 0 {
					t.Errorf("%d throttles, early retries %v", throttles, s.EarlyRetries())
				}
			})
		})
	}
}

// Headers say what is left, and what is refused is worded as the provider does.
func TestThrottleInTheProvidersWay(t *testing.T) {
	one := RateLimit{RPM: 60, TPM: 60_000, InputTPM: 6000, OutputTPM: 6000, Burst: time.Second}
	for name, want := range map[string]dialect.Error{
		"openai":    {Status: 429, Type: "requests", Code: "rate_limit_exceeded", Message: "Please try again in 1s."},
		"anthropic": {Status: 429, Type: "rate_limit_error", Message: "rate limit of 60 requests per minute"},
		"gemini":    {Status: 429, Type: "RESOURCE_EXHAUSTED", Code: "GenerateRequestsPerMinutePerProjectPerModel", RetryAfter: time.Second, Message: "Please retry in 1s."},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := throttled(t, name, one, seed.Count{P50: 2, P99: 2})
			first, _ := post(t, s, "key", seed.Key{Request: 1}, chats[name])
			res, b := post(t, s, "key", seed.Key{Request: 2}, chats[name])
			got := s.dialect.DecodeError(res.StatusCode, b)
			if first.StatusCode != 200 || got.Status != want.Status || got.Type != want.Type || got.Code != want.Code ||
				got.RetryAfter != want.RetryAfter || !strings.Contains(got.Message, want.Message) || res.Header.Get("Retry-After") != "1" {
				t.Errorf("%s: %+v, %v", name, got, res.Header)
			}
			for header, value := range map[string]map[string]string{
				"openai":    {"X-Ratelimit-Limit-Requests": "60", "X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "1s", "X-Ratelimit-Limit-Tokens": "60000"},
				"anthropic": {"Anthropic-Ratelimit-Requests-Limit": "60", "Anthropic-Ratelimit-Requests-Remaining": "0", "Anthropic-Ratelimit-Input-Tokens-Limit": "6000", "Anthropic-Ratelimit-Output-Tokens-Limit": "6000"},
			}[name] {
				if got := first.Header.Get(header); got != value {
					t.Errorf("%s: %s is %q, want %q", name, header, got, value)
				}
			}
		})
	}
}

// A quota that is used up has no Retry-After, as it does not come back.
func TestQuotaIsForGood(t *testing.T) {
	for name, code := range map[string]string{
		"openai": "insufficient_quota", "anthropic": "enforced_spend_limit_reached", "gemini": "GenerateRequestsPerDayPerProjectPerModel",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := throttled(t, name, RateLimit{Quota: 40}, seed.Count{P50: 40, P99: 40})
			post(t, s, "key", seed.Key{Request: 1}, chats[name])
			time.Sleep(24 * time.Hour)
			res, b := post(t, s, "key", seed.Key{Request: 2}, chats[name])
			if got := s.dialect.DecodeError(res.StatusCode, b); res.StatusCode != 429 || got.Code != code || res.Header.Get("Retry-After") != "" {
				t.Errorf("%s: %+v, Retry-After %q", name, got, res.Header.Get("Retry-After"))
			}
			if res, _ := post(t, s, "other", seed.Key{Request: 3}, chats[name]); res.StatusCode != 200 {
				t.Errorf("%s: another key got %d", name, res.StatusCode)
			}
		})
	}
}

// An impatient client is throttled again, and found out.
func TestImpatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := throttled(t, "openai", RateLimit{RPM: 60, Burst: time.Second}, seed.Count{P50: 2, P99: 2})
		post(t, s, "secret", seed.Key{Request: 1}, chats["openai"])
		for attempt := range uint64(4) {
			res, _ := post(t, s, "secret", seed.Key{Request: 2, Attempt: attempt + 1}, chats["openai"])
			if res.StatusCode != 429 {
				t.Errorf("attempt %d: %d", attempt+1, res.StatusCode)
			}
			time.Sleep(990 * time.Millisecond)
		}
		// The first digits of the key's SHA-256.
		if got := s.EarlyRetries(); len(got) != 1 || got["2bb80d53"] != 3 {
			t.Errorf("early retries %v", got)
		}
	})
}

// What a broken-off answer did not produce is not charged, as are errors.
func TestReconciliation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := throttled(t, "openai", RateLimit{TPM: 1200}, seed.Count{P50: 50, P99: 50})
		left := func() int { return s.limits.state(time.Now(), hashKey("key")).Tokens.Remaining }
		before := left()
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "POST", "http://mock"+chatPath, strings.NewReader(`{"stream":true,"max_tokens":900,`+chats["openai"][1:]))
		r.Header.Set("Authorization", "Bearer key")
		res, err := exchange.Handler{Responder: s}.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if used := before - left(); used < 900 {
			t.Errorf("charged %d at first", used)
		}
		_, err = io.Copy(io.Discard, res.Body) // 50 ms to the first token, then one a millisecond
		res.Body.Close()
		if used := before - left(); err == nil || used < 10 || used > 20 {
			t.Errorf("charged %d in the end, %v", used, err)
		}
	})
}
