package relay

import "slices"

// waiters are the readers that wait for something to read. The owner's mutex guards them; the readers are woken without it.
type waiters struct {
	list []*Reader
	wave uint64 // rises when the list is taken: a reader is in the list if it was added in this wave
}

// add puts r into the list, once, and takes it out of any other.
func (ws *waiters) add(r *Reader) {
	if r.queue == ws && r.wave == ws.wave {
		return
	}
	r.unqueueLocked()
	r.queue, r.wave = ws, ws.wave
	ws.list = append(ws.list, r)
}

// unqueueLocked takes the reader out of the list that it is in, if it is in one.
func (r *Reader) unqueueLocked() {
	if ws := r.queue; ws != nil && r.wave == ws.wave {
		i := slices.Index(ws.list, r)
		ws.list = slices.Delete(ws.list, i, i+1)
	}
	r.queue = nil
}

// take empties the list and returns what was in it. The list goes on in the room of spare, so that two slices that take
// turns are all that is ever needed.
func (ws *waiters) take(spare []*Reader) []*Reader {
	if len(ws.list) == 0 {
		return spare[:0]
	}
	taken := ws.list
	ws.list = spare[:0]
	ws.wave++
	return taken
}

// wakeAll wakes the readers and forgets them.
func wakeAll(readers []*Reader) {
	for i, r := range readers {
		r.bell.ring()
		readers[i] = nil
	}
}
