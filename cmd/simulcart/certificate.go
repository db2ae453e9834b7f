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

// loadCertificate reads a certificate chain and its key, both PEM.
func loadCertificate(cert, key string) (*certificate, error) {
	c := &certificate{}
	return c, c.reload(cert, key)
}

// reload reads the files anew; on an error the old certificate stays.
func (c *certificate) reload(cert, key string) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("read rtmps certificate: %w", err)
	}
	c.current.Store(&pair)
	return nil
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}
