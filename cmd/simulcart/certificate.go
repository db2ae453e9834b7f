package main

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// certificate is the server's certificate, exchanged while connections run: those that stand keep the old one.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
}

// readCertificate reads a certificate with its key.
func readCertificate(cert, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", cert, err)
	}
	return &pair, nil
}

// config gives the settings of a listener that shows the certificate, whatever protocol is on top.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}
