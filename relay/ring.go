package relay

// ringSize is how many elements a ring has room for when the first one comes; a power of two.
const ringSize = 64

// ring is a queue whose elements keep their number while they are in it. It grows as needed and never shrinks; the zero
// value is empty and numbers from 0.
type ring[T any] struct {
	slots      []T    // a power of two of them, or none
	head, tail uint64 // the elements are numbered head to tail-1
}

func (q *ring[T]) len() int { return int(q.tail - q.head) }

// at returns the place of element n, which must be in the ring. It is good until the next push.
func (q *ring[T]) at(n uint64) *T { return &q.slots[n&uint64(len(q.slots)-1)] }

// push adds an element at the tail and returns its place, where the content of an element popped long ago may be.
func (q *ring[T]) push() *T {
	if q.len() == len(q.slots) {
		q.grow()
	}
	q.tail++
	return q.at(q.tail - 1)
}

// pop takes the element at the head out of the ring. Its content stays in its place until the place is used again.
func (q *ring[T]) pop() { q.head++ }

func (q *ring[T]) grow() {
	old := *q
	q.slots = make([]T, max(ringSize, 2*len(old.slots)))
	for n := old.head; n != old.tail; n++ {
		*q.at(n) = *old.at(n)
	}
}
