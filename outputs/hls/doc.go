// Package hls serves streams over HTTP Live Streaming, with low latency and without, from one set of segments (RFC 8216bis; parts as CMAF
// chunks, ISO/IEC 23000-19).
//
// The flow of a frame:
//
//  1. a stream's [muxer] reads it, one for all who pull the stream, from the first who comes to a minute after the last;
//  2. the [segmenter] lets pictures and sound that belong together on screen go together ([aligner]), holds each frame until the next one of
//     its track is there ([lane]), and cuts pieces where parts and segments end;
//  3. the [packer] makes a [part] of each [piece]: its fragment (moof and mdat), copied together once, the same bytes for all views, but
//     for the neutral one, whose pictures have the overlay states in them; in front of it stand the events (emsg) of each view;
//  4. the [playlist] lists parts and segments, keeps them for as long as somebody may ask, moves old ones to disk, and wakes the requests
//     that wait for them;
//  5. a request is let in by a ticket in its address (access.Registry.NewTicket), and answered with bytes that all share.
//
// Addresses:
//
//	/hls/STREAM/index.m3u8?token=TOKEN           multivariant playlist
//	/hls/STREAM/TICKET/SESSION/main.m3u8         media playlist; sound.m3u8: the sound alone
//	                           init0.mp4         initialization, one for each set of tracks
//	                           17.m4s            segment
//	                           17.3.m4s          part
package hls
