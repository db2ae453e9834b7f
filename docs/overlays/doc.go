// Package overlays holds what docs/overlays.md hands to partners: test vectors, and a receiver that knows nothing of the rest of
// this repository. Its tests hold the page to what the code does, and to what real servers and tools leave of the messages.
package overlays
