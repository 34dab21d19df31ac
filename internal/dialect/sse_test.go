package dialect

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// scanAll gives every event as "name=data", then the error that ended the scan.
func scanAll(r io.Reader) (events []string, err error) {
	s := NewScanner(r)
	for {
		name, data, err := s.Next()
		if err != nil {
			return events, err
		}
		events = append(events, name+"="+string(data))
	}
}

func TestScanner(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     string // events joined by |
		err      error
	}{
		{"empty", "", "", io.EOF},
		{"one", "data: a\n\n", "=a", io.EOF},
		{"crlf", "data: a\r\n\r\ndata: b\r\n\r\n", "=a|=b", io.EOF},
		{"cr", "data: a\r\rdata: b\r\r", "=a|=b", io.EOF},
		{"mixed ends", "data: a\r\ndata: b\ndata: c\r\ndata: d\n\r\n", "=a\nb\nc\nd", io.EOF},
		{"no space", "data:a\n\n", "=a", io.EOF},
		{"one space only", "data:  a \n\n", "= a ", io.EOF},
		{"named", "event: ping\ndata: {}\n\n", "ping={}", io.EOF},
		{"name is forgotten", "event: ping\ndata: x\n\ndata: y\n\n", "ping=x|=y", io.EOF},
		{"name without data", "event: ping\n\ndata: y\n\n", "=y", io.EOF},
		{"empty data", "data\n\n", "=", io.EOF},
		{"two empty data", "data\ndata:\n\n", "=\n", io.EOF},
		{"bom", "\xef\xbb\xbfdata: a\n\n", "=a", io.EOF},
		{"bom later is data", "data: a\n\ndata: \xef\xbb\xbfb\n\n", "=a|=\xef\xbb\xbfb", io.EOF},
		{"comment", ": OPENROUTER PROCESSING\n\ndata: a\n\n", ":=OPENROUTER PROCESSING|=a", io.EOF},
		{"comment inside", "data: a\n:\ndata: b\n\n", ":=|=a\nb", io.EOF},
		{"other fields", "id: 1\nretry: 5\nfoo: bar\nnonsense\ndata: a\n\n", "=a", io.EOF},
		{"blank lines", "\n\n\r\n\r\rdata: a\n\n\n\n", "=a", io.EOF},
		{"no final blank line", "data: a\n\ndata: b\n", "=a|=b", io.EOF},
		{"half line", "data: a\n\ndata: {\"x\":", "=a", io.ErrUnexpectedEOF},
		{"html", "<html>\n<body>\n", "", io.EOF},
		{"colon in value", "data: a:b\n\n", "=a:b", io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole":    strings.NewReader(c.in),
				"bytewise": iotest.OneByteReader(strings.NewReader(c.in)),
				"with err": iotest.DataErrReader(strings.NewReader(c.in)),
			} {
				got, err := scanAll(r)
				if s := strings.Join(got, "|"); s != c.want || err != c.err {
					t.Errorf("%s: got %q, %v; want %q, %v", how, s, err, c.want, c.err)
				}
			}
		})
	}
}

// An event is handed out at its blank line, before another byte arrives.
func TestScannerDoesNotWaitForMore(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r"} {
		r, w := io.Pipe()
		go w.Write([]byte("data: a" + end)) // and then silence
		_, data, err := NewScanner(r).Next()
		if string(data) != "a" || err != nil {
			t.Errorf("%q: got %q, %v", end, data, err)
		}
		r.Close()
	}
}

func TestScannerReportsTheReadersError(t *testing.T) {
	boom := errors.New("boom")
	r := io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(boom))
	got, err := scanAll(r)
	if len(got) != 1 || !errors.Is(err, boom) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestScannerBoundsOneEvent(t *testing.T) {
	line := bytes.Repeat([]byte("x"), 1<<20)
	for name, in := range map[string]func(i int) []byte{
		"one line":   func(int) []byte { return line },
		"many lines": func(int) []byte { return append([]byte("data: "), append(line, '\n')...) },
	} {
		var rs []io.Reader
		for i := range 40 {
			rs = append(rs, bytes.NewReader(in(i)))
		}
		s := NewScanner(io.MultiReader(rs...))
		if _, _, err := s.Next(); err != ErrEventTooLong {
			t.Errorf("%s: got %v", name, err)
		}
		if len(s.buf) > MaxEvent+4096 {
			t.Errorf("%s: buffer grew to %d", name, len(s.buf))
		}
	}
}

func TestScannerTakesBigEvents(t *testing.T) {
	big := strings.Repeat("y", 5<<20)
	got, err := scanAll(strings.NewReader("data: " + big + "\n\ndata: end\n\n"))
	if err != io.EOF || len(got) != 2 || got[0] != "="+big || got[1] != "=end" {
		t.Errorf("got %d events, %v", len(got), err)
	}
}

func BenchmarkScanner(b *testing.B) {
	event := `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":" tok"},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	stream := strings.Repeat(event, 60)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(strings.NewReader(stream))
		for {
			if _, _, err := s.Next(); err != nil {
				break
			}
		}
	}
}
