package whip_test

import (
	"net/http"
	"strings"
	"testing"

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
