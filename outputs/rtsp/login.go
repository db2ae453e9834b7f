package rtsp

import (
	"errors"
	"strings"

	"github.com/simulcart/simulcart/access"
	wire "github.com/simulcart/simulcart/wire/rtsp"
)

// authorize checks whether the client may play what it asks for. Without a URL, the request was answered.
func (c *client) authorize(r *wire.Request) (u *wire.URL, over bool, err error) {
	u, who, err := c.identify(r)
	if err != nil || u == nil {
		return nil, false, err
	}
	if c.admit(who, u.Path) != nil {
		over, err = c.deny(r, who)
		return nil, over, err
	}
	return u, false, nil
}

// admit says whether who may pull a stream. Refusals are counted, but for the first of a client that shows nothing: that is how clients
// learn what to show.
func (c *client) admit(who access.Principal, stream string) error {
	o := access.Object{Stream: stream, Over: access.RTSP}
	if who == (access.Principal{}) && c.refusals == 0 {
		return c.server.Registry.Authorize(who, access.Play, o)
	}
	return c.server.Registry.Admit(who, o)
}

// identify finds who asks for what. Without a URL, the request was answered.
func (c *client) identify(r *wire.Request) (u *wire.URL, who access.Principal, err error) {
	asked, err := wire.ParseURL(r.URL)
	if err != nil {
		return nil, who, c.refuse(r, wire.StatusBadRequest, "")
	}
	registry := c.server.Registry
	if token := asked.Parameter("token"); token != "" {
		return &asked, registry.IdentifyViewer(token), nil
	}
	shown := r.Header.Value("Authorization")
	if token, bearer := strings.CutPrefix(shown, "Bearer "); bearer {
		return &asked, registry.IdentifyViewer(token), nil
	}
	if shown == "" {
		return &asked, who, nil
	}
	credentials, err := wire.ParseCredentials(shown)
	if err != nil {
		return &asked, access.Principal{Unknown: true}, nil
	}
	if credentials.Scheme == wire.Basic {
		who = registry.IdentifyViewer(credentials.Password)
		if who.Partner != credentials.User {
			who = access.Principal{Unknown: true}
		}
		return &asked, who, nil
	}
	stale := false
	who = registry.IdentifyLogin(credentials.User, func(l access.Login) bool {
		err := c.server.auth.Check(credentials, r, c.peer, wire.HA1(l))
		stale = errors.Is(err, wire.ErrStale)
		return err == nil
	})
	if stale {
		return nil, who, c.challenge(r, true)
	}
	return &asked, who, nil
}

// deny refuses: who is not known is asked to log in, a few times.
func (c *client) deny(r *wire.Request, who access.Principal) (over bool, err error) {
	if who != (access.Principal{}) && !who.Unknown {
		return false, c.refuse(r, wire.StatusForbidden, "The token is not good for this stream")
	}
	c.refusals++
	return c.refusals >= mostRefusals, c.challenge(r, false)
}

func (c *client) challenge(r *wire.Request, stale bool) error {
	return c.say(wire.NewResponse(r, wire.StatusUnauthorized, c.server.auth.Challenge(c.peer, stale)...))
}
