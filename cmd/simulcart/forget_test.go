package main

import (
	"maps"
	"testing"

	"github.com/simulcart/simulcart/transcode"
)

// A stream that is taken out of the configuration takes its renditions with it; the others stay.
func TestRemovedStreamIsForgotten(t *testing.T) {
	g := newGateway(t)
	gone, stays := g.node.bench.Stream("maria", transcode.Web), g.node.bench.Stream("ana", transcode.Web)
	changed := *g.node.config
	changed.Streams = maps.Clone(changed.Streams)
	delete(changed.Streams, "maria")
	changed.Partners = nil
	if err := g.node.reload(t.Context(), &changed); err != nil {
		t.Fatal(err)
	}
	if g.node.bench.Stream("maria", transcode.Web) == gone || g.node.bench.Stream("ana", transcode.Web) != stays {
		t.Error("want maria's rendition gone, and ana's as it was")
	}
}
