//go:build !linux

package outputs

// tune sets nothing where the options do not exist.
func tune(int) error { return nil }

// Unacked does not know: what was written counts as taken.
func (s *Socket) Unacked() (bytes int, ok bool) { return 0, false }

// Unsent does not know.
func (s *Socket) Unsent() (bytes int, ok bool) { return 0, false }

// Acked does not know: only writes that are done count as progress.
func (s *Socket) Acked() (bytes uint64, ok bool) { return 0, false }
