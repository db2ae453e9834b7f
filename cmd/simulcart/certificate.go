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

// reload reads the files anew; on an error the old certificate stays.
func (c *certificate) reload(cert, key string) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("read certificate %s: %w", cert, err)
	}
	c.current.Store(&pair)
	return nil
}

// config gives the settings of a listener that shows the certificate, whatever protocol is on top.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// get is tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}
