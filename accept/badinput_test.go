//go:build linux

package accept_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// memoryGoal bounds how much the process may grow while it is attacked: 20 connections of each kind at a time.
const memoryGoal = 64 << 20

// attack is one way to misbehave. do gives an error where the connection was refused early, which is fine too.
type attack struct {
	name   string
	within time.Duration // the server ends the connection in this time
	says   string        // and says this in its log
	do     func(c *mediatest.Client) error
}

const attackers = 20

// slack is added to the server's own limits, for slow machines.
const slack = 4 * time.Second

// TestBadInput misbehaves in many ways at once while another publisher is on: only the bad connections end, memory is
// bounded, and the other stream loses nothing.
func TestBadInput(t *testing.T) {
	realPeers(t)
	n := mediatest.Nginx(t)
	good := stream{id: "good", destinations: []destination{{name: "nginx", url: "rtmp://" + n.Addr + "/live", key: "good"}}}
	taken := stream{id: "taken", more: "policy: reject"}
	g := serve(t, good, taken)
	clip := mediatest.Media(t, mediatest.Clip{Seconds: pick(t, 20, 40), BFrames: 3})
	p := mediatest.Publish(t, clip, g.publishURL(good))
	g.awaitLive(t, good)
	holder, _ := mediatest.Publisher(t, g.rtmp, taken.key())
	feed(t, holder, mediatest.Published(t, clip))
	before, err := g.Memory("VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("attacks", func(t *testing.T) { // ends when all of them have
		for _, a := range attacks(t) {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				a.run(t, g)
			})
		}
	})
	if got := g.status(t, taken); got.State != "live" || got.Ingest.Takeovers != 0 {
		t.Errorf("the stream that others wanted: state %s, %d takeovers, want live and none", got.State, got.Ingest.Takeovers)
	}
	after, err := g.Memory("VmHWM")
	if err != nil {
		t.Fatal(err)
	}
	figure(t, "bad_input_memory_growth", float64(after-before)/(1<<20), "MiB")
	if after-before > memoryGoal {
		t.Errorf("memory grew from %d to %d bytes, want at most %d more", before, after, memoryGoal)
	}
	if code := p.Wait(t, time.Minute); code != 0 {
		t.Errorf("the good publisher: exit %d", code)
	}
	same(t, "good", mediatest.Published(t, clip), mediatest.Tags(t, n.Recording(t, "good")))
}

// run misbehaves on many connections, and waits for each of them to be ended.
func (a attack) run(t *testing.T, g *gateway) {
	var clients []*mediatest.Client
	for range attackers {
		clients = append(clients, mediatest.Dial(t, g.rtmp))
	}
	begin := time.Now()
	refused := map[string]int{}
	for _, c := range clients {
		if err := a.do(c); err != nil {
			refused[err.Error()]++
		}
	}
	for _, c := range clients {
		if !c.Closes(time.Until(begin.Add(a.within + slack))) {
			t.Fatalf("still connected after %v", time.Since(begin))
		}
	}
	mediatest.Within(t, slack, "the log to say "+a.says, func() bool { return strings.Contains(g.Log(), a.says) })
	t.Logf("%d connections ended in %v, %d kinds of refusal", attackers, time.Since(begin).Round(time.Millisecond), len(refused))
}

func attacks(t *testing.T) []attack {
	connected := func(then func(c *mediatest.Client) error) func(c *mediatest.Client) error {
		return func(c *mediatest.Client) error {
			if err := c.Handshake(); err != nil {
				return err
			}
			return then(c)
		}
	}
	return []attack{
		{"web request", time.Second, "HTTP", func(c *mediatest.Client) error {
			return c.Raw([]byte("GET / HTTP/1.1\r\nHost: simulcart\r\n\r\n" + strings.Repeat(" ", 2000)))
		}},
		{"silent from the start", 3 * time.Second, "timeout", func(*mediatest.Client) error { return nil }},
		{"slow handshake", 3 * time.Second, "timeout", func(c *mediatest.Client) error {
			go func() {
				for b := []byte{3}; c.Raw(b) == nil; b[0] = 0 {
					time.Sleep(200 * time.Millisecond)
				}
			}()
			return nil
		}},
		{"silent after the handshake", 10 * time.Second, "timeout", connected(func(*mediatest.Client) error { return nil })},
		{"silent after connect", 10 * time.Second, "timeout", connected(func(c *mediatest.Client) error { return c.Connect() })},
		{"deep AMF", time.Second, "inside each other", connected(func(c *mediatest.Client) error {
			return c.Send(0, mediatest.Tag{Type: 20, Body: append(mediatest.CommandName("connect", 1), mediatest.NestedObject(17)...)})
		})},
		{"very deep AMF", time.Second, "inside each other", connected(func(c *mediatest.Client) error {
			return c.Send(0, mediatest.Tag{Type: 20, Body: append(mediatest.CommandName("connect", 1), mediatest.NestedObject(2000)...)})
		})},
		{"16 MB before connect", time.Second, "command message too long", connected(func(c *mediatest.Client) error {
			c.ChunkSize = 128
			return c.Send(0, mediatest.Tag{Type: 20, Body: make([]byte, 16<<20-1)})
		})},
		{"16 MB video before publish", time.Second, "video message too long", connected(func(c *mediatest.Client) error {
			if err := c.Connect(); err != nil {
				return err
			}
			return c.Send(1, mediatest.Tag{Type: mediatest.VideoTag, Body: make([]byte, 16<<20-1)})
		})},
		{"chunks of one byte", time.Second, "chunk size too small", connected(func(c *mediatest.Client) error {
			if err := c.SetChunkSize(1); err != nil {
				return err
			}
			return c.Connect()
		})},
		{"noise after the handshake", 10 * time.Second, "rtmp", connected(func(c *mediatest.Client) error {
			return c.Raw(bytes.Repeat([]byte{0xff, 0x00, 0x5a}, 1<<16))
		})},
		{"wrong key", time.Second, "unknown stream key", connected(func(c *mediatest.Client) error { return refusedKey(t, c, key("nobody")) })},
		{"second publisher", time.Second, "another encoder is publishing", connected(func(c *mediatest.Client) error { return refusedKey(t, c, key("taken")) })},
		{"short key", time.Second, "unknown stream key", connected(func(c *mediatest.Client) error { return refusedKey(t, c, "x") })},
		{"long key", time.Second, "stream name too long", connected(func(c *mediatest.Client) error { return refusedKey(t, c, strings.Repeat("x", 4000)) })},
	}
}

// refusedKey publishes with a key that must be refused now, in a way that an encoder understands.
func refusedKey(t *testing.T, c *mediatest.Client, k string) error {
	if err := c.Connect(); err != nil {
		return err
	}
	code, _, err := c.Publish(k)
	if err == nil && (code == "NetStream.Publish.Start" || !strings.HasPrefix(code, "NetStream.Publish.")) {
		t.Errorf("publish with a key that is not good: got %q, want a NetStream.Publish error", code)
	}
	if err != nil {
		return fmt.Errorf("refused key: %w", err)
	}
	return nil
}
