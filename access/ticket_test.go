package access

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A ticket is good for who holds it, for what it was made for, as long as her secret is, and to the full hour.
func TestTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Registry{}
		r.Replace(map[string]Grant{"maria": {Key: DigestOf("maria-key")}, "open": {Public: true}})
		contract := Contract{Partner: "tsl", Digest: DigestOf("tsl-token"), Streams: []string{"maria"}, Protocols: []Protocol{HLS}}
		r.SetContracts([]Contract{contract})
		secret, _, err := r.NewLink("maria", []Protocol{HLS}, 90*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		maria, open := Object{"maria", HLS}, Object{"open", HLS}
		opens := func(ticket string, o Object, want error) {
			t.Helper()
			who, view, ok := r.OpenTicket(ticket, o)
			if ok && view != "v1" {
				t.Errorf("the view is %q", view)
			}
			if !ok {
				who = Principal{Unknown: true}
			}
			pass, err := r.Open(who, o)
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", ticket, err, want)
			}
			if err == nil {
				pass.Close()
			}
		}
		tickets := map[string]string{
			"partner": r.NewTicket(r.IdentifyViewer("tsl-token"), maria, "v1"),
			"key":     r.NewTicket(r.IdentifyViewer("maria-key"), maria, "v1"),
			"link":    r.NewTicket(r.IdentifyViewer(secret.Reveal()), maria, "v1"),
		}
		anybody := r.NewTicket(Principal{}, open, "v1")
		for name, ticket := range tickets {
			if again := tickets[name]; ticket != again || strings.Contains(ticket, "tsl-token") || strings.ContainsAny(ticket, "/?&# ") {
				t.Errorf("%s: %s", name, ticket)
			}
			opens(ticket, maria, nil)
			opens(ticket, open, nil) // which anybody may, and not by the ticket:
			if _, _, ok := r.OpenTicket(ticket, open); ok {
				t.Errorf("%s: the ticket is good for another stream", name)
			}
			if _, _, ok := r.OpenTicket(ticket, Object{"maria", RTSP}); ok {
				t.Errorf("%s: the ticket is good for another protocol", name)
			}
			for i := range len(ticket) {
				changed := []byte(ticket)
				changed[i] ^= 1
				if _, _, ok := r.OpenTicket(string(changed), maria); ok && i != len(ticket)-1 { // whose last character has bits to spare
					t.Errorf("%s is good with another byte %d", name, i)
				}
			}
		}
		opens(anybody, open, nil)
		if r.NewTicket(r.IdentifyViewer("tsl-token"), maria, "v1") != tickets["partner"] {
			t.Error("another ticket within the hour")
		}

		time.Sleep(90*time.Minute - time.Second)
		opens(tickets["link"], maria, nil)
		time.Sleep(time.Second) // the link's own end
		opens(tickets["link"], maria, ErrDenied)
		opens(tickets["partner"], maria, nil)
		time.Sleep(23 * time.Hour)
		opens(tickets["partner"], maria, ErrDenied)
		opens(tickets["key"], maria, ErrDenied)
		opens(anybody, open, ErrDenied)

		ticket := r.NewTicket(r.IdentifyViewer("tsl-token"), maria, "v1")
		contract.Expires = time.Now().Add(10 * time.Minute)
		r.SetContracts([]Contract{contract})
		opens(ticket, maria, nil)
		brief := r.NewTicket(r.IdentifyViewer("tsl-token"), maria, "v1")
		who, _, _ := r.OpenTicket(brief, maria)
		pass, err := r.Open(who, maria)
		if err != nil {
			t.Fatal(err)
		}
		<-pass.Done() // the contract's own end counts, not the full hour
		if now := time.Now(); now.After(contract.Expires.Add(time.Second)) {
			t.Errorf("the pass lasts until %s", now)
		}
		contract.Expires, contract.Digest = time.Time{}, DigestOf("new-token")
		r.SetContracts([]Contract{contract})
		opens(ticket, maria, ErrDenied)
		if _, _, ok := r.OpenTicket(ticket, maria); ok {
			t.Error("a ticket of the old token is good")
		}
		for _, bad := range []string{"", "t1", "t1.any.v.1", "t1.any.v.x.y", "t2.any.v.1.y", "....", strings.Repeat("t1.", 300)} {
			if _, _, ok := r.OpenTicket(bad, open); ok {
				t.Errorf("%q is good", bad)
			}
		}
	})
}

// Who comes with a later ticket is who she was; who comes by another right is not.
func TestHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Registry{}
		r.Replace(map[string]Grant{"maria": {Key: DigestOf("maria-key")}})
		r.SetContracts([]Contract{{Partner: "tsl", Digest: DigestOf("tsl-token"), Streams: []string{"maria"}, Protocols: []Protocol{HLS}}})
		maria := Object{"maria", HLS}
		holder := func(secret string) Principal {
			who, _, ok := r.OpenTicket(r.NewTicket(r.IdentifyViewer(secret), maria, "v1"), maria)
			if !ok {
				t.Fatalf("the ticket of %s is none", secret)
			}
			return who.Holder()
		}
		partner, key := holder("tsl-token"), holder("maria-key")
		time.Sleep(3 * time.Hour)
		if holder("tsl-token") != partner || holder("maria-key") != key || key == partner {
			t.Error("holders are not told apart by their right alone")
		}
	})
}
