//go:build linux

package floor

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/simulcart/simulcart/internal/bench/peer"
)

// RTSP reads one RTMP publisher and has readers over RTSP, with the packets in their connections: each frame is cut into packets once,
// and written to each reader in one piece.
type RTSP struct {
	packer packer
	fan    fan
}

// Run serves publisher and readers until ctx ends.
func (f *RTSP) Run(ctx context.Context, publishers, readers net.Listener) error {
	f.packer.payload = segmentSize - peer.RTPHeader
	defer f.fan.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	var serving sync.WaitGroup
	serving.Go(func() {
		defer cancel()
		failed = accept(ctx, readers, f.reader)
	})
	err := accept(ctx, publishers, func(nc net.Conn) { f.packer.pass(nc, &f.fan) })
	cancel()
	serving.Wait()
	return errors.Join(err, failed)
}

// reader brings one reader as far as PLAY.
func (f *RTSP) reader(nc net.Conn) {
	if err := peer.ServeRTSP(nc); err != nil {
		_ = nc.Close()
		return
	}
	f.fan.add(&plain{conn: nc})
}

// segmentSize is what Ethernet's 1,500 bytes leave for a packet: less the headers of IP and TCP, and the channel.
const segmentSize = 1452
