package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// The most that is read of other files, in bytes.
const (
	maxKeyFile     = 4 << 10
	maxCertificate = 1 << 20
)

// pathHint is what one forgets about paths. The path itself is not shown: a key may stand there by mistake.
const pathHint = "relative paths start at the config file's folder"

// path reads a path and resolves it. Empty text leaves dst as it is.
func (r *reader) path(dst *string) func(value) {
	return func(v value) {
		s, ok := r.scalar(v, "a path")
		if ok && s.text != "" {
			*dst = r.resolve(s.text)
		}
	}
}

func (r *reader) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.dir, path)
}

// keyFile reads the file that a key stands in, without the newlines at its end. Variables in it are not replaced.
func (r *reader) keyFile(dst *Secret, check func(string) (msg, hint string)) func(value) {
	return func(v value) {
		var path string
		r.path(&path)(v)
		if r.faulty(v.path) {
			return
		}
		data, ok := r.content(v.place(), v.path, path, maxKeyFile)
		if !ok {
			return
		}
		key := strings.TrimRight(string(data), "\r\n")
		if msg, hint := check(key); msg != "" {
			r.fault(v.place(), v.path, msg, hint)
			return
		}
		r.private(v.place(), v.path, path)
		*dst = NewSecret(key)
	}
}

// authorities reads the path of certificates to trust.
func (r *reader) authorities(dst *string) func(value) {
	return func(v value) {
		r.path(dst)(v)
		if r.faulty(v.path) {
			return
		}
		data, ok := r.content(v.place(), v.path, *dst, maxCertificate)
		if ok && !x509.NewCertPool().AppendCertsFromPEM(data) {
			r.fault(v.place(), v.path, "the file holds no PEM certificate", "")
		}
	}
}

// pair checks the certificate and the key that a listener needs.
func (r *reader) pair(section string, l TLSListener) {
	if l.Listen == "" || r.faulty(section+".cert") || r.faulty(section+".key") {
		return
	}
	if l.Cert == "" || l.Key == "" {
		r.fault(r.at[section], section, "cert and key are both needed", "name two PEM files, or write listen: off")
		return
	}
	cert, ok := r.content(r.at[section+".cert"], section+".cert", l.Cert, maxCertificate)
	key, ok2 := r.content(r.at[section+".key"], section+".key", l.Key, maxCertificate)
	if !ok || !ok2 {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		r.fault(r.at[section+".cert"], section+".cert", "cert and key do not work together: "+err.Error(), "name the certificate and its own key, both as PEM")
		return
	}
	r.private(r.at[section+".key"], section+".key", l.Key)
}

// content reads a regular file of at most limit bytes.
func (r *reader) content(p place, key, path string, limit int64) ([]byte, bool) {
	if path == "" {
		r.fault(p, key, "expected a path, saw nothing", "")
		return nil, false
	}
	r.files[path] = true
	data, err := readRegular(path, limit)
	switch {
	case err == nil:
		return data, true
	case errors.Is(err, fs.ErrNotExist):
		r.fault(p, key, "the file does not exist", pathHint)
	case errors.Is(err, fs.ErrPermission):
		r.fault(p, key, "the file may not be read by the user that simulcart runs as", "change its owner or mode")
	case errors.Is(err, errTooLarge):
		r.fault(p, key, "the file is too large for what it should hold", pathHint)
	default:
		r.fault(p, key, "the file cannot be read as a regular file", pathHint)
	}
	return nil, false
}

var (
	errTooLarge   = errors.New("too large")
	errNotRegular = errors.New("not a regular file")
)

// readRegular looks before it opens, since opening a pipe would wait.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLarge
	}
	return data, err
}

// private warns of a file with a key that every user of the machine can read. Windows has no such mode.
func (r *reader) private(p place, key, path string) {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o004 != 0 && runtime.GOOS != "windows" {
		r.warn(p, key, "every user of this machine can read the file", "chmod 600 it")
	}
}

// fileNames gives the files that were looked at.
func (r *reader) fileNames() []string { return slices.Sorted(maps.Keys(r.files)) }
