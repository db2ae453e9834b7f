// Package mediatest holds what tests share: real peers as child processes (ffmpeg, nginx-rtmp, OBS Studio, GStreamer,
// librtmp), prepared media, a comparison of FLV recordings, and proxies that fail on purpose. Only tests import it.
//
// Its reading of FLV and RTMP is independent of wire/flv and wire/rtmp, and as small as a test can do with: a fault in
// the product must not hide itself in the test that looks for it.
//
// What needs a real peer runs on Linux; the rest on any system.
package mediatest
