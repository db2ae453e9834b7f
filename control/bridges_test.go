package control

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What others counted of a stream is told with its status, and forgotten when the stream is removed, not when it changes.
func TestBridges(t *testing.T) {
	on(t, func(ctx context.Context, b *bench) {
		bridges := map[string][]BridgeStatus{"maria": {{Conversion: "opus", Running: true, Starts: 2, Restarts: 1, CPUSeconds: 0.5, DelaySeconds: 0.02}}}
		var forgotten []string
		b.Bridges = func(stream string) []BridgeStatus { return bridges[stream] }
		b.Forget = func(stream string) {
			forgotten = append(forgotten, stream)
			delete(bridges, stream)
		}
		d := desired("a")
		d.Streams["jo"] = Stream{}
		b.apply(ctx, d)
		if st, _ := b.Stream("maria"); !cmp.Equal(st.Bridges, bridges["maria"]) || st.Bridges == nil {
			t.Errorf("got %+v, want %+v", st.Bridges, bridges["maria"])
		}
		if st, _ := b.Stream("jo"); st.Bridges != nil {
			t.Errorf("got %+v of a stream that nothing is made of", st.Bridges)
		}
		changed := desired("b")
		changed.Streams["jo"] = Stream{Public: true}
		b.apply(ctx, changed)
		if len(forgotten) > 0 {
			t.Errorf("forgot %v, which are there", forgotten)
		}
		b.apply(ctx, Desired{Streams: map[string]Stream{"jo": {}}})
		if diff := cmp.Diff([]string{"maria"}, forgotten); diff != "" {
			t.Errorf("forgotten (-want +got):\n%s", diff)
		}
	})
}
