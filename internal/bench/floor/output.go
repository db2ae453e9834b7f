//go:build linux

package floor

import (
	"crypto/tls"
	"net"
)

// An output writes batches to one connection.
type output interface {
	write(b batch) error
	close()
}

// plain writes each batch in one writev.
type plain struct {
	conn   net.Conn
	vector net.Buffers
}

func (p *plain) write(b batch) error {
	p.vector = append(p.vector[:0], b.messages...)
	v := p.vector // which WriteTo consumes
	_, err := v.WriteTo(p.conn)
	return err
}

func (p *plain) close() { _ = p.conn.Close() }

// sealed writes each batch as records of full size, in one write.
type sealed struct {
	conn     *tls.Conn
	gatherer *gatherer
}

func (s *sealed) write(b batch) error {
	s.gatherer.hold = true
	if _, err := s.conn.Write(b.whole); err != nil {
		return err
	}
	return s.gatherer.flush()
}

func (s *sealed) close() { _ = s.gatherer.Close() }

// A gatherer keeps what is written until it is told to send it.
type gatherer struct {
	net.Conn

	hold bool
	kept []byte
}

// Write keeps b, or writes it.
func (g *gatherer) Write(b []byte) (int, error) {
	if !g.hold {
		return g.Conn.Write(b)
	}
	g.kept = append(g.kept, b...)
	return len(b), nil
}

func (g *gatherer) flush() error {
	_, err := g.Conn.Write(g.kept)
	g.kept, g.hold = g.kept[:0], false
	return err
}
