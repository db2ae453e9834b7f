// Package rtc is the plumbing of WebRTC for both sides, WHIP and WHEP: one UDP port and one TCP port for all peers, the reading of
// offers, the making of answers, and the dialogue over HTTP. It knows nothing of streams.
//
// How a peer comes to be connected:
//
//  1. a [Handler] reads its offer (see [ParseOffer]) and asks its owner, who chooses a codec for each medium and calls
//     [Endpoint.NewPeer];
//  2. [Peer.Answer] gives the answer, with the addresses of the endpoint as the only candidates;
//  3. the peer checks these addresses. We are ICE-lite (RFC 8445 §2.5): we answer checks and send none, so that nobody can make us
//     send packets to addresses of his choice. What the peer tells of its own addresses is not even kept;
//  4. it begins DTLS, for which there is a bound, in time and in number (the oldest has to go), and media flow.
package rtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// The limits of peers.
const (
	handshakesAtOnce = 64              // of DTLS; up to 2 MB each
	handshakeTime    = 5 * time.Second // of one
	lostAfter        = 5 * time.Second // without a packet of the peer it counts as disconnected
	goneAfter        = 5 * time.Second // so much later it is gone
	firstPacket      = 5 * time.Second // for what TCP connections say first
	datagrams        = 32              // of a TCP connection that wait to be read
	certificateLife  = 7 * 24 * time.Hour
	replayWindow     = 2048     // packets, so that those that are sent again within 0.5 s are not taken for replayed ones (RFC 3711 §3.3.2)
	largestMessage   = 16 << 10 // bytes of a message on a data channel that peers may send
)

// errClosed is the end of an endpoint.
var errClosed = errors.New("the WebRTC endpoint is closed")

// Endpoint is where peers reach this machine. Set the fields before use; it owns the ports.
type Endpoint struct {
	UDP    net.PacketConn // nil: not by UDP
	TCP    net.Listener   // nil: not by TCP
	Public []netip.Addr   // under which peers reach the ports; none: the machine's own
	Log    *slog.Logger   // nil: nobody is told

	once sync.Once
	port *port // nil: packets go one by one
	udp  ice.UDPMux
	tcp  ice.TCPMux

	handshakes handshakes

	mu          sync.Mutex
	closed      bool
	certificate *webrtc.Certificate
	renew       time.Time
}

// Run keeps the ports open until ctx ends.
func (e *Endpoint) Run(ctx context.Context) error {
	e.open()
	<-ctx.Done()
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	if e.udp != nil {
		_ = e.udp.Close()
		_ = e.UDP.Close()
	}
	if e.tcp != nil {
		_ = e.tcp.Close()
	}
	return nil
}

// Refused counts the peers whose DTLS handshake was ended early, since too many others came behind it.
func (e *Endpoint) Refused() uint64 {
	_, ended := e.handshakes.count()
	return ended
}

// Silence is the log of pion's parts, which else write to the standard error by themselves: what peers do wrong is counted elsewhere.
func Silence() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
}

// open shares the ports among the peers to come.
func (e *Endpoint) open() {
	e.once.Do(func() {
		silent := Silence()
		if e.UDP != nil {
			e.udp = udpMux{
				UDPMux: ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: e.share(), Logger: silent.NewLogger("ice")}),
				local:  locals(e.UDP.LocalAddr()),
			}
		}
		if e.TCP != nil {
			e.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
				Listener: newBounded(e.TCP, mostConnections), Logger: silent.NewLogger("ice"), ReadBufferSize: datagrams, // writes wait: a reader of a stream that lags skips
				FirstStunBindTimeout: firstPacket, AliveDurationForConnFromStun: firstPacket,
			})
		}
	})
}

// share gives the UDP port as pion uses it.
func (e *Endpoint) share() net.PacketConn {
	conn, is := e.UDP.(*net.UDPConn)
	if !is {
		return e.UDP
	}
	widen(conn)
	log := e.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e.port = newPort(conn, log)
	return e.port
}

// socketBuffer is what the system is asked to keep of datagrams each way, as far as it allows that: those of all peers come in bursts through one
// socket.
const socketBuffer = 4 << 20

func widen(port *net.UDPConn) {
	_ = port.SetReadBuffer(socketBuffer) // less is no fault
	_ = port.SetWriteBuffer(socketBuffer)
}

