//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simulcart/simulcart/internal/bench/report"
)

// A part is what is measured in one table.
type part struct {
	name       string
	title      string
	shapes     []report.Shape
	candidates []candidate
	goals      []report.Goal
	stalled    int // so many outputs stall, after the window
	stretch    int // the window is longer by this factor; 0: as long as elsewhere
}

// Bit rates, in kbit/s.
const (
	usual = 6000
	heavy = 50_000
	web   = 2500
	light = 1000
)

// collecting is how long pushes to platforms collect.
const collecting = 100 * time.Millisecond

// The names of candidates, in tables and goals.
const (
	pushCollected = "simulcart push, 100 ms"
	pushAtOnce    = "simulcart push, at once"
	played        = "simulcart play"
	ingested      = "simulcart ingest"
	nginxPushed   = "nginx-rtmp push"
	nginxPlayed   = "nginx-rtmp play"
	nginxIngested = "nginx-rtmp ingest"
	goCollected   = "Go floor, 100 ms"
	goAtOnce      = "Go floor, at once"
	goIngested    = "Go floor, ingest"
	goLoop        = "Go floor, one loop"
	cCollected    = "C floor, 100 ms"
	cAtOnce       = "C floor, at once"
	sealedPush    = "simulcart RTMPS push, 100 ms"
	sealedAtOnce  = "simulcart RTMPS push, at once"
	sealedFloor   = "Go floor over TLS, 100 ms"
	readRTSP      = "simulcart RTSP"
	floorRTSP     = "Go floor of RTSP"
	readHLS       = "simulcart HLS"
	nginxHLS      = "nginx-rtmp HLS"
	floorHLS      = "Go floor of HLS"
	readParts     = "simulcart HLS, parts of 200 ms"
	floorParts    = "Go floor of HLS, parts of 200 ms"
	watched       = "simulcart WHEP"
	floorSRTP     = "Go floor of SRTP"
	floorSegments = "Go floor of SRTP, UDP GSO"
)

// allParts are the parts, each at most a quarter of an hour. The Makefile names them too.
func allParts() []part {
	return []part{fanOut(100), fanOut(10), fanOut(50), fanOut(200), streams(), rtmps(), ingest(), isolation(), growth(), memory(), rtsp(), hls(), hlsParts(), whep()}
}

// fanOut is one stream to n outputs.
func fanOut(n int) part {
	p := part{
		name: fmt.Sprintf("outputs%d", n), title: fmt.Sprintf("One stream to %d outputs over RTMP", n),
		shapes: []report.Shape{{Streams: 1, Outputs: n, Kbits: usual}},
		candidates: []candidate{
			simulcartPlay(played), goFloor(goAtOnce, 0), cFloor(cAtOnce, 0),
			simulcartPush(pushAtOnce, 0), nginx(nginxPlayed, playRTMP), nginx(nginxPushed, push),
			simulcartPush(pushCollected, collecting), goFloor(goCollected, collecting), cFloor(cCollected, collecting),
		},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: played, Against: goAtOnce, Most: 1.2},
			{Figure: report.Cost, Candidate: played, Against: cAtOnce},
			{Figure: report.Cost, Candidate: pushAtOnce, Against: goAtOnce, Most: 1.2},
			{Figure: report.Cost, Candidate: pushCollected, Against: goCollected, Most: 1.2},
			{Figure: report.Cost, Candidate: pushCollected, Against: cCollected},
			{Figure: report.Cost, Candidate: played, Against: nginxPlayed},
			{Figure: report.Cost, Candidate: pushAtOnce, Against: nginxPushed},
			{Figure: report.P50, Candidate: pushCollected, Most: 60},
			{Figure: report.Join, Candidate: played, Most: 20},
		},
	}
	if n == 100 {
		for _, c := range []string{played, pushAtOnce} {
			p.goals = append(
				p.goals,
				report.Goal{Figure: report.P50, Candidate: c, Most: 1.5}, report.Goal{Figure: report.P99, Candidate: c, Most: 5},
				report.Goal{Figure: report.Max, Candidate: c, Most: 15})
		}
	}
	if n == 200 {
		p.goals = append(p.goals, report.Goal{Figure: report.RSS, Candidate: pushCollected, Most: 40}, report.Goal{Figure: report.RSS, Candidate: played, Most: 40})
	}
	return p
}

