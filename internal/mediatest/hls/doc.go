// Package hls judges HLS as a stranger would: it reads playlists, fMP4 and ID3 with readers of its own, records every version of a
// media playlist that a server gives, and names each rule of draft-pantos-hls-rfc8216bis ("the draft") that a recording breaks.
//
// Nothing here comes from wire/m3u8, wire/fmp4 or wire/id3: those are what is judged.
package hls
