package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"sync"

	"github.com/simulcart/simulcart/access"
	"github.com/simulcart/simulcart/ingest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/relay"
)

// How desired state becomes a running program:
//
//  1. [Controller.Apply] takes the whole desired state and compares it with what runs;
//  2. streams and keys are told to the gate and the registry; what is not named any more is removed;
//  3. a destination whose settings differ in anything is ended and begun anew, all others keep running untouched.

// Assignment is what a [Constructor] makes an output of.
type Assignment struct {
	Name        string // of the destination, for counters and logs
	Destination Destination
	Profile     outputs.Profile   // of its platform
	Progress    *outputs.Progress // what the output reports to
	Carried     *outputs.Carried  // where it counts overlay states
}

// Constructor makes an output for a destination.
type Constructor func(a Assignment) (outputs.Output, error)

// Controller makes the program follow the desired state. Set the fields before use.
type Controller struct {
	Hub      *relay.Hub
	Gate     *ingest.Gate
	Registry *access.Registry
	Outputs  map[string]Constructor // by URL scheme
	Budget   *outputs.Budget        // of connection attempts; nil: no bound
	Refusals *ingest.Refusals       // counted by the protocols; nil: none are
	Packaged Packager               // what is made of streams for HLS; nil: nothing is
	Peers    Peers                  // over WebRTC
	Variants Variants               // what outputs may read in a stream's place; nil: nothing
	Bridge   outputs.Bridge         // what renditions make of codecs; nil: there are none
	Bridges  Bridges                // how the making goes; nil: nothing is made
	Forget   func(stream string)    // drops what others counted of a stream that is removed; nil: nobody did
	Log      *slog.Logger

	applying sync.Mutex // one Apply at a time, which alone changes what mu guards
	mu       sync.RWMutex
	desired  Desired
	running  map[target]*destination
	shop     shop
	all      sync.WaitGroup // of running destinations
}

// target names a destination.
type target struct{ stream, name string }

// destination is a destination that runs, or is paused.
type destination struct {
	settings Destination
	profile  outputs.Profile
	progress *outputs.Progress
	carried  *outputs.Carried
	runner   *outputs.Runner // nil when paused
	cancel   context.CancelFunc
	done     chan struct{} // closed when the runner has returned
}

// Apply makes d the desired state, which nobody changes afterwards. ctx is the life of what it starts, not of the call. On an
// error nothing has changed.
func (c *Controller) Apply(ctx context.Context, d Desired) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	begin, end, err := c.diff(d)
	if err != nil {
		return err
	}
	c.streams(ctx, d)
	c.end(end, begin)
	c.begin(ctx, begin)
	c.mu.Lock()
	c.desired = d
	c.mu.Unlock()
	return nil
}

// Wait blocks until every destination has ended, which they do with the context of Apply or with the sessions.
func (c *Controller) Wait() { c.all.Wait() }

// diff finds what must begin and what must end. It runs in Apply, which alone changes what runs, so it needs no lock.
func (c *Controller) diff(d Desired) (begin map[target]*destination, end []target, err error) {
	begin = make(map[target]*destination)
	wanted := make(map[target]Destination)
	for _, stream := range slices.Sorted(maps.Keys(d.Streams)) {
		destinations := d.Streams[stream].Destinations
		for _, name := range slices.Sorted(maps.Keys(destinations)) {
			t, settings := target{stream, name}, destinations[name]
			wanted[t] = settings
			if now := c.running[t]; now != nil && reflect.DeepEqual(now.settings, settings) {
				continue
			}
			if begin[t], err = c.build(t, settings); err != nil {
				return nil, nil, fmt.Errorf("streams.%s.destinations.%s: %w", stream, name, err)
			}
		}
	}
	for t, now := range c.running {
		if settings, ok := wanted[t]; !ok || !reflect.DeepEqual(now.settings, settings) {
			end = append(end, t)
		}
	}
	return begin, end, nil
}

// build prepares a destination without starting it.
func (c *Controller) build(t target, settings Destination) (*destination, error) {
	profile, ok := outputs.ProfileOf(settings.Platform)
	if !ok {
		return nil, fmt.Errorf("no platform of the name %q", settings.Platform)
	}
	if e := settings.Enhanced; e != nil && !*e {
		profile = profile.WithoutFourCC()
	}
	profile.Bridge = c.Bridge
	d := &destination{settings: settings, profile: profile, progress: &outputs.Progress{}, carried: &outputs.Carried{}, done: make(chan struct{})}
	d.progress.Enter(outputs.Idle)
	if settings.Paused {
		d.progress.Enter(outputs.Paused)
		close(d.done)
		return d, nil
	}
	u, err := url.Parse(settings.URL)
	if err != nil {
		return nil, errors.New("the URL cannot be read")
	}
	construct := c.Outputs[u.Scheme]
	if construct == nil {
		return nil, fmt.Errorf("no output for URLs that begin with %q", u.Scheme)
	}
	out, err := construct(Assignment{Name: t.name, Destination: settings, Profile: d.profile, Progress: d.progress, Carried: d.carried})
	if err != nil {
		return nil, err
	}
	d.runner = &outputs.Runner{
		Name: t.name, Output: discreet{out, settings.Key}, Progress: d.progress, Budget: c.Budget, Log: c.Log, Patience: profile.Patience,
		Ready: func(tracks []*media.Track) error { return refused(&d.profile, tracks) },
	}
	return d, nil
}

