//go:build linux

// Package webrtcbin publishes over WHIP, and watches over WHEP, with GStreamer's webrtcbin, as a partner's engineer would who has
// nothing but the documents: a script does the dialogue over HTTP.
package webrtcbin

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

//go:embed peer.py
var script string

// Options say how a peer is set up.
type Options struct {
	Token    string
	Bundle   string // bundle-policy; empty: max-bundle
	SendOnly bool   // a publisher offers sendonly media; else sendrecv, as webrtcbin does by itself
	NACK     bool   // it repairs what is lost
}

// Peer is a GStreamer at work.
type Peer struct {
	*mediatest.Process
	out bytes.Buffer
	dir string
}

// Report is what became of a peer.
type Report struct {
	Status  int      `json:"status"`  // of POST
	Deleted int      `json:"deleted"` // status of DELETE
	Offer   string   `json:"offer"`
	Answer  string   `json:"answer"`
	Wrong   []string `json:"wrong"`
}

// wish is what the script reads.
type wish struct {
	Address  string   `json:"address"`
	Token    string   `json:"token"`
	Pipeline string   `json:"pipeline"`
	Media    []string `json:"media"` // caps of what a viewer asks for
	SendOnly bool     `json:"sendonly"`
	NACK     bool     `json:"nack"`
}

// The ways to send the pictures of a file.
const (
	H264      = "h264parse ! rtph264pay config-interval=-1 aggregate-mode=zero-latency ! application/x-rtp,payload=96"
	H264InSDP = "h264parse ! rtph264pay ! application/x-rtp,payload=96" // parameter sets stand in the offer alone
	VP8       = "h264parse ! avdec_h264 ! videoconvert ! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=30 target-bitrate=1000000 ! rtpvp8pay ! application/x-rtp,payload=97"
)

// Publish starts a peer that publishes an FLV with AAC in real time, pictures in one of the ways, and ends the session at its end.
func Publish(t testing.TB, at, file, pictures string, o Options) *Peer {
	t.Helper()
	pipeline := fmt.Sprintf("webrtcbin name=w bundle-policy=%s filesrc location=%s ! flvdemux name=d "+
		"d.video ! queue ! identity name=pace0 sync=true ! %s ! w. "+
		"d.audio ! queue ! identity name=pace1 sync=true ! aacparse ! avdec_aac ! audioconvert ! audioresample ! opusenc ! rtpopuspay ! application/x-rtp,payload=111,encoding-name=OPUS ! w.",
		o.bundle(), file, pictures)
	return start(t, wish{Address: at, Token: o.Token, Pipeline: pipeline, Media: []string{}, SendOnly: o.SendOnly, NACK: o.NACK})
}

// The codecs that a viewer can ask for, as engineers write them.
const (
	AskH264     = "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1,profile-level-id=(string)42e01f"
	AskAnyH264  = "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000" // nothing is said of packetization and profile
	AskVP8      = "application/x-rtp,media=video,encoding-name=VP8,payload=97,clock-rate=90000"
	askOpus     = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2"
	watchVideo  = "%s ! videoconvert ! video/x-raw,format=GRAY8 ! filesink location=%s buffer-mode=unbuffered"
	watchAudio  = "rtpopusdepay name=audio ! opusdec ! audioconvert ! audio/x-raw,format=S16LE,rate=48000,channels=1 ! filesink location=%s buffer-mode=unbuffered"
	picturesRaw = "pictures.gray"
	soundRaw    = "sound.raw"
)

// Watch starts a peer that decodes what it gets, until it is ended by SIGTERM.
func Watch(t testing.TB, at, pictures string, o Options) *Peer {
	t.Helper()
	dir := t.TempDir()
	decode := "rtph264depay name=video ! h264parse ! avdec_h264"
	if pictures == AskVP8 {
		decode = "rtpvp8depay name=video ! vp8dec"
	}
	pipeline := strings.Join([]string{
		"webrtcbin name=w bundle-policy=" + o.bundle(),
		fmt.Sprintf(watchVideo, decode, filepath.Join(dir, picturesRaw)), fmt.Sprintf(watchAudio, filepath.Join(dir, soundRaw)),
	}, " ")
	p := start(t, wish{Address: at, Token: o.Token, Pipeline: pipeline, Media: []string{pictures, askOpus}})
	p.dir = dir
	return p
}

func (o Options) bundle() string {
	if o.Bundle == "" {
		return "max-bundle"
	}
	return o.Bundle
}

func start(t testing.TB, w wish) *Peer {
	t.Helper()
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	p := &Peer{}
	p.Process = mediatest.Start(t, mediatest.Command{Name: "webrtcbin", Path: "/usr/bin/python3", Args: []string{"-c", script, string(text)}, Stdout: &p.out})
	return p
}

// Pictures gives where a viewer leaves the gray pictures that it decodes, for [mediatest.GrayNumbers], and Sound where the 16-bit samples of
// 48 kHz.
func (p *Peer) Pictures() string { return filepath.Join(p.dir, picturesRaw) }

// Sound gives where a viewer leaves what it hears: samples of 16 bits, 48,000 in a second.
func (p *Peer) Sound() string { return filepath.Join(p.dir, soundRaw) }

// Report waits for the end, and gives what became of the peer.
func (p *Peer) Report(t testing.TB, patience time.Duration) *Report {
	t.Helper()
	code := p.Wait(t, patience)
	var r Report
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil || code != 0 {
		t.Fatalf("webrtcbin: exit %d, %v: %s%s", code, err, p.out.String(), p.Log())
	}
	return &r
}
