// Package whip takes publishers over WebRTC, by WHIP (RFC 9725): browsers, OBS, encoders.
//
// The flow of a packet:
//
//  1. a goroutine for each track reads it from pion and hands it to the session's goroutine, to which all else belongs;
//  2. the lane of its track puts it in order, asks again for what is missing (NACK), and puts frames together ([rtp.Window],
//     [rtp.Depacketizer]);
//  3. pictures lose their parameter sets to the track ([codec.InBand]); those behind a loss are dropped up to the next key frame, which is
//     asked for (PLI);
//  4. the clock of the session gives the frame its time, from the track's own timestamps, sound and pictures together by sender reports;
//  5. the publication relays it.
package whip
