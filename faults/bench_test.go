package faults

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/agentchaos/chaos/internal/exchange"
)

// BenchmarkChain times one attempt, a short unary reply over a kept-alive
// connection, on each way to the target. The ways take turns within one run, so
// that their ratios to the direct one hold on a busy machine.
func BenchmarkChain(b *testing.B) {
	answer := exchange.ResponderFunc(func(context.Context, *exchange.Request) exchange.Script {
		return exchange.Bytes(200, "application/json", []byte(`{"ok":true}`))
	})
	never := time.Hour
	toxic := Spec{Type: "latency", At: never, Params: &Latency{Latency: time.Second}}
	injected := Spec{Type: "malformed", Params: &Malformed{After: 1}} // active, drawn, and without effect
	ways := []struct {
		name   string
		faults []Spec
	}{{"link", []Spec{toxic}}, {"link+injector", []Spec{toxic, injected}}}

	direct := httptest.NewServer(exchange.Handler{Responder: answer})
	defer direct.Close()
	names, urls := []string{"direct"}, []string{direct.URL}
	for _, w := range ways {
		e := openBench(b, anOpenAI, answer, w.faults...)
		e.Arm(time.Now())
		names, urls = append(names, w.name), append(urls, e.URL())
	}
	transport := &http.Transport{}
	b.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	spent := make([]time.Duration, len(urls))
	for b.Loop() {
		for i, url := range urls {
			began := time.Now()
			reply, err := client.Post(url, "application/json", strings.NewReader("{}"))
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, reply.Body)
			reply.Body.Close()
			spent[i] += time.Since(began)
		}
	}
	for i, name := range names {
		b.ReportMetric(float64(spent[i].Nanoseconds())/float64(b.N), name+"-ns/attempt")
		b.ReportMetric(float64(spent[i])/float64(spent[0]), name+"-ratio")
	}
}
