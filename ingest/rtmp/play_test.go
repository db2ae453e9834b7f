package rtmp

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/simulcart/simulcart/access"
	rtmp "github.com/simulcart/simulcart/wire/rtmp"
)

// Partners and viewers are let in by what stands behind ?token=, under their contract, as long as it lasts and has room.
func TestPlayWithToken(t *testing.T) {
	onFakeClock(t, func(r *rig, l *pipes) {
		contract := access.Contract{
			Partner: "tsl", Digest: access.DigestOf("tsl-token"), Streams: []string{"maria"}, Protocols: []access.Protocol{access.RTMP}, MaxConnections: 1,
			Expires: time.Now().Add(time.Hour),
		}
		other := access.Contract{Partner: "other", Digest: access.DigestOf("other-token"), Streams: []string{"open"}, Protocols: []access.Protocol{access.RTMP}}
		r.server.Registry.SetContracts([]access.Contract{contract, other})
		link, _, err := r.server.Registry.NewLink("maria", []access.Protocol{access.RTMP}, time.Hour)
		if err != nil {
			r.Fatal(err)
		}
		r.server.Play = func(ctx context.Context, stream, partner string, conn *rtmp.Conn, q *rtmp.Request) error {
			if err := q.Accept(); err != nil {
				return err
			}
			if stream == "maria" && partner != map[bool]string{true: "tsl"}[q.Query.Get("token") == "tsl-token"] {
				r.Errorf("%s is handed over for %q", stream, partner)
			}
			<-ctx.Done()
			return conn.Close()
		}
		play := func(name string) (*client, error) {
			c, err := connect(l.dial("192.0.2.1:5"), rtmp.Offer{Play: true})
			if err != nil {
				return nil, err
			}
			_, err = c.Play(name)
			return c, err
		}
		playing, err := play("maria?token=tsl-token")
		if err != nil {
			r.Fatalf("the partner: %v", err)
		}
		for name, stream := range map[string]string{
			"a second connection": "maria?token=tsl-token", "without": "maria", "empty": "maria?token=", "unknown": "maria?token=guess",
			"of another stream": "maria?token=other-token", "of a stream that is not known": "nobody?token=tsl-token",
		} {
			var refused *rtmp.StatusError
			if c, err := play(stream); !errors.As(err, &refused) || refused.Status.Code != rtmp.CodePlayNotFound {
				r.Errorf("%s: got %v, want %s", name, err, rtmp.CodePlayNotFound)
			} else {
				_ = c.Close()
			}
		}
		viewing, err := play("maria?token=" + link.Reveal())
		if err != nil {
			r.Fatalf("by link: %v", err)
		}
		mine, err := play("maria?token=maria-key")
		if err != nil {
			r.Fatalf("by the stream's key: %v", err)
		}
		began := time.Now()
		r.server.Registry.SetContracts([]access.Contract{other})
		r.endsAfter(playing.nc, 0)
		r.logged("taken away")
		_, _ = io.Copy(io.Discard, viewing.nc)
		if took := time.Since(began); took < time.Hour-time.Second || took > time.Hour+time.Second {
			r.Errorf("a link of an hour ended after %v", took)
		}
		_ = mine.Close()
	})
}