// udpMux gives pion one address of each family, so that it asks no network interfaces for each peer. What peers are told stands in
// [Endpoint.candidates].
type udpMux struct {
	ice.UDPMux
	local []net.Addr
}

// GetListenAddresses is asked by pion.
func (m udpMux) GetListenAddresses() []net.Addr { return m.local }

// locals gives the addresses by which a port is known inside.
func locals(bound net.Addr) []net.Addr {
	at, ok := bound.(*net.UDPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return []net.Addr{bound}
	}
	all := []net.Addr{&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1).To4(), Port: at.Port}}
	if at.IP.To4() == nil {
		all = append(all, &net.UDPAddr{IP: net.IPv6loopback, Port: at.Port})
	}
	return all
}

// connection makes a connection of pion's for a peer.
func (e *Endpoint) connection(media *webrtc.MediaEngine, stages *interceptor.Registry) (*webrtc.PeerConnection, error) {
	e.open()
	certificate, err := e.identity()
	if err != nil {
		return nil, err
	}
	var s webrtc.SettingEngine
	s.LoggerFactory = Silence()
	s.SetLite(true)
	var networks []webrtc.NetworkType
	if e.udp != nil {
		s.SetICEUDPMux(e.udp)
		networks = append(networks, webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6)
	}
	if e.tcp != nil {
		s.SetICETCPMux(e.tcp)
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	s.SetIncludeLoopbackCandidate(true)
	s.DisableActiveTCP(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(lostAfter, goneAfter, 0)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	s.SetDTLSConnectContextMaker(e.handshakes.begin)
	s.SetSRTPReplayProtectionWindow(replayWindow)
	s.SetFireOnTrackBeforeFirstRTP(true) // else pion forgets a track whose first packet it cannot read
	s.SetSCTPMaxMessageSize(largestMessage)
	s.SetSCTPMaxReceiveBufferSize(4 * largestMessage)
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return nil, err
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(stages), webrtc.WithSettingEngine(s))
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{*certificate}})
	if err != nil {
		return nil, fmt.Errorf("make a peer connection: %w", err)
	}
	return pc, nil
}

// identity gives the certificate that all peers are shown, for a while.
func (e *Endpoint) identity() (*webrtc.Certificate, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	switch {
	case e.closed:
		return nil, errClosed
	case e.certificate != nil && now.Before(e.renew):
		return e.certificate, nil
	}
	made, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("make a DTLS certificate: %w", err)
	}
	e.certificate, e.renew = made, now.Add(certificateLife)
	return made, nil
}

// candidates gives what peers are told of where we are, as values of a=candidate (RFC 8839 §5.1, RFC 6544 §4.5).
func (e *Endpoint) candidates() []string {
	const (
		host    = 126 << 24 // type preference, RFC 8445 §5.1.2.2
		overTCP = 90 << 24  // below: UDP is the better one
		passive = 4 << 13 << 8
	)
	var all []string
	add := func(bound net.Addr, format string, preference int) {
		at, err := netip.ParseAddrPort(bound.String())
		if err != nil {
			return
		}
		for _, a := range e.addresses(at.Addr()) {
			n := len(all)
			all = append(all, fmt.Sprintf(format, n+1, preference-n<<8+255, a, at.Port()))
		}
	}
	if e.UDP != nil {
		add(e.UDP.LocalAddr(), "%d 1 udp %d %s %d typ host", host+65535<<8)
	}
	if e.TCP != nil {
		add(e.TCP.Addr(), "%d 1 tcp %d %s %d typ host tcptype passive", overTCP+passive)
	}
	return all
}

// addresses gives those under which a port at bound is reached.
func (e *Endpoint) addresses(bound netip.Addr) []netip.Addr {
	bound = bound.Unmap()
	switch {
	case len(e.Public) > 0:
		return e.Public
	case !bound.IsUnspecified():
		return []netip.Addr{bound.WithZone("")}
	}
	found, err := net.InterfaceAddrs()
	if err != nil {
		found = nil
	}
	var all, inner []netip.Addr
	for _, a := range found {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		switch ip := prefix.Addr().Unmap(); {
		case bound.Is4() && !ip.Is4():
		case ip.IsLoopback():
			inner = append(inner, ip)
		case ip.IsGlobalUnicast():
			all = append(all, ip)
		}
	}
	if len(all) == 0 {
		all = inner
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() }) // IPv4 first
	return all
}
