// Package transcode makes renditions: streams in the hub that carry what another stream carries, with sound or pictures coded as an
// output needs them. A child process, ffmpeg, codes; what needs no change is handed on untouched, never through the child.
//
//	                          ┌─ untouched frames, overlays, data ─────────────┐
//	Stream ─ Reader ─ stage ──┤                                                ├─ merger ─ Publisher ─ rendition
//	                          └─ lane ─ mkv ─▶ ffmpeg ─▶ mkv ─ clock ─ lane ───┘
//
// The flow:
//
//  1. A rendition is on demand: the hub asks [Bench.Source] for what feeds it, at the first reader.
//  2. A stage reads the other stream, one session after the other, and hands each frame to the merger or to the lane of its track.
//  3. A lane keeps one child running: it writes frames to it, reads what comes back, starts it again when it dies or hangs.
//  4. The clock gives what came back the times of the source: pictures get their own PTS back, sound runs by its samples.
//  5. The merger writes all in the order of decode time. It waits for a lane that works, and for none that does not.
//
// There is at most one child per stream and conversion. Rendition [Legacy] is therefore made of rendition [Sound].
package transcode
