package outputs

import (
	"sync"
	"time"
)

// Viewed counts what one viewer over WebRTC takes, and says of her connection. The zero value is ready; several goroutines may use it.
type Viewed struct {
	mu  sync.Mutex
	now Viewing
}

// Viewing is how viewers over WebRTC are doing: one, or several added up. Counters count since the program began.
type Viewing struct {
	Opening   int // viewers that are not connected yet
	Connected int // those that are

	Joined    uint64 // viewers that were connected ever
	Failed    uint64 // that were let in, and were never connected
	Asked     uint64 // packets that were missed and sent again
	Late      uint64 // packets that were missed and not there any more
	Pictures  uint64 // complaints that a picture was lost: PLI and FIR
	KeyFrames uint64 // wishes that were handed to the publisher
	Skips     uint64 // rests of pictures up to a key frame, of viewers who could not keep up

	RTT      Spread // seconds
	Loss     Spread // of packets, 0 to 1
	Jitter   Spread // of pictures, seconds
	Estimate Spread // of what the way to the viewer carries, bits a second
}

// Spread is a measure of several viewers.
type Spread struct {
	Count int // of those who told; 0: nobody
	Sum   float64
	Most  float64
}

// add takes more in.
func (s *Spread) add(other Spread) {
	s.Count += other.Count
	s.Sum += other.Sum
	s.Most = max(s.Most, other.Most)
}

// Mean is the mean of all; 0 where nobody told.
func (s Spread) Mean() float64 {
	if s.Count == 0 {
		return 0
	}
	return s.Sum / float64(s.Count)
}

func one(v float64) Spread { return Spread{1, v, v} }

// Plus takes the counts of others in, and what is measured of them.
func (v Viewing) Plus(other Viewing) Viewing {
	v.Opening += other.Opening
	v.Connected += other.Connected
	v.Joined += other.Joined
	v.Failed += other.Failed
	v.Asked += other.Asked
	v.Late += other.Late
	v.Pictures += other.Pictures
	v.KeyFrames += other.KeyFrames
	v.Skips += other.Skips
	v.RTT.add(other.RTT)
	v.Loss.add(other.Loss)
	v.Jitter.add(other.Jitter)
	v.Estimate.add(other.Estimate)
	return v
}

// Past gives what stays of a viewer who has left.
func (v Viewing) Past() Viewing {
	return Viewing{
		Joined: v.Joined, Failed: v.Failed + uint64(v.Opening), Asked: v.Asked, Late: v.Late, Pictures: v.Pictures, KeyFrames: v.KeyFrames,
		Skips: v.Skips,
	}
}

// Status gives the counts.
func (v *Viewed) Status() Viewing {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now
	if now.Connected == 0 {
		now.Opening = 1
	}
	return now
}

// Connect notes that media flow.
func (v *Viewed) Connect() { v.count(func(n *Viewing) { n.Connected, n.Joined = 1, 1 }) }

// Ask counts a packet that the viewer missed; again says that it was sent again.
func (v *Viewed) Ask(again bool) {
	v.count(func(n *Viewing) {
		if again {
			n.Asked++
		} else {
			n.Late++
		}
	})
}

// LosePicture counts a complaint that a picture was lost.
func (v *Viewed) LosePicture() { v.count(func(n *Viewing) { n.Pictures++ }) }

// WishKey counts a wish for a key frame that was handed to the publisher.
func (v *Viewed) WishKey() { v.count(func(n *Viewing) { n.KeyFrames++ }) }

// Skip counts a rest of the pictures up to a key frame.
func (v *Viewed) Skip() { v.count(func(n *Viewing) { n.Skips++ }) }

// Estimate notes what the viewer thinks that the way to her carries, in bits a second.
func (v *Viewed) Estimate(bits float64) { v.count(func(n *Viewing) { n.Estimate = one(bits) }) }

// Lose notes what share of the pictures' packets was lost lately, or of the sound's where there are none.
func (v *Viewed) Lose(loss float64) { v.count(func(n *Viewing) { n.Loss = one(loss) }) }

// Return notes a time there and back.
func (v *Viewed) Return(trip time.Duration) {
	v.count(func(n *Viewing) { n.RTT = one(trip.Seconds()) })
}

// Shake notes the jitter of the pictures, or of the sound where there are none.
func (v *Viewed) Shake(jitter time.Duration) {
	v.count(func(n *Viewing) { n.Jitter = one(jitter.Seconds()) })
}

func (v *Viewed) count(how func(n *Viewing)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	how(&v.now)
}
