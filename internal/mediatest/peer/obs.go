package peer

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/h264"
	"github.com/simulcart/simulcart/wire/nal"
	"github.com/simulcart/simulcart/wire/rtp"
)

// What OBS Studio's WHIP output sets (plugins/obs-webrtc/whip-output.cpp).
const (
	obsFragment    = 1200 // bytes of a payload
	obsAudioType   = 111
	obsVideoType   = 96
	obsReportEach  = time.Second
	obsH264        = "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"
	obsOpus        = "minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1"
	obsMidURI      = "urn:ietf:params:rtp-hdrext:sdes:mid"
	obsRidURI      = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	obsMid, obsRid = 1, 2 // ids of these
	obsUserAgent   = "Mozilla/5.0 (OBS-Studio/31.0.0; Linux x86_64; en-US)"
)

// OBS publishes H.264 and Opus as OBS Studio from version 30 on does over WHIP, by what its source and that of libdatachannel show:
//
//   - the offer has the sound first, one codec for each medium, and no candidates; none are sent later;
//   - nothing is sent before the connection is there, so that the first key frame is lost;
//   - each NAL unit is a packet of its own, or fragments of one size; parameter sets are in front of each key frame;
//   - what is lost is sent again on the same stream; nobody listens to requests for key frames;
//   - a sender report comes with the first packet of a track, and then with one each second, with the time at which that was sent;
//   - at the end the connection is closed, and then DELETE is sent.
type OBS struct {
	*Client

	audio, video obsLane
}

// obsLane is one track.
type obsLane struct {
	local     *webrtc.TrackLocalStaticRTP
	ssrc      uint32
	rate      int
	sequence  uint16
	timestamp uint32
	last      media.Time // of the frame before, sent or not
	packets   uint32
	reported  time.Time
	reports   bool
}

// PublishOBS begins to publish at an address, by a stream key. Without reports it sends no sender reports.
func PublishOBS(t testing.TB, at, key string, reports bool) *OBS {
	t.Helper()
	b := &OBS{Client: newClient(t, Options{Token: key, NoRepair: true, NoReports: true, Codecs: []string{webrtc.MimeTypeH264}})}
	b.audio = b.lane(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, reports)
	b.video = b.lane(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: H264}, reports)
	a := b.Ask(http.MethodPost, at, "application/sdp", b.description(b.Offer()), "User-Agent", obsUserAgent)
	if a.Status != http.StatusCreated || !strings.HasPrefix(a.Body, "v=0") {
		t.Fatalf("POST %s: %d\n%s", at, a.Status, a.Body)
	}
	b.Answer = a.Body
	b.Location = obsLocation(t, at, a.Header.Get("Location"))
	if err := b.PC.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.Body}); err != nil {
		t.Fatalf("answer: %v\n%s", err, a.Body)
	}
	return b
}

// obsLocation makes the address of the session: a path takes the place of the endpoint's, and a query of that is dropped.
func obsLocation(t testing.TB, at, location string) string {
	t.Helper()
	if strings.HasPrefix(location, "http") {
		return location
	}
	u, err := url.Parse(at)
	if err != nil || location == "" {
		t.Fatalf("Location %q: %v", location, err)
	}
	u.Path, u.RawQuery = location, ""
	return u.String()
}

func (b *OBS) lane(c webrtc.RTPCodecCapability, reports bool) obsLane {
	b.t.Helper()
	l := obsLane{rate: int(c.ClockRate), sequence: uint16(rand.Uint32()), timestamp: rand.Uint32(), reports: reports}
	var err error
	if l.local, err = webrtc.NewTrackLocalStaticRTP(c, c.MimeType, "obs"); err != nil {
		b.t.Fatal(err)
	}
	transceiver, err := b.PC.AddTransceiverFromTrack(l.local, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		b.t.Fatal(err)
	}
	l.ssrc = uint32(transceiver.Sender().GetParameters().Encodings[0].SSRC)
	go func() { // pion sends again what is asked for as it is read; ends with the connection
		for {
			if _, _, err := transceiver.Sender().ReadRTCP(); err != nil {
				return
			}
		}
	}()
	return l
}

