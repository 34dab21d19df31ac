package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"

	"github.com/agentchaos/chaos/internal/seed"
)

// changeTimeout is how long a connection may take to change its toxics before it
// is closed: one whose client does not read cannot.
const changeTimeout = 2 * time.Second

// linkConn is one connection through a link. Its toxics are its own: which it
// gets is drawn once, and it follows the timeline by itself.
type linkConn struct {
	link   *link
	index  int
	client net.Conn
	addr   string // of our side of the connection to the server
	ctx    context.Context
	cancel context.CancelFunc

	proxy   *toxiproxy.Proxy // nil until started; never listens
	drawn   []*fault         // the link's faults that the draw gave this connection
	applied []*fault         // now in the chains, in order; only run touches it
	resets  map[*fault]*resetToxic
	up      *pipe
	down    *pipe
	open    atomic.Int32  // ends of the two pipes still open
	ended   chan struct{} // closed when all four are
	gone    chan struct{} // closed when the client left
	leave   sync.Once
	retired *time.Timer // not nil: takes no more requests
	log     history
	peer    atomic.Pointer[peer] // the server's side, once it had a request

	mu     sync.Mutex
	server net.Conn // nil until dialled
	closed bool
}

func newLinkConn(l *link, client net.Conn, index int) *linkConn {
	c := &linkConn{link: l, index: index, client: client, resets: map[*fault]*resetToxic{}, ended: make(chan struct{}), gone: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	c.open.Store(4)
	return c
}

// residue is how long after anything that concerns all connections this one acts:
// no two do so at one instant, nor at that of the listener, so that the order in
// which clients see it does not hang on whose turn it is.
func (c *linkConn) residue() time.Duration { return time.Duration(c.index + 1) }

// run carries the connection through the timeline until both sides are closed.
func (c *linkConn) run() {
	defer c.finish()
	opened := make(chan error, 1)
	var dialling sync.WaitGroup
	dialling.Go(func() {
		err := errors.New("faults: panic while dialling")
		defer func() { opened <- err }()
		c.link.crash.guard(func() { err = c.dial() })
	})
	defer dialling.Wait()
	defer c.close()
	armed, lifted, closing, gone := pending(c.link.clock.armed), pending(c.link.clock.lifted), c.link.ctx.Done(), c.gone
	for {
		now := c.link.clock.now()
		c.follow(now)
		wait, ok := c.link.clock.until(c.link.faults, now)
		alarm, stop := after(wait+c.residue(), ok)
		select {
		case err := <-opened:
			opened = nil
			if err != nil {
				stop()
				return
			}
			c.start()
		case <-alarm:
		case <-armed:
			armed = nil
			time.Sleep(c.residue())
		case <-lifted:
			lifted = nil
			time.Sleep(c.residue())
		case <-closing:
			closing = nil
			time.Sleep(c.residue())
			c.close()
		case <-gone:
			gone = nil
		case <-c.ended:
			stop()
			return
		}
		stop()
	}
}

// pending is c, or nil if it is closed already: what happened before a connection
// is no event in its life, and must not race with those that are.
func pending(c <-chan struct{}) <-chan struct{} {
	select {
	case <-c:
		return nil
	default:
		return c
	}
}

func (c *linkConn) dial() error {
	key, head := seed.Key{Request: uint64(c.index)}, []byte(nil)
	if slices.ContainsFunc(c.link.faults, func(f *fault) bool { return f.chance() < 1 }) {
		head = c.peek()
		if k, ok := keyIn(head); ok {
			key = k
		}
	}
	for _, f := range c.link.faults {
		draw := seed.New(c.link.seed, "fault/"+f.Name, key)
		if draw.Chance(f.chance()) {
			c.drawn = append(c.drawn, f)
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx, dialTimeout)
	defer cancel()
	server, err := c.link.net.Dial(ctx, c.link.target)
	if err != nil {
		return err
	}
	c.addr = server.LocalAddr().String()
	c.link.register(c, c.addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server
	if c.closed {
		_ = server.Close()
	}
	c.up = &pipe{conn: c, from: c.client, to: server, head: head, stream: upstream}
	c.down = &pipe{conn: c, from: server, to: c.client, stream: downstream}
	return nil
}

// start sets the toxics of this instant before the first byte is forwarded.
func (c *linkConn) start() {
	server := c.link.server
	c.proxy = toxiproxy.NewProxy(server, c.link.target, "", c.link.target)
	for _, f := range c.wanted(c.link.clock.now()) {
		c.add(f)
	}
	c.proxy.Toxics.StartLink(server, "up", source{c.up}, sink{c.up}, stream.Upstream)
	c.proxy.Toxics.StartLink(server, "down", source{c.down}, sink{c.down}, stream.Downstream)
}

// finish forgets the connection and counts the toxics that kept its last request
// from the server.
func (c *linkConn) finish() {
	if c.retired != nil {
		c.retired.Stop()
	}
	for _, f := range c.log.unreached() {
		if !countsItself(f) {
			c.link.fired.add(f.Name)
		}
	}
	c.link.forget(c, c.addr)
}

// close ends both sides; the pipes and run follow. It is safe for concurrent use.
func (c *linkConn) close() {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	_ = c.client.Close()
	if c.server != nil {
		_ = c.server.Close()
	}
}

// peek reads the head of the first request.
func (c *linkConn) peek() []byte {
	var head []byte
	buf := make([]byte, 4096)
	for len(head) < 64<<10 && !bytes.Contains(head, []byte("\r\n\r\n")) {
		n, err := c.client.Read(buf)
		head = append(head, buf[:n]...)
		if err != nil {
			break
		}
		c.log.touch()
	}
	return head
}

// keyIn finds the key of a request in its head.
func keyIn(head []byte) (k seed.Key, ok bool) {
	for line := range bytes.Lines(head) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte(seed.Header)) {
			k, err := seed.ParseKey(string(bytes.TrimSpace(value)))
			return k, err == nil
		}
	}
	return seed.Key{}, false
}

// wanted are the toxics that the connection should have.
func (c *linkConn) wanted(now moment) []*fault {
	left := false
	select {
	case <-c.gone:
		left = true
	default:
	}
	return slices.DeleteFunc(now.active(c.drawn), func(f *fault) bool {
		// Nobody waits for what the others hold back once the client left.
		return f.Type == "down" || left && !(f.Type == "slow_close" && f.stream == upstream)
	})
}

// follow brings the connection to where the timeline is.
func (c *linkConn) follow(now moment) {
	for _, f := range now.active(c.link.faults) {
		if f.Type == "down" && c.ctx.Err() == nil {
			c.log.add(f)
			c.link.fired.add(f.Name)
			c.close()
			return
		}
	}
	if c.proxy == nil || c.retired != nil {
		return
	}
	want := c.wanted(now)
	if len(want) == len(c.applied) && !slices.ContainsFunc(want, func(f *fault) bool { return !slices.Contains(c.applied, f) }) {
		return
	}
	if now.running && c.ends(want) && c.idle() {
		c.retire(want)
		return
	}
	c.change(want)
}

// ends tells whether a toxic comes or goes that loses data or ends connections. The
// others change in place: a request just written on an idle connection must not be
// lost to one that only delays it.
func (c *linkConn) ends(want []*fault) bool {
	lossy := func(f *fault) bool { return !isSlow(f) }
	return slices.ContainsFunc(want, func(f *fault) bool { return lossy(f) && !slices.Contains(c.applied, f) }) ||
		slices.ContainsFunc(c.applied, func(f *fault) bool { return lossy(f) && !slices.Contains(want, f) })
}

// idle tells whether no request is under way and every byte has been delivered.
func (c *linkConn) idle() bool {
	p := c.peer.Load()
	return p != nil && p.idle.Load() && p.read.Load() == c.up.read.Load() && p.written.Load() == c.down.written.Load()
}

// retire ends an idle connection, so that the next request gets one that began with
// the toxics it wants. A request that its client has just written all the same meets
// the change, and no reply.
func (c *linkConn) retire(want []*fault) {
	for _, f := range want {
		if !slices.Contains(c.applied, f) {
			c.log.add(f)
		}
	}
	if client, ok := c.client.(interface{ CloseWrite() error }); ok {
		_ = client.CloseWrite() // and the client closes, too
	}
	c.retired = time.AfterFunc(changeTimeout, c.close)
}

// change replaces the toxics; if that takes too long, the connection is closed.
func (c *linkConn) change(want []*fault) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.link.crash.guard(func() { c.replace(want) })
	}()
	timer := time.NewTimer(changeTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		c.close()
		<-done
	}
}