// streams is 20 streams to 5 outputs each.
func streams() part {
	return part{
		name: "streams20", title: "20 streams to 5 outputs each over RTMP",
		shapes: []report.Shape{{Streams: 20, Outputs: 5, Kbits: usual}},
		candidates: []candidate{
			simulcartPush(pushAtOnce, 0), nginx(nginxPushed, push), goFloor(goAtOnce, 0),
			simulcartPush(pushCollected, collecting), goFloor(goCollected, collecting),
		},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: pushAtOnce, Against: nginxPushed, Most: 1},
			{Figure: report.Cost, Candidate: pushAtOnce, Against: goAtOnce},
			{Figure: report.P99, Candidate: pushAtOnce, Most: 5},
			{Figure: report.Cost, Candidate: pushCollected, Most: 0.13},
			{Figure: report.Cost, Candidate: pushCollected, Against: goCollected},
		},
	}
}

// rtmps is one stream to outputs behind TLS.
func rtmps() part {
	return part{
		name: "rtmps", title: "One stream to 50 outputs over RTMPS",
		shapes: []report.Shape{{Streams: 1, Outputs: 50, Kbits: usual}},
		candidates: []candidate{
			by(pushTLS, simulcartPush(sealedPush, collecting)), by(pushTLS, goFloor(sealedFloor, collecting)), by(pushTLS, simulcartPush(sealedAtOnce, 0)),
		},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: sealedPush, Against: sealedFloor, Most: 1.3},
			{Figure: report.Cost, Candidate: sealedPush, Most: 0.17},
		},
	}
}

// ingest is one heavy publisher and nobody who wants it.
func ingest() part {
	return part{
		name: "ingest", title: "A publisher of 50 Mbit/s without outputs",
		shapes: []report.Shape{{Streams: 1, Kbits: heavy}},
		candidates: []candidate{
			simulcartPlay(ingested), nginx(nginxIngested, playRTMP), goFloor(goIngested, 0),
		},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: ingested, Against: nginxIngested, Most: 1},
			{Figure: report.Cost, Candidate: ingested, Against: goIngested},
		},
	}
}

// isolation is one stream to 100 outputs, ten of which stop to read for a while.
func isolation() part {
	p := part{
		name: "isolation", title: "One stream to 100 outputs over RTMP, of which ten stall",
		shapes:     []report.Shape{{Streams: 1, Outputs: 100, Kbits: usual}},
		candidates: []candidate{simulcartPlay(played), simulcartPush(pushAtOnce, 0), simulcartPush(pushCollected, collecting), nginx(nginxPushed, push)},
		stalled:    10,
	}
	for _, c := range p.candidates {
		most := 5.0
		if c.name == nginxPushed {
			most = 0
		}
		p.goals = append(
			p.goals,
			report.Goal{Figure: report.P99, Candidate: c.name, Stalling: true, Most: most}, report.Goal{Figure: report.RSS, Candidate: c.name, Stalling: true})
	}
	return p
}

// growth is what an output costs among few and among many.
func growth() part {
	p := part{
		name: "growth", title: "One stream to 10 to 1,000 outputs over RTMP",
		candidates: []candidate{simulcartPlay(played), goFloor(goAtOnce, 0), loopFloor(goLoop)},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: played, Against: goAtOnce}, {Figure: report.Cost, Candidate: goLoop, Against: goAtOnce},
		},
	}
	for _, n := range []int{10, 100, 300, 1000} {
		p.shapes = append(p.shapes, report.Shape{Streams: 1, Outputs: n, Kbits: light})
	}
	return p
}

