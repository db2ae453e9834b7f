package outputs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/simulcart/simulcart/wire/gather"
	"github.com/simulcart/simulcart/wire/socket"
)

// Dead peers are found by the kernel (DESIGN.md, Destinations): keepalive while nothing is under way, unacknowledged bytes
// while something is.
const (
	dialTimeout   = 5 * time.Second
	tlsTimeout    = 5 * time.Second
	keepAliveIdle = 5 * time.Second
	keepAliveStep = 1800 * time.Millisecond
	keepAliveSent = 3
)

// Dialer connects to destinations. It resolves the name for each attempt, and decides on the real address whether we may
// connect there. The zero value refuses private addresses.
type Dialer struct {
	AllowPrivate bool          // allows private, loopback, link-local and reserved addresses
	Resolver     *net.Resolver // nil means the system's
	Timeout      time.Duration // for TCP; 0 means 5 s
}

// Dial connects to host:port and, where secure is set, speaks TLS. Errors are a [*Failure]. The server name of TLS is the
// host unless secure names another.
func (d *Dialer) Dial(ctx context.Context, address string, secure *tls.Config) (*Socket, error) {
	dialer := net.Dialer{
		Timeout: d.Timeout, Resolver: d.Resolver, ControlContext: d.control,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveStep, Count: keepAliveSent},
	}
	if dialer.Timeout == 0 {
		dialer.Timeout = dialTimeout
	}
	plain, err := socket.Dial(ctx, &dialer, address)
	if err != nil {
		return nil, classifyDial(err)
	}
	if secure == nil {
		return &Socket{plain, plain}, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		_ = plain.Close()
		return nil, Fail(TCP, err)
	}
	config := secure.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	conn := gather.Client(plain, config)
	ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, &Failure{Cause: TLS, Hint: tlsHint(err), Err: fmt.Errorf("TLS handshake with %s: %w", config.ServerName, err)}
	}
	return &Socket{conn, plain}, nil
}

// control runs for each socket before it connects, with the address that it will connect to.
func (d *Dialer) control(_ context.Context, _, address string, c syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return Fail(PolicyDenied, fmt.Errorf("parse address %q: %w", address, err))
	}
	if !d.AllowPrivate && !isPublic(ap.Addr()) {
		return Permanent(&Failure{
			Cause: PolicyDenied, Err: fmt.Errorf("%s is not a public address", ap.Addr()),
			Hint: "set allow_private_destinations: true if this is meant",
		})
	}
	var tuning error
	if err := c.Control(func(fd uintptr) { tuning = tune(int(fd)) }); err != nil {
		return err
	}
	return tuning
}

// classifyDial finds the cause of a failed dial.
func classifyDial(err error) error {
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return &Failure{Cause: DNS, Err: err, Hint: "check the host name in the URL"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Failure{Cause: TCP, Err: err, Hint: "nothing listens on that port: check the port in the URL"}
	}
	return Fail(TCP, err)
}

// tlsHint says what to do about the usual failures of TLS.
func tlsHint(err error) string {
	var unknown *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "set tls.ca to the file of the authority that signed the server's certificate, or correct the host name"
	case errors.As(err, &plain), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "the server seems not to speak TLS on this port: use rtmp:// or another port"
	}
	return ""
}

// reserved are the networks of IPv4, and of what is in use of IPv6, that are not public, beside those that netip knows by name
// (RFC 6890 and its registries).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("3fff::/20"),
}

var (
	inUse     = netip.MustParsePrefix("2000::/3")     // RFC 4291 §2.4: all of IPv6 that is given out
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: an IPv4 address in the last 4 bytes
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056: an IPv4 address behind the prefix
)

// isPublic says whether an address is one of the open internet. Addresses that carry an IPv4 address are judged by that.
func isPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return isPublic(netip.AddrFrom4([4]byte(b[12:])))
	case sixToFour.Contains(a):
		return isPublic(netip.AddrFrom4([4]byte(b[2:6])))
	case !a.IsGlobalUnicast(), a.IsPrivate(), a.Is6() && !inUse.Contains(a):
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// Socket is a connection to a destination.
type Socket struct {
	net.Conn // TCP or TLS
	Waiter   // TCP
}
