package ingest

import (
	"sync"
	"time"
)

// Received counts how one publisher over WebRTC is heard. The zero value is ready; several goroutines may use it.
type Received struct {
	mu  sync.Mutex
	now Reception
}

// Reception is how publishers over WebRTC are heard: one, or several added up. Counters count since the program began.
type Reception struct {
	Opening   int // publishers that are not connected yet
	Connected int // those that are

	Joined    uint64 // publishers that were connected ever
	Failed    uint64 // that were let in, and were never connected
	KeyFrames uint64 // that were asked for
	Packets

	Trip   time.Duration // there and back, as what was asked for came; 0: not known
	Delay  time.Duration // of pictures, from the camera to the stream; 0: not known
	Jitter time.Duration // of pictures
	Apart  time.Duration // sound behind pictures, by the publisher's own clock
}

// Packets counts those of a publisher.
type Packets struct {
	Came     uint64
	Lost     uint64 // that never came
	Asked    uint64 // that were missed and asked for
	Repaired uint64 // that came after they were asked for
}

// add takes more in.
func (p *Packets) add(other Packets) {
	p.Came += other.Came
	p.Lost += other.Lost
	p.Asked += other.Asked
	p.Repaired += other.Repaired
}

// Plus takes the counts of others in; what is measured is that of the one who has the stream, since one who waits for it measures nothing.
func (r Reception) Plus(other Reception) Reception {
	r.Opening += other.Opening
	r.Connected += other.Connected
	r.Joined += other.Joined
	r.Failed += other.Failed
	r.KeyFrames += other.KeyFrames
	r.add(other.Packets)
	if other.Trip != 0 || other.Delay != 0 || other.Jitter != 0 || other.Apart != 0 {
		r.Trip, r.Delay, r.Jitter, r.Apart = other.Trip, other.Delay, other.Jitter, other.Apart
	}
	return r
}

// Past gives what stays of a publisher that has left.
func (r Reception) Past() Reception {
	return Reception{Joined: r.Joined, Failed: r.Failed + uint64(r.Opening), KeyFrames: r.KeyFrames, Packets: r.Packets}
}

// Status gives the counts.
func (r *Received) Status() Reception {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now
	if now.Connected == 0 {
		now.Opening = 1
	}
	return now
}

// Connect notes that media flow.
func (r *Received) Connect() { r.count(func(n *Reception) { n.Connected, n.Joined = 1, 1 }) }

// AskKey counts a request for a key frame.
func (r *Received) AskKey() { r.count(func(n *Reception) { n.KeyFrames++ }) }

// Count adds packets.
func (r *Received) Count(more Packets) { r.count(func(n *Reception) { n.add(more) }) }

// Measure notes how pictures arrive.
func (r *Received) Measure(jitter, trip time.Duration) {
	r.count(func(n *Reception) { n.Jitter, n.Trip = jitter, trip })
}

// Delay notes how long pictures take from the camera to the stream.
func (r *Received) Delay(d time.Duration) { r.count(func(n *Reception) { n.Delay = d }) }

// Apart notes how far sound lies behind the pictures, by the publisher's own clock.
func (r *Received) Apart(by time.Duration) { r.count(func(n *Reception) { n.Apart = by }) }

func (r *Received) count(how func(n *Reception)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	how(&r.now)
}
