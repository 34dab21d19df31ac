package dialect

import (
	"bytes"
	"errors"
	"io"
)

// MaxEvent is the size in bytes up to which a Scanner accepts one event.
const MaxEvent = 32 << 20

// Comment is the name under which a Scanner hands out a comment line. No event
// of a dialect is called so.
const Comment = ":"

// ErrEventTooLong is returned by a Scanner for an event above MaxEvent.
var ErrEventTooLong = errors.New("dialect: stream event is larger than 32 MiB")

// Scanner splits a reader into server-sent events as the WHATWG standard says:
// lines end in LF, CR or CRLF, a leading byte order mark and the fields id and
// retry are skipped, several data lines are joined by LF, and an event without
// data is none. It differs in two ways that a careful client needs: comments are
// handed out the moment their line ends, and what an end of file means is told
// apart. It is not safe for concurrent use.
type Scanner struct {
	r     io.Reader
	err   error  // of the last read, due once buf is taken
	buf   []byte // buf[pos:end] is read but not taken
	pos   int
	end   int
	seen  int  // buf[pos:seen] holds no line end
	begun bool // the byte order mark is behind us
	skip  bool // the next LF belongs to the CR before it

	name []byte
	data []byte
	has  bool // a data field came since the last event
	out  bool // name and data were handed out
}

// NewScanner returns a Scanner that reads from r. It reads no further than it
// must: an event is handed out as soon as its last line end was read.
func NewScanner(r io.Reader) *Scanner { return &Scanner{r: r, buf: make([]byte, 4096)} }

// Next returns the next event: its event field ("" if it had none) and its data,
// which stays valid until the next call. A comment comes under the name [Comment]
// with its text, so that a keep-alive shows. At the end it returns io.EOF; the
// last event is also handed out if only its blank line is missing. An end inside a
// line is io.ErrUnexpectedEOF.
func (s *Scanner) Next() (name string, data []byte, err error) {
	if s.out {
		s.reset()
	}
	for {
		line, err := s.line()
		if err == io.EOF && s.has {
			return s.dispatch()
		}
		if err != nil {
			return "", nil, err
		}
		switch {
		case len(line) == 0 && s.has:
			return s.dispatch()
		case len(line) == 0:
			s.reset()
		case line[0] == ':':
			return Comment, trimSpace(line[1:]), nil
		default:
			if err := s.field(line); err != nil {
				return "", nil, err
			}
		}
	}
}

func (s *Scanner) dispatch() (string, []byte, error) {
	s.out = true
	return string(s.name), s.data, nil
}

func (s *Scanner) reset() {
	s.name, s.data, s.has, s.out = s.name[:0], s.data[:0], false, false
}

func (s *Scanner) field(line []byte) error {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = trimSpace(value)
	switch string(field) {
	case "event":
		s.name = append(s.name[:0], value...)
	case "data":
		if len(s.data)+len(value) > MaxEvent {
			return ErrEventTooLong
		}
		if s.has {
			s.data = append(s.data, '\n')
		}
		s.data, s.has = append(s.data, value...), true
	}
	return nil
}

// line returns the next line without its end; it is valid until the next call.
func (s *Scanner) line() ([]byte, error) {
	for {
		if s.skip && s.pos < s.end {
			s.skip = false
			if s.buf[s.pos] == '\n' {
				s.pos++
			}
		}
		s.seen = max(s.seen, s.pos)
		if i := lineEnd(s.buf[s.seen:s.end]); i >= 0 {
			at := s.seen + i
			line := s.buf[s.pos:at]
			s.skip = s.buf[at] == '\r'
			s.pos, s.seen = at+1, at+1
			if !s.begun {
				s.begun = true
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			return line, nil
		}
		s.seen = s.end
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more behind buf[:end], making room first.
func (s *Scanner) fill() error {
	switch {
	case s.pos == s.end:
		s.pos, s.end, s.seen = 0, 0, 0
	case s.end-s.pos > MaxEvent:
		return ErrEventTooLong
	case s.end == len(s.buf) && s.pos > 0:
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.seen -= s.pos
		s.pos = 0
	case s.end == len(s.buf):
		s.buf = append(s.buf, make([]byte, min(len(s.buf), MaxEvent+4096-len(s.buf)))...)
	}
	for range 100 {
		if s.err == io.EOF && s.pos < s.end {
			return io.ErrUnexpectedEOF
		}
		if s.err != nil {
			return s.err
		}
		var n int
		n, s.err = s.r.Read(s.buf[s.end:])
		s.end += n
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// lineEnd returns where the first CR or LF stands, or -1.
func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

func trimSpace(value []byte) []byte { return bytes.TrimPrefix(value, []byte(" ")) }