// refused is the check before dialling: a codec that the platform cannot take, and that no rendition makes fit.
func refused(p *outputs.Profile, tracks []*media.Track) error {
	if check, bad := p.Refused(tracks); bad {
		return outputs.Permanent(&outputs.Failure{Cause: outputs.CodecMismatch, Err: errors.New(check.Detail)})
	}
	return nil
}

// streams tells the gate, the registry and the shop.
func (c *Controller) streams(ctx context.Context, d Desired) {
	before := c.snapshot()
	c.seed(ctx, "", before.Catalog, d.Catalog)
	grants := make(map[string]access.Grant, len(d.Streams))
	for id, s := range d.Streams {
		grants[id] = access.Grant{Key: s.Key, Public: s.Public}
		options, of := s.Ingest, c.shop.open(id)
		of.timeline.SetEncoderDelay(s.EncoderDelay)
		options.Timeline = of.timeline
		c.seed(ctx, id, before.Streams[id].Catalog, s.Catalog)
		c.Gate.Configure(id, options)
	}
	c.Registry.Replace(grants)
	c.Registry.SetTokens(d.Tokens)
	contracts := make([]access.Contract, 0, len(d.Partners))
	for _, p := range d.Partners {
		contracts = append(contracts, p.Contract)
	}
	c.Registry.SetContracts(contracts)
	for id, before := range before.Streams {
		now, stays := d.Streams[id]
		switch {
		case !stays:
			c.Gate.Remove(id)
			c.Hub.Remove(id)
			for _, s := range c.variantsOf(id) {
				c.Hub.Remove(s.Name())
			}
			c.shop.close(id)
			if c.Forget != nil {
				c.Forget(id)
			}
			c.Log.Info("stream removed", "stream", id)
		case !now.Key.Equal(before.Key): // whoever had the old one must not go on
			c.Gate.Dismiss(id, ingest.ErrKeyChanged)
		}
	}
}

// seed makes a catalog follow the configuration. What it cannot take is no reason to leave the rest of a configuration aside.
func (c *Controller) seed(ctx context.Context, stream string, before, now []*overlay.Product) {
	catalog, err := c.Catalog(stream)
	if err == nil {
		err = seed(ctx, catalog, before, now)
	}
	if err != nil {
		c.Log.Warn("the catalog of the configuration was not taken, the one before stays", "stream", stream, "err", err)
	}
}

// end stops destinations and waits until they are gone, all at once. Those that do not begin anew are forgotten.
func (c *Controller) end(targets []target, anew map[target]*destination) {
	c.mu.Lock()
	var ending []*destination
	for _, t := range targets {
		d := c.running[t]
		ending = append(ending, d)
		delete(c.running, t)
		if d.cancel != nil {
			d.cancel()
		}
	}
	c.mu.Unlock()
	for i, d := range ending {
		<-d.done
		if t := targets[i]; anew[t] == nil && d.runner != nil {
			for _, s := range append(c.variantsOf(t.stream), d.runner.Stream) {
				s.Forget(t.name)
			}
		}
		c.Log.Info("destination ended", "stream", targets[i].stream, "output", targets[i].name)
	}
}

// begin starts destinations.
func (c *Controller) begin(ctx context.Context, fresh map[target]*destination) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running = make(map[target]*destination)
	}
	for t, d := range fresh {
		c.running[t] = d
		if d.runner == nil {
			continue
		}
		d.runner.Stream = c.Hub.Stream(t.stream)
		runCtx, cancel := context.WithCancel(ctx)
		d.cancel = cancel
		c.all.Go(func() {
			defer close(d.done)
			defer cancel()
			if err := d.runner.Run(runCtx); err != nil {
				c.Log.Error("destination lost", "stream", t.stream, "output", t.name, "err", err)
			}
		})
	}
}

// snapshot gives the desired state as it is.
func (c *Controller) snapshot() Desired {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.desired
}

// Retry lets a destination that waits for its next attempt try at once: [ErrNoStream] or [ErrNoDestination] where there is
// none.
func (c *Controller) Retry(stream, name string) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if _, ok := c.desired.Streams[stream]; !ok {
		return ErrNoStream
	}
	d := c.running[target{stream, name}]
	if d == nil {
		return ErrNoDestination
	}
	if d.runner != nil {
		d.runner.Retry()
	}
	return nil
}

// named gives a stream's destinations, sorted by name.
func (c *Controller) named(stream string) (names []string, by map[string]*destination) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	by = make(map[string]*destination)
	for t, d := range c.running {
		if t.stream == stream {
			names = append(names, t.name)
			by[t.name] = d
		}
	}
	slices.Sort(names)
	return names, by
}
