// Package whep lets viewers watch streams over WebRTC, by WHEP (draft-ietf-wish-whep): a [Server] for the dialogue, and for each viewer
// a session with a sender.
//
// The flow of a frame:
//
//  1. the stream's reader hands over all frames that wait, up to a bound;
//  2. each frame's RTP payloads are made once per stream and shared (relay.Derived, [rtp.Cutter]); with an overlay state in them once
//     more for each view;
//  3. the sender's lane for the track puts a header in front of each, pion encrypts it, and the node's one UDP port sends it;
//  4. the lane remembers which payloads went out, so that those that the viewer misses go out again. What is kept is shared too.
//
// Overlay states travel in the pictures, and over a data channel where the viewer's offer has one.
package whep