// replace removes from the end of the chain, and takes out for a moment what
// stands behind and may be slow to accept data, so that a removal never waits for
// another toxic.
func (c *linkConn) replace(want []*fault) {
	removed := map[string]bool{}
	for _, f := range c.applied {
		if !slices.Contains(want, f) {
			removed[f.stream] = true
		} else if removed[f.stream] && isSlow(f) {
			want = append(slices.DeleteFunc(slices.Clone(want), func(g *fault) bool { return g == f }), f)
			removed[f.toxic.Name] = true
		}
	}
	for _, f := range slices.Backward(slices.Clone(c.applied)) {
		if !slices.Contains(want, f) || removed[f.toxic.Name] {
			c.remove(f)
		}
	}
	for _, f := range want {
		if !slices.Contains(c.applied, f) {
			c.add(f)
		}
	}
}

func isSlow(f *fault) bool {
	return f.Type == "latency" || f.Type == "bandwidth" || f.Type == "slicer" || f.Type == "slow_close"
}

func (c *linkConn) add(f *fault) {
	toxic := f.toxic
	if f.Type == "latency" || f.Type == "slicer" {
		draw := seed.New(c.link.seed, "fault/"+f.Name+"/"+f.Type, seed.Key{Request: uint64(c.index)})
		toxic.Attributes = map[string]any{"seed": draw.Uint64()}
		maps.Copy(toxic.Attributes, f.toxic.Attributes)
	}
	body, err := json.Marshal(toxic)
	var added *toxics.ToxicWrapper
	if err == nil {
		added, err = c.proxy.Toxics.AddToxicJson(bytes.NewReader(body))
	}
	if err != nil {
		panic("faults: toxiproxy refused a toxic that was validated: " + err.Error())
	}
	if r, ok := added.Toxic.(*resetToxic); ok {
		c.resets[f] = r
	}
	c.applied = append(c.applied, f)
	c.log.add(f)
}

func (c *linkConn) remove(f *fault) {
	_ = c.proxy.Toxics.RemoveToxic(context.Background(), f.toxic.Name) // there is one of that name
	c.applied = slices.DeleteFunc(c.applied, func(g *fault) bool { return g == f })
	if r := c.resets[f]; r != nil && r.struck() {
		return // its removal resets the connection
	}
	c.log.remove(f)
}
