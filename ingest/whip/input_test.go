package whip_test

import (
	"net/http"
	"strings"
	"testing"

	pion "github.com/pion/rtp"

	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/internal/mediatest/peer"
	"github.com/simulcart/simulcart/media"
)

// Each method asks for the stream key, and the one that the session was begun with; a session is at no other stream's address.
func TestKeys(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	p := peer.Publish(t, r.url, peer.Options{Token: key}, video)
	jo := peer.Publish(t, strings.Replace(r.url, "maria", "jo", 1), peer.Options{Token: "jo-key"}, video)
	offer := peer.NewPublisher(t, peer.Options{}, video).Offer()
	for _, tt := range []struct {
		token        string
		status, atJo int // 0: she may
	}{
		{"", 401, 401},
		{"guess", 401, 401},
		{key + "x", 401, 401},
		{"jo-key", 403, 0},
		{"gone-key", 403, 403},
		{key, 0, 403},
	} {
		as := p.As(tt.token)
		for _, q := range []struct {
			want                   int
			method, at, kind, body string
		}{
			{tt.status, http.MethodPost, r.url, sdp, offer},
			{tt.status, http.MethodPatch, p.Location, fragment, "a=end-of-candidates\r\n"},
			{tt.status, http.MethodDelete, p.Location, "", ""},
			{404, http.MethodDelete, strings.Replace(p.Location, "maria", "jo", 1), "", ""},
			{404, http.MethodPatch, strings.Replace(p.Location, "maria", "jo", 1), fragment, ""},
			{tt.atJo, http.MethodDelete, jo.Location, "", ""},
			{tt.atJo, http.MethodPatch, jo.Location, fragment, "a=end-of-candidates\r\n"},
			{405, http.MethodGet, p.Location, "", ""},
			{405, http.MethodGet, r.url, "", ""},
			{204, http.MethodOptions, p.Location, "", ""},
			{204, http.MethodOptions, r.url, "", ""},
			{204, http.MethodOptions, r.url + "/AAAAAAAAAAAAAAAAAAAAAAAAAA", "", ""}, // what is there is not told
		} {
			if q.want != 0 {
				as.Want(q.want, q.method, q.at, q.kind, q.body, "If-Match", "*")
			}
		}
	}
	p.Write(&media.Frame{Track: video, Key: true, Data: r.picture(true, 500)})
	r.frames(reader, 1)
	for _, stream := range []string{"maria", "jo"} {
		if st, _ := r.gate.Status(stream); st.State != ingest.Live || st.Counters.Takeovers != 0 {
			t.Errorf("%s: %v, %+v", stream, st.State, st.Counters)
		}
	}
}

// Packets of a type that was not agreed, the first one of a track among them, cost the pictures that they were part of, and nothing else.
func TestPacketsOfAnotherType(t *testing.T) {
	r := newRig(t)
	reader := r.stream.Subscribe("test", 0)
	defer reader.Close()
	sent := 0 // packets; the writer's
	p := peer.Publish(t, r.url, peer.Options{Token: key, NoRepair: true, NoNACK: true, Tamper: func(h *pion.Header) {
		if sent == 0 || sent == 2 {
			h.PayloadType = 42
		}
		sent++
	}}, video)
	for i := range int64(4) { // of two packets each, the first with the parameter sets
		p.Write(&media.Frame{Track: video, PTS: ms(40 * i), Key: true, Data: r.picture(true, 500+int(i))})
	}
	got, _ := r.frames(reader, 2)
	if len(got) != 2 || len(got[0].Data) != 506 || len(got[1].Data) != 507 || sent != 8 {
		t.Errorf("got %d pictures, the first of %d bytes; %d packets were sent", len(got), len(got[0].Data), sent)
	}
}
