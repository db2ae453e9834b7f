package control

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// Feed is a stream as one partner pulls it over one protocol, or as everybody else does.
type Feed struct {
	Output  string           // the name of its readers
	View    *overlay.View    // of overlay states
	Carried *outputs.Carried // where it counts them
	Served  *outputs.Served  // where a feed over HTTP counts what it serves
}

// feedCounts is where a feed counts.
type feedCounts struct {
	carried outputs.Carried
	served  outputs.Served
}

// feedKey is a protocol and a partner, "" for all who have no contract.
type feedKey struct {
	over    access.Protocol
	partner string
}

// String gives the readers of a feed their name: "feed:rtmp:talkshoplive", or "feed:rtmp" for all without a contract. No
// destination can have it, since their names hold no colon.
func (k feedKey) String() string {
	name := "feed:" + k.over.String()
	if k.partner != "" {
		name += ":" + k.partner
	}
	return name
}

// Feed gives the feed of a stream for a partner, "" for all who have no contract; false for a stream that is not known.
func (c *Controller) Feed(stream, partner string, over access.Protocol) (Feed, bool) {
	s := c.shop.of(stream)
	if s == nil {
		return Feed{}, false
	}
	view := c.snapshot().Partners[partner].View
	key := feedKey{over, partner}
	counts := s.feed(key)
	return Feed{Output: key.String(), View: &view, Carried: &counts.carried, Served: &counts.served}, true
}

// Known says whether there is a stream of that name.
func (c *Controller) Known(stream string) bool { return c.shop.of(stream) != nil }

// feed gives where a feed counts.
func (s *showcase) feed(key feedKey) *feedCounts {
	s.feeding.Lock()
	defer s.feeding.Unlock()
	if s.feeds == nil {
		s.feeds = make(map[feedKey]*feedCounts)
	}
	if s.feeds[key] == nil {
		s.feeds[key] = &feedCounts{}
	}
	return s.feeds[key]
}

// carriages are those of the feeds.
var carriages = map[access.Protocol]outputs.Carriage{
	access.RTMP: outputs.CarriesSEI | outputs.CarriesAMF,
	access.RTSP: outputs.CarriesSEI,
	access.HLS:  outputs.CarriesSEI | outputs.CarriesID3 | outputs.CarriesRange,
	access.WHEP: outputs.CarriesSEI | outputs.CarriesChannel,
}

// feedsOf tells of a stream's feeds that were ever pulled.
func (s *showcase) feedsOf(stream *relay.Stream, variants []*relay.Stream) []FeedStatus {
	s.feeding.Lock()
	feeds := maps.Clone(s.feeds)
	s.feeding.Unlock()
	list := make([]FeedStatus, 0, len(feeds))
	for key, counts := range feeds {
		n, served := countersOf(key.String(), stream, variants), counts.served.Status()
		if key.over == access.HLS { // whose one reader makes the segments, for all
			n = countersOf(key.over.String(), stream, variants)
			n.Readers, n.Bytes, n.Frames = served.Viewers, served.Bytes, served.Frames
		}
		list = append(list, FeedStatus{
			Protocol: key.over.String(), Partner: key.partner,
			Readers: n.Readers, Bytes: n.Bytes, Frames: n.Frames, LagSeconds: n.Lag.Seconds(),
			Skipped:  map[string]uint64{"late": n.SkippedLate, "gone": n.SkippedGone, "unsent": n.Unsent, "withheld": n.Withheld},
			Overlays: carriedOf(carriages[key.over], &counts.carried),
		})
	}
	slices.SortFunc(list, func(a, b FeedStatus) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Partner, b.Partner))
	})
	return list
}

// Variants gives the renditions of a stream that outputs may read in its place.
type Variants func(stream string) []*relay.Stream

func (c *Controller) variantsOf(stream string) []*relay.Stream {
	if c.Variants == nil {
		return nil
	}
	return c.Variants(stream)
}

// countersOf adds up what an output's readers got, of the stream itself and of renditions of it.
func countersOf(output string, stream *relay.Stream, variants []*relay.Stream) relay.Counters {
	n := stream.Counters(output)
	for _, v := range variants {
		n.Add(v.Counters(output))
	}
	return n
}

// Packager tells what is made of a stream for HLS; false where nothing ever was.
type Packager func(stream string) (outputs.PackagedStatus, bool)

// packaged tells what is made of a stream for HLS; nil where nothing ever was.
func (c *Controller) packaged(stream string) *PackagedStatus {
	if c.Packaged == nil {
		return nil
	}
	n, ever := c.Packaged(stream)
	if !ever {
		return nil
	}
	st := &PackagedStatus{
		Active: n.Active, Segments: n.Segments, Parts: n.Parts, SegmentSeconds: n.SegmentSeconds, PartSeconds: n.PartSeconds,
		TargetSeconds: n.Target.Seconds(), PartTargetSeconds: n.PartTarget.Seconds(), AgeSeconds: n.Age.Seconds(), WindowSeconds: n.Window.Seconds(),
		MemoryBytes: n.Memory, DiskBytes: n.Disk, Held: n.Held, Requests: []PackagedRequests{},
		Dropped: n.Dropped, DroppedRanges: n.Ranges, Unwritten: n.Unwritten,
	}
	for _, r := range n.Requests {
		st.Requests = append(st.Requests, PackagedRequests(r))
	}
	return st
}

// feedsRefused tells who was refused what, and why.
func (c *Controller) feedsRefused() []FeedRefusals {
	counts := c.Registry.Refusals()
	list := make([]FeedRefusals, 0, len(counts))
	for _, n := range counts {
		list = append(list, FeedRefusals{Protocol: n.Over.String(), Partner: n.Partner, Causes: n.Causes})
	}
	return list
}

// Partners tells of the contracts, by name.
func (c *Controller) Partners() []PartnerStatus {
	partners := c.snapshot().Partners
	refused := make(map[string]map[string]uint64, len(partners))
	for _, f := range c.feedsRefused() {
		if refused[f.Partner] == nil {
			refused[f.Partner] = make(map[string]uint64)
		}
		for cause, n := range f.Causes {
			refused[f.Partner][cause] += n
		}
	}
	list := make([]PartnerStatus, 0, len(partners))
	for _, name := range slices.Sorted(maps.Keys(partners)) {
		p := partners[name]
		st := PartnerStatus{
			Name: name, Streams: p.Contract.Streams, MaxConnections: p.Contract.MaxConnections, Connections: c.Registry.Connections(name),
			Expires: moment(p.Contract.Expires), Expired: !p.Contract.Expires.IsZero() && !time.Now().Before(p.Contract.Expires),
			Refused: refused[name], Currency: p.View.Currency, Locale: p.View.Locale, Link: p.View.Link,
		}
		for _, over := range p.Contract.Protocols {
			st.Protocols = append(st.Protocols, over.String())
		}
		list = append(list, st)
	}
	return list
}