// memory is half an hour with one stream and 200 outputs.
func memory() part {
	return part{
		name: "memory", title: "Half an hour with one stream and 200 outputs over RTMP",
		shapes:     []report.Shape{{Streams: 1, Outputs: 200, Kbits: usual}},
		candidates: []candidate{simulcartPush(pushCollected, collecting)},
		goals: []report.Goal{
			{Figure: report.RSS, Candidate: pushCollected, Most: 40}, {Figure: report.Grow, Candidate: pushCollected},
		},
		stretch: 180,
	}
}

// rtsp is one stream to readers over RTSP, with the packets in their connections.
func rtsp() part {
	p := part{
		name: "rtsp", title: "One stream to readers over RTSP, in their connections",
		candidates: []candidate{by(playRTSP, simulcartPlay(readRTSP)), pullFloor(floorRTSP, playRTSP)},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: readRTSP, Against: floorRTSP, Most: 1.3},
			{Figure: report.Cost, Candidate: readRTSP, Outputs: 100, Most: 0.18},
			{Figure: report.P99, Candidate: readRTSP, Outputs: 100, Most: 5},
		},
	}
	for _, n := range []int{10, 50, 100} {
		p.shapes = append(p.shapes, report.Shape{Streams: 1, Outputs: n, Kbits: usual})
	}
	return p
}

// hls is one stream to readers over HLS.
func hls() part {
	p := part{
		name: "hls", title: "One stream to readers over HLS, segments of 2 s",
		candidates: []candidate{by(playHLS, simulcartPlay(readHLS)), pullFloor(floorHLS, playHLS), nginx(nginxHLS, playHLS)},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: readHLS, Outputs: 200, Most: 0.055},
			{Figure: report.Cost, Candidate: readHLS, Against: floorHLS},
			{Figure: report.Cost, Candidate: readHLS, Against: nginxHLS},
		},
	}
	for _, n := range []int{50, 200} {
		p.shapes = append(p.shapes, report.Shape{Streams: 1, Outputs: n, Kbits: usual})
	}
	return p
}

// hlsParts is one stream to readers over HLS with low latency.
func hlsParts() part {
	return part{
		name: "hlsparts", title: "One stream to 50 readers over HLS with low latency, parts of 200 ms",
		shapes:     []report.Shape{{Streams: 1, Outputs: 50, Kbits: usual}},
		candidates: []candidate{by(playParts, simulcartPlay(readParts)), pullFloor(floorParts, playParts)},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: readParts, Most: 0.17},
			{Figure: report.Cost, Candidate: readParts, Against: floorParts},
			{Figure: report.P50, Candidate: readParts, Most: 25},
		},
	}
}

// whep is one stream to viewers over WHEP.
func whep() part {
	p := part{
		name: "whep", title: "One stream to viewers over WHEP",
		candidates: []candidate{
			by(playWHEP, simulcartPlay(watched)), pullFloor(floorSRTP, playSRTP), pullFloor(floorSegments, playSRTPSegments),
		},
		goals: []report.Goal{
			{Figure: report.Cost, Candidate: watched, Outputs: 50, Most: 0.8},
			{Figure: report.Cost, Candidate: watched, Against: floorSRTP},
			{Figure: report.Cost, Candidate: watched, Against: floorSegments},
			{Figure: report.Each, Candidate: watched, Outputs: 50, Most: 1},
		},
	}
	for _, n := range []int{10, 50} {
		p.shapes = append(p.shapes, report.Shape{Streams: 1, Outputs: n, Kbits: web})
	}
	return p
}

// named finds parts by their names.
func named(names []string) ([]part, error) {
	all := allParts()
	var found []part
	for _, n := range names {
		i := slices.IndexFunc(all, func(p part) bool { return p.name == n })
		if i < 0 {
			var known []string
			for _, p := range all {
				known = append(known, p.name)
			}
			return nil, fmt.Errorf("no part %s; the parts are: %s", n, strings.Join(known, " "))
		}
		found = append(found, all[i])
	}
	return found, nil
}
