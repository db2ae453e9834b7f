package control

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
)

// A partner's feed has its view and its own counters; what everybody else pulls is another one.
func TestFeeds(t *testing.T) {
	b := newBench(t)
	expires := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	b.apply(t.Context(), Desired{
		Streams: map[string]Stream{"maria": {Key: access.DigestOf(canary)}},
		Partners: map[string]Partner{"tsl": {
			Contract: access.Contract{
				Partner: "tsl", Digest: access.DigestOf("tsl-token"), Streams: []string{"maria"}, Protocols: []access.Protocol{access.RTMP, access.RTSP}, Expires: expires,
			},
			View: overlay.View{Currency: "USD"},
		}},
	})
	if _, known := b.Feed("nobody", "tsl", access.RTSP); known {
		t.Error("an unknown stream has a feed")
	}
	if b.Known("nobody") || !b.Known("maria") {
		t.Error("the wrong stream is known")
	}
	if st, _ := b.Stream("maria"); len(st.Feeds) > 0 {
		t.Errorf("feeds without anybody who pulls: %v", st.Feeds)
	}
	partners, ok := b.Feed("maria", "tsl", access.RTSP)
	public, ok2 := b.Feed("maria", "", access.RTMP)
	if !ok || !ok2 || partners.View.Currency != "USD" || public.View.Currency != "" || partners.Carried == public.Carried {
		t.Errorf("got %+v and %+v", partners, public)
	}
	again, _ := b.Feed("maria", "tsl", access.RTSP)
	if again.Carried != partners.Carried || partners.Output == public.Output {
		t.Error("the partner's counters are not its own")
	}
	st, _ := b.Stream("maria")
	var got []string
	for _, f := range st.Feeds {
		got = append(got, f.Protocol+" "+f.Partner+" "+f.Overlays.Carriage)
	}
	if diff := cmp.Diff([]string{"rtmp  sei+amf", "rtsp tsl sei"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for stream, over := range map[string]access.Protocol{"maria": access.HLS, "ana": access.RTSP} {
		if err := b.Registry.Admit(b.Registry.IdentifyViewer("tsl-token"), access.Object{Stream: stream, Over: over}); err == nil {
			t.Errorf("%s over %s: let in", stream, over)
		}
	}
	want := []PartnerStatus{{
		Name: "tsl", Streams: []string{"maria"}, Protocols: []string{"rtmp", "rtsp"}, Expires: &expires, Currency: "USD",
		Refused: map[string]uint64{"expired": 0, "stream": 1, "protocol": 1, "full": 0},
	}}
	if diff := cmp.Diff(want, b.Partners()); diff != "" {
		t.Errorf("partners: -want +got:\n%s", diff)
	}
	refused := make(map[string]uint64)
	for _, f := range b.Node().Feeds {
		refused[f.Protocol+" "+f.Partner] = f.Causes["protocol"]
	}
	wantRefused := map[string]uint64{"rtmp ": 0, "rtsp ": 0, "hls ": 0, "whep ": 0, "rtmp tsl": 0, "rtsp tsl": 0, "hls tsl": 1, "whep tsl": 0}
	if diff := cmp.Diff(wantRefused, refused); diff != "" {
		t.Errorf("refused: -want +got:\n%s", diff)
	}
}

// A feed over HTTP counts what was served, since its viewers read no stream; what is made for it is told once there was something.
func TestFeedsOverHLS(t *testing.T) {
	b := newBench(t)
	b.apply(t.Context(), Desired{Streams: map[string]Stream{"maria": {Key: access.DigestOf(canary)}}})
	packaged := outputs.PackagedStatus{}
	b.Packaged = func(stream string) (outputs.PackagedStatus, bool) {
		return packaged, stream == "maria" && packaged.Segments > 0
	}
	if st, _ := b.Stream("maria"); st.HLS != nil || len(st.Feeds) > 0 {
		t.Errorf("got %+v and %+v of a stream that nobody pulled", st.HLS, st.Feeds)
	}
	feed, _ := b.Feed("maria", "", access.HLS)
	feed.Served.Enter()
	feed.Served.Enter()
	feed.Served.Leave()
	feed.Served.Answer(1000, 5)
	feed.Served.Answer(500, 0)
	feed.Carried.Copy(outputs.CarriesID3, "s1", 7, 80)
	feed.Carried.Copy(outputs.CarriesID3, "s1", 7, 80)
	feed.Carried.Once(outputs.CarriesRange, "s1", 7, 80)
	packaged = outputs.PackagedStatus{
		Active: true, Segments: 2, Parts: 20, SegmentSeconds: 4, PartSeconds: 4.2, Target: 2 * time.Second, PartTarget: 207 * time.Millisecond,
		Age: 100 * time.Millisecond, Window: 30 * time.Second, Memory: 5, Disk: 6, Held: 7,
		Requests: []outputs.PackagedRequests{{Resource: "part", Status: 200, Count: 9}},
		Dropped:  map[string]uint64{"backwards": 10}, Ranges: 11, Unwritten: 12,
	}
	st, _ := b.Stream("maria")
	want := &PackagedStatus{
		Active: true, Segments: 2, Parts: 20, SegmentSeconds: 4, PartSeconds: 4.2, TargetSeconds: 2, PartTargetSeconds: 0.207,
		AgeSeconds: 0.1, WindowSeconds: 30, MemoryBytes: 5, DiskBytes: 6, Held: 7, Requests: []PackagedRequests{{Resource: "part", Status: 200, Count: 9}},
		Dropped: map[string]uint64{"backwards": 10}, DroppedRanges: 11, Unwritten: 12,
	}
	if diff := cmp.Diff(want, st.HLS); diff != "" {
		t.Errorf("hls: -want +got:\n%s", diff)
	}
	if len(st.Feeds) != 1 {
		t.Fatalf("got %+v, want one feed", st.Feeds)
	}
	got := st.Feeds[0]
	if got.Protocol != "hls" || got.Readers != 1 || got.Bytes != 1500 || got.Frames != 5 {
		t.Errorf("got %+v", got)
	}
	wantCopies := map[string]uint64{"sei": 0, "id3": 1, "daterange": 1}
	if diff := cmp.Diff(wantCopies, got.Overlays.States); diff != "" || got.Overlays.Carriage != "sei+id3+daterange" || got.Overlays.Repeats["id3"] != 1 {
		t.Errorf("overlays: %+v, -want +got:\n%s", got.Overlays, diff)
	}
}
