package rtsp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/rtp"
	wire "github.com/simulcart/simulcart/wire/rtsp"
	"github.com/simulcart/simulcart/wire/sei"
)

// The whole dialogue: what is described, and every frame from the newest key frame on, with parameter sets in front of it, the state in
// it as the partner's view has it, and times on one clock.
func TestDialogue(t *testing.T) {
	on(t, func(r *rig) {
		r.begin()
		key, inter := picture(true, 100_000), picture(false, 50)
		r.write(cards, 0, true, r.state(7, 0))
		r.write(video, 0, true, key)
		r.write(audio, 10, false, []byte{1, 2, 3})
		c := r.dial()
		if a := c.want(wire.StatusOK, "OPTIONS", "*"); !strings.Contains(a.Header.Value("Public"), "PLAY") {
			t.Errorf("got %v", a.Header)
		}
		a := c.want(wire.StatusUnauthorized, "DESCRIBE", home)
		challenges := a.Header.Values("WWW-Authenticate")
		if n := len(challenges); n != 2 || !strings.Contains(challenges[0], "SHA-256") || !strings.Contains(challenges[n-1], "algorithm=MD5") {
			t.Errorf("challenges %q", challenges)
		}
		c.auth = basic("tsl")
		a = c.want(wire.StatusOK, "DESCRIBE", home)
		d, err := wire.ParseDescription(a.Body)
		if err != nil || len(d.Medias) != 2 || d.Medias[0].Track.Codec != media.H264 || d.Medias[1].Track.Codec != media.AAC || a.Header.Value("Content-Base") != home+"/" {
			t.Fatalf("described %v, %v: %s", a.Header, err, a.Body)
		}
		c.ready()
		a = c.want(wire.StatusOK, "PLAY", home)
		info, err := wire.ParseRTPInfo(a.Header.Value("RTP-Info"))
		if err != nil || len(info) != 2 || info[1].URL != home1 {
			t.Fatalf("RTP-Info %q, %v", a.Header.Value("RTP-Info"), err)
		}
		go func() {
			r.write(video, 40, false, inter)
			r.write(video, 80, false, inter)
		}()
		frames, reports := c.packets(4)
		if reports != 2 {
			t.Errorf("%d sender reports in front, want one for each track", reports)
		}
		first := frames[0]
		clean, found := sei.Strip(media.H264, first.data)
		if !found || !bytes.HasSuffix(clean, key) || first.timestamp != info[0].Timestamp || first.sequence-info[0].Sequence < 1 {
			t.Errorf("the first picture has %d bytes, time %d, the state %v", len(first.data), first.timestamp, found)
		}
		if sets := clean[:len(clean)-len(key)]; len(sets) < 20 || sets[4]&31 != 7 {
			t.Errorf("in front of it %x, want parameter sets", sets)
		}
		for text, fault := range sei.Payloads(media.H264, first.data) {
			m, err := overlay.ParseMessage(text)
			if fault != nil || err != nil || m.Seq != 7 || m.Show[0].Product.Price.Currency != "USD" {
				t.Errorf("state %s, %v", text, err)
			}
		}
		var got []string
		for _, f := range frames[1:] {
			ticks := f.timestamp - info[f.channel/2].Timestamp
			got = append(got, fmt.Sprintf("%d %d %d", f.channel, ticks, len(f.data)))
		}
		if want := []string{"2 480 3", "0 3600 54", "0 7200 54"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := r.carried.Status(); n.SEI.States != 1 || n.Seq != 7 {
			t.Errorf("carried %+v", n)
		}
		c.want(wire.StatusOK, "GET_PARAMETER", home)
		c.want(wire.StatusOK, "TEARDOWN", home)
		c.ends()
		if n := r.server.Registry.Connections("tsl"); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

// Clients share the payloads of a frame; the state in it once more for each view.
func TestPayloadsAreShared(t *testing.T) {
	on(t, func(r *rig) {
		r.begin()
		r.write(video, 0, true, picture(true, 1000))
		reader := r.stream.Subscribe("x", 0)
		defer reader.Close()
		frames, _, err := reader.Next(t.Context(), nil, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		one, two := packetsOf(r.stream, rtp.InterleavedPayload), packetsOf(r.stream, rtp.InterleavedPayload)
		p := one.At(reader.First(), frames[0])
		if p != two.At(reader.First(), frames[0]) || len(p.Payloads) == 0 {
			t.Error("each client has its own")
		}
		s := &overlay.Sight{Seq: 1, Text: []byte("{}")}
		if a, b := p.Carrying(s.Text, "USD"), p.Carrying(s.Text, "USD"); &a[0] != &b[0] || len(a) <= len(p.Payloads)-1 {
			t.Error("the state is put in anew for each client of a view")
		}
		if body := p.Payloads[len(p.Payloads)-1].Body; &body[len(body)-1] != &frames[0].Data[len(frames[0].Data)-1] {
			t.Error("the picture's bytes are copied")
		}
	})
}

// Requests that cannot be carried out are refused, and the connection goes on.
func TestRefusals(t *testing.T) {
	on(t, func(r *rig) {
		early := r.dial()
		early.want(wire.StatusNotFound, "DESCRIBE", withToken) // nobody publishes
		_ = early.Close()
		r.begin()
		r.write(video, 0, true, picture(true, 100))
		c := r.dial()
		udp := wire.Field{Name: "Transport", Value: "RTP/AVP;unicast;client_port=5000-5001"}
		for _, q := range []struct {
			name, method, url string
			status            int
			fields            []wire.Field
		}{
			{"no URL", "DESCRIBE", "maria", wire.StatusBadRequest, nil},
			{"wrong token", "DESCRIBE", home + "?token=guess", wire.StatusUnauthorized, nil},
			{"a contract without RTSP", "DESCRIBE", home + "?token=other-token", wire.StatusForbidden, nil},
			{"a stream that is not known", "DESCRIBE", "rtsp://host/nobody?token=" + ticket, wire.StatusForbidden, nil},
			{"set up without a token", "SETUP", home0, wire.StatusUnauthorized, []wire.Field{inner}},
			{"over UDP", "SETUP", withToken + "/trackID=0", wire.StatusTransport, []wire.Field{udp}},
			{"without transport", "SETUP", withToken + "/trackID=0", wire.StatusTransport, nil},
			{"to record", "SETUP", withToken + "/trackID=0", wire.StatusTransport, []wire.Field{{Name: "Transport", Value: inner.Value + ";mode=record"}}},
			{"channels that do not go together", "SETUP", withToken + "/trackID=0", wire.StatusTransport, []wire.Field{{Name: "Transport", Value: "RTP/AVP/TCP;interleaved=0-5"}}},
			{"the whole stream", "SETUP", withToken, wire.StatusAggregateNotAllowed, []wire.Field{inner}},
			{"a track too many", "SETUP", withToken + "/trackID=2", wire.StatusNotFound, []wire.Field{inner}},
			{"another's session", "SETUP", withToken + "/trackID=0", wire.StatusSessionNotFound, []wire.Field{inner, {Name: "Session", Value: "guess"}}},
			{"play without a session", "PLAY", withToken, wire.StatusSessionNotFound, nil},
			{"tear down without a session", "TEARDOWN", withToken, wire.StatusSessionNotFound, nil},
			{"pause", "PAUSE", withToken, wire.StatusMethodNotAllowed, nil},
			{"publish", "ANNOUNCE", withToken, wire.StatusNotImplemented, nil},
			{"an odd scheme", "DESCRIBE", home, wire.StatusUnauthorized, []wire.Field{{Name: "Authorization", Value: "Odd x"}}},
			{"another's password", "DESCRIBE", home, wire.StatusUnauthorized, []wire.Field{{Name: "Authorization", Value: basic("other")}}},
		} {
			if a := c.ask(q.method, q.url, q.fields...); a.Status != q.status {
				t.Errorf("%s: got %d %s, want %d", q.name, a.Status, a.Reason, q.status)
			}
		}
		a := c.want(wire.StatusOK, "SETUP", withToken+"/trackID=0", inner)
		session, err := wire.ParseSession(a.Header.Value("Session"))
		if err != nil {
			t.Fatal(err)
		}
		c.session = session.ID
		c.want(wire.StatusNotValidInState, "SETUP", withToken+"/trackID=0", inner)
		c.want(wire.StatusBadRequest, "SETUP", withToken+"/trackID=1", inner) // on the same channels
		c.want(wire.StatusForbidden, "SETUP", "rtsp://host/other?token="+ticket, inner)
		_ = c.Close()
	})
}

// A refusal is counted once for each request, but not the first of a client that shows nothing.
func TestRefusalsAreCounted(t *testing.T) {
	on(t, func(r *rig) {
		r.begin()
		r.write(video, 0, true, picture(true, 100))
		refused := func(partner, cause string, want uint64) {
			t.Helper()
			for _, n := range r.server.Registry.Refusals() {
				if n.Partner == partner && n.Over == access.RTSP && n.Causes[cause] != want {
					t.Errorf("%q %s: counted %d, want %d", partner, cause, n.Causes[cause], want)
				}
			}
		}
		good := r.dial()
		good.want(wire.StatusUnauthorized, "DESCRIBE", home)
		good.auth = basic("tsl")
		good.want(wire.StatusOK, "DESCRIBE", home)
		good.ready()
		good.auth = ""
		refused("", "missing", 0)
		good.want(wire.StatusUnauthorized, "PLAY", home) // it forgets what it has shown
		refused("", "missing", 1)
		good.auth = basic("tsl")
		good.want(wire.StatusOK, "PLAY", home)
		_ = good.Close()

		bad := r.dial()
		bad.want(wire.StatusUnauthorized, "DESCRIBE", home)
		bad.auth = basic("other")
		bad.want(wire.StatusUnauthorized, "DESCRIBE", home)
		bad.auth = "Odd x"
		bad.want(wire.StatusUnauthorized, "SETUP", home0, inner)
		refused("", "unknown", 2)
		refused("", "missing", 1)
		bad.auth = ""
		bad.want(wire.StatusForbidden, "DESCRIBE", home+"?token=other-token")
		refused("other", "protocol", 1)
		_ = bad.Close()
		for _, causes := range r.server.Registry.Refusals() {
			if causes.Partner == "tsl" && causes.Causes["stream"]+causes.Causes["protocol"]+causes.Causes["full"] > 0 {
				t.Errorf("the partner was refused: %v", causes)
			}
		}
	})
}

// Who logs in by Digest is let in, by either algorithm; a nonce that is too old is said to be so.
func TestDigest(t *testing.T) {
	on(t, func(r *rig) {
		r.begin()
		r.write(video, 0, true, picture(true, 100))
		for _, c := range []struct {
			name, user, password string
			want                 error
		}{{"right", "tsl", ticket, nil}, {"wrong password", "tsl", "x", &wire.StatusError{}}, {"nobody", "x", ticket, &wire.StatusError{}}, {"a contract without RTSP", "other", "other-token", &wire.StatusError{}}} {
			u, err := wire.ParseURL("rtsp://" + c.user + ":" + c.password + "@host:8554/maria")
			if err != nil {
				t.Fatal(err)
			}
			nc := r.dial().nc
			client := wire.NewClient(nc, u)
			_, err = client.Describe()
			if (err == nil) != (c.want == nil) {
				t.Errorf("%s: got %v", c.name, err)
			}
			_ = client.Close()
		}
	})
}

// A contract that is taken away ends its clients within a second, even one that does not read.
func TestRevoked(t *testing.T) {
	for _, reads := range []bool{true, false} {
		t.Run(map[bool]string{true: "one that reads", false: "one that does not"}[reads], func(t *testing.T) {
			on(t, func(r *rig) {
				r.begin()
				r.write(video, 0, true, picture(true, 100))
				c := r.dial()
				c.auth = basic("tsl")
				c.ready()
				c.want(wire.StatusOK, "PLAY", home)
				if reads {
					c.packets(1)
				}
				r.write(video, 40, false, picture(false, 1000))
				synctest.Wait()
				began := time.Now()
				r.server.Registry.SetContracts(nil)
				synctest.Wait()
				c.ends()
				if took := time.Since(began); took > time.Second {
					t.Errorf("it took %v", took)
				}
				synctest.Wait()
				r.logged("taken away")
			})
		})
	}
}

// A contract's connections are counted while they play.
func TestFull(t *testing.T) {
	on(t, func(r *rig) {
		r.begin()
		r.write(video, 0, true, picture(true, 100))
		var all []*caller
		for i := range 3 {
			c := r.dial()
			c.auth = basic("tsl")
			c.ready()
			c.want(map[bool]int{true: wire.StatusOK, false: wire.StatusNotEnoughBandwidth}[i < 2], "PLAY", home)
			if i < 2 {
				c.packets(1)
			}
			all = append(all, c)
		}
		for _, c := range all {
			_ = c.Close()
		}
		synctest.Wait()
		if n := r.server.Registry.Connections("tsl"); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

// A session's end, and a codec that the description does not fit, end the connection.
func TestEnds(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"session": func(r *rig) { r.pub.End() },
		"codec": func(r *rig) {
			r.write(&media.Track{ID: 0, Codec: media.VP8, ClockRate: 90000}, 40, true, []byte{1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(r *rig) {
				r.begin()
				r.write(video, 0, true, picture(true, 100))
				c := r.dial()
				c.auth = basic("tsl")
				c.ready()
				c.want(wire.StatusOK, "PLAY", home)
				c.packets(1)
				end(r)
				if took := c.ends(); took != farewellTime { // in which it may tear down
					t.Errorf("it took %v, want %v", took, farewellTime)
				}
			})
		})
	}
}

// Clients live as long as they take packets or say something: before PLAY for 10 s, behind it without a word; one that takes nothing for
// 10 s does not.
func TestPatience(t *testing.T) {
	t.Run("before PLAY", func(t *testing.T) {
		on(t, func(r *rig) {
			c := r.dial()
			c.want(wire.StatusOK, "OPTIONS", "*")
			if took := c.ends(); took != openTime {
				t.Errorf("it ended after %v, want %v", took, openTime)
			}
		})
	})
	t.Run("taking packets", func(t *testing.T) {
		on(t, func(r *rig) {
			r.begin()
			r.write(video, 0, true, picture(true, 100))
			c := r.dial()
			c.auth = basic("tsl")
			c.ready()
			c.want(wire.StatusOK, "PLAY", home)
			reports := 0
			for i := range int64(300) {
				r.write(video, 1000*(i+1), true, picture(true, 100))
				_, n := c.packets(1)
				reports += n
				time.Sleep(time.Second)
			}
			if reports < 2*300/5-2 || reports > 2*300/5+2 {
				t.Errorf("%d sender reports for two tracks in 300 s, want one for each in 5 s", reports)
			}
			_ = c.Close()
		})
	})
	t.Run("without media", func(t *testing.T) {
		on(t, func(r *rig) {
			r.begin()
			r.write(video, 0, true, picture(true, 100))
			c := r.dial()
			c.auth = basic("tsl")
			c.ready()
			c.want(wire.StatusOK, "PLAY", home)
			c.packets(1)
			for range 10 {
				time.Sleep(50 * time.Second)
				c.want(wire.StatusOK, "GET_PARAMETER", home)
			}
			if took := c.ends(); took != wire.DefaultTimeout {
				t.Errorf("it ended %v after its last word, want %v", took, wire.DefaultTimeout)
			}
		})
	})
	t.Run("taking nothing", func(t *testing.T) {
		on(t, func(r *rig) {
			r.begin()
			r.write(video, 0, true, picture(true, 100))
			c := r.dial()
			c.auth = basic("tsl")
			c.ready()
			c.want(wire.StatusOK, "PLAY", home)
			began := time.Now()
			time.Sleep(12 * time.Second) // the pipe holds nothing
			synctest.Wait()
			if n := r.server.Registry.Connections("tsl"); n != 0 {
				t.Errorf("after %v it is still there", time.Since(began))
			}
			_ = c.Close()
		})
	})
}

// What is no RTSP ends the connection with a word, and so does a client that guesses on.
func TestHostile(t *testing.T) {
	on(t, func(r *rig) {
		c := r.dial()
		go func() { _, _ = c.nc.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }()
		m, err := c.Read()
		if a, ok := m.(*wire.Response); err != nil || !ok || a.Status != wire.StatusVersion && a.Status != wire.StatusBadRequest {
			t.Errorf("got %+v, %v", m, err)
		}
		c.ends()
		guessing := r.dial()
		for range mostRefusals {
			guessing.want(wire.StatusUnauthorized, "DESCRIBE", home)
		}
		if took := guessing.ends(); took != 0 {
			t.Errorf("a client that guesses may stay for %v", took)
		}
	})
}

// Those who have not come to PLAY are bounded: one too many from an address is sent away, one too many in all drops the oldest.
// Who plays does not count.
func TestCrowd(t *testing.T) {
	on(t, func(r *rig) {
		r.lobby.PerAddress, r.lobby.InAll = 2, 3
		r.begin()
		r.write(video, 0, true, picture(true, 100))
		for range 2 {
			c := r.dial()
			c.auth = basic("tsl")
			c.ready()
			c.want(wire.StatusOK, "PLAY", home)
			c.packets(1)
			defer c.Close()
		}
		began := time.Now()
		one := r.dial()
		synctest.Wait() // its place is the older one
		two := r.dial()
		synctest.Wait()
		r.dial().ends()
		if <-r.crowded {
			t.Error("the third from one address is said to be evicted")
		}
		synctest.Wait() // it is logged behind that
		r.logged("2 connections from this address")
		others := r.dialFrom("127.0.0.1:5")
		synctest.Wait()
		others2 := r.dialFrom("127.0.0.1:6")
		one.ends()
		if !<-r.crowded {
			t.Error("the oldest is said to be refused")
		}
		synctest.Wait()
		r.logged("the oldest was dropped")
		for _, c := range []*caller{two, others, others2} {
			c.want(wire.StatusOK, "OPTIONS", "*")
			_ = c.Close()
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// Packets of a frame go in one write, and none of its bytes is copied.
func TestInterleaved(t *testing.T) {
	var writes [][]byte
	i := &interleaved{write: func(packets *net.Buffers) error {
		writes = append(writes, bytes.Join(*packets, nil))
		if len(*packets) != 4 {
			t.Errorf("%d parts", len(*packets))
		}
		return errors.New("full")
	}}
	i.report(1, []byte{9, 9})
	i.add(0, rtp.Header{PayloadType: 96, Sequence: 1, Timestamp: 2, SSRC: 3}, rtp.Payload{Header: []byte{7}, Body: []byte("body")})
	i.add(0, rtp.Header{PayloadType: 96, Sequence: 2, Timestamp: 2, SSRC: 3, Marker: true}, rtp.Payload{Body: []byte("end")})
	if err := i.flush(0); err == nil {
		t.Error("the fault of the write is lost")
	}
	want := "$\x01\x00\x02\x09\x09" +
		"$\x00\x00\x11\x80\x60\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x07body" +
		"$\x00\x00\x0f\x80\xe0\x00\x02\x00\x00\x00\x02\x00\x00\x00\x03end"
	if got := string(writes[0]); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
