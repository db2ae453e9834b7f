package whip

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Pion's stages say nothing by themselves when feedback cannot be sent, as at the end of each connection.
func TestStagesAreSilent(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	before := os.Stderr
	os.Stderr = write
	failed, err := fail()
	os.Stderr = before
	_ = write.Close()
	if err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(read); err != nil || len(said) > 0 {
		t.Errorf("%v: %s", err, said)
	}
	if failed < 2 {
		t.Errorf("%d writes failed", failed)
	}
}

// fail lets the stages send feedback of a packet to somebody who is gone, twice, and tells how often they could not.
func fail() (failed int, err error) {
	registry, err := stages()
	if err != nil {
		return failed, err
	}
	all, err := registry.Build("")
	if err != nil {
		return failed, err
	}
	tried := make(chan struct{}, 64)
	all.BindRTCPWriter(interceptor.RTCPWriterFunc(func([]rtcp.Packet, interceptor.Attributes) (int, error) {
		tried <- struct{}{}
		return 0, io.ErrClosedPipe
	}))
	header := rtp.Header{Version: 2, SSRC: 7}
	if err := header.SetExtension(1, []byte{0, 1}); err != nil {
		return failed, err
	}
	packet, err := (&rtp.Packet{Header: header, Payload: []byte{1}}).Marshal()
	if err != nil {
		return failed, err
	}
	reader := all.BindRemoteStream(
		&interceptor.StreamInfo{SSRC: 7, ClockRate: 90000, RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: transportWide, ID: 1}}},
		interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
			return copy(b, packet), a, nil
		}))
	late := time.After(10 * time.Second)
	for range 2 {
		if _, _, err := reader.Read(make([]byte, largest), interceptor.Attributes{}); err != nil {
			return failed, err
		}
		select {
		case <-tried:
			failed++
		case <-late:
		}
	}
	return failed, all.Close()
}