// description writes the offer as libdatachannel does, with the keys of pion's.
func (b *OBS) description(of string) string {
	var text strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&text, format+"\r\n", args...) }
	p("v=0\r\no=rtc 2890844526 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=group:LS 0 1\r\na=msid-semantic:WMS *\r\na=ice-options:ice2,trickle")
	p("a=fingerprint:%s", line(of, "a=fingerprint:"))
	medium := func(kind string, id int, l *obsLane) {
		p("m=%s 9 UDP/TLS/RTP/SAVPF %d\r\nc=IN IP4 0.0.0.0", kind, id)
		if kind == "audio" {
			p("a=mid:0")
		} else {
			p("a=mid:1\r\na=extmap:%d %s\r\na=extmap:%d %s", obsMid, obsMidURI, obsRid, obsRidURI)
		}
		p("a=sendonly\r\na=ssrc:%d cname:FbHQ3vYpWzK1uNaC\r\na=ssrc:%d msid:kJ8sD0fQbXe2LmRt kJ8sD0fQbXe2LmRt-%s", l.ssrc, l.ssrc, kind)
		p("a=msid:kJ8sD0fQbXe2LmRt kJ8sD0fQbXe2LmRt-%s\r\na=rtcp-mux", kind)
		if kind == "audio" {
			p("a=rtpmap:%d opus/48000/2\r\na=fmtp:%d %s", id, id, obsOpus)
		} else {
			p("a=rtpmap:%d H264/90000\r\na=rtcp-fb:%d nack\r\na=rtcp-fb:%d nack pli\r\na=rtcp-fb:%d ccm fir\r\na=rtcp-fb:%d goog-remb\r\na=fmtp:%d %s", id, id, id, id, id, id, obsH264)
		}
		p("a=setup:actpass\r\na=ice-ufrag:%s\r\na=ice-pwd:%s", line(of, "a=ice-ufrag:"), line(of, "a=ice-pwd:"))
	}
	medium("audio", obsAudioType, &b.audio)
	medium("video", obsVideoType, &b.video)
	return text.String()
}

// Open says whether the connection is there.
func (b *OBS) Open() bool { return b.PC.ConnectionState() == webrtc.PeerConnectionStateConnected }

// Write takes a frame of the encoder. It is lost where the connection is not there yet; the timestamps do not go on then.
func (b *OBS) Write(f *media.Frame) {
	b.t.Helper()
	l := &b.audio
	if f.Track.Codec.IsVideo() {
		l = &b.video
	}
	elapsed := (f.DTS - l.last).Duration().Truncate(time.Microsecond)
	l.last = f.DTS
	if !b.Open() {
		return
	}
	l.timestamp += uint32((int64(elapsed)*int64(l.rate) + int64(time.Second)/2) / int64(time.Second))
	payloads := [][]byte{f.Data}
	if f.Track.Codec.IsVideo() {
		payloads = b.fragments(f)
	}
	for i, payload := range payloads {
		packet := &pion.Packet{Header: pion.Header{Version: 2, Marker: i == len(payloads)-1, SequenceNumber: l.sequence, Timestamp: l.timestamp}, Payload: payload}
		if f.Track.Codec.IsVideo() {
			_ = packet.SetExtension(obsMid, []byte("1")) // one byte fits
			_ = packet.SetExtension(obsRid, []byte("0"))
		}
		l.sequence++
		l.packets++
		if err := l.local.WriteRTP(packet); err != nil {
			b.t.Fatalf("send a packet: %v", err)
		}
	}
	b.report(l)
}

// report sends a sender report where one is due.
func (b *OBS) report(l *obsLane) {
	now := time.Now()
	if !l.reports || now.Sub(l.reported) < obsReportEach {
		return
	}
	l.reported = now
	if err := b.PC.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: l.ssrc, NTPTime: rtp.NTP(now), RTPTime: l.timestamp, PacketCount: l.packets}}); err != nil {
		b.t.Error(err)
	}
}

// fragments gives the payloads of a picture, with parameter sets in front of key frames.
func (b *OBS) fragments(f *media.Frame) (payloads [][]byte) {
	b.t.Helper()
	var units [][]byte
	if f.Key {
		c, err := h264.ParseConfig(f.Track.Config)
		if err != nil {
			b.t.Fatal(err)
		}
		units = append(append(units, c.SPS...), c.PPS...)
	}
	for unit, err := range nal.Units(f.Data) {
		if err != nil {
			b.t.Fatal(err)
		}
		units = append(units, unit)
	}
	for _, u := range units {
		if len(u) <= obsFragment {
			payloads = append(payloads, u)
			continue
		}
		// FU-A (RFC 6184 §5.8), in parts of one size.
		count := (len(u) + obsFragment - 1) / obsFragment
		size := (len(u)+count-1)/count - 2
		const start, end, fuA = 0x80, 0x40, 28
		for at := 1; at < len(u); at += size {
			head := []byte{u[0]&0xe0 | fuA, u[0] & 0x1f}
			if at == 1 {
				head[1] |= start
			}
			if at+size >= len(u) {
				head[1] |= end
			}
			payloads = append(payloads, append(head, u[at:min(len(u), at+size)]...))
		}
	}
	return payloads
}

// Stop ends the session: the connection first.
func (b *OBS) Stop() {
	b.t.Helper()
	b.Close()
	if a := b.Ask(http.MethodDelete, b.Location, "", "", "User-Agent", obsUserAgent); a.Status != http.StatusOK {
		b.t.Errorf("DELETE: %d\n%s", a.Status, a.Body)
	}
}
