//go:build linux

package mediatest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

// Where Debian puts the modules.
const (
	nginxRTMP   = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
	nginxStream = "/usr/lib/nginx/modules/ngx_stream_module.so"
)

// startPatience is how long a server may take until it listens.
const startPatience = 10 * time.Second

// NginxRTMP is an nginx with the RTMP module on loopback, a platform's ingest for our purposes: it records each
// publish to an FLV file of its own.
type NginxRTMP struct {
	*Process
	Addr    string // RTMP, plain
	TLSAddr string // RTMP behind TLS (nginx stream); its name is localhost
	CA      *Authority

	dir  string
	http string
}

// Nginx starts an nginx-rtmp, also behind TLS. Publish to rtmp://ADDR/live/KEY; the application "locked" refuses every key but "good".
func Nginx(t testing.TB) *NginxRTMP {
	t.Helper()
	return startNginx(t, nginxRecords)
}

// NginxPush starts an nginx-rtmp that records nothing and pushes each publish to the URLs.
func NginxPush(t testing.TB, urls ...string) *NginxRTMP {
	t.Helper()
	var push strings.Builder
	for _, u := range urls {
		fmt.Fprintf(&push, "\t\t\tpush %s;\n", u)
	}
	return startNginx(t, push.String())
}

// startNginx starts an nginx-rtmp with these lines in the application "live".
func startNginx(t testing.TB, live string) *NginxRTMP {
	t.Helper()
	Need(t, "nginx", nginxRTMP, nginxStream)
	addrs := FreeAddrs(t, 3)
	n := &NginxRTMP{Addr: addrs[0], TLSAddr: addrs[1], http: addrs[2], dir: t.TempDir(), CA: NewAuthority(t)}
	for _, d := range []string{"rec", "tmp"} {
		if err := os.Mkdir(filepath.Join(n.dir, d), 0o777); err != nil {
			t.Fatalf("folder for nginx: %v", err)
		}
	}
	n.CA.Issue(t, filepath.Join(n.dir, "cert.pem"), filepath.Join(n.dir, "key.pem"))
	conf := filepath.Join(n.dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(n.config(live)), 0o600); err != nil {
		t.Fatalf("write nginx.conf: %v", err)
	}
	n.Process = Start(t, Command{Path: "nginx", Args: []string{"-p", n.dir, "-e", "stderr", "-c", conf}})
	Listening(t, n.Addr, n.TLSAddr, n.http)
	return n
}

// config writes the servers: RTMP, TLS in front of it, and HTTP for the hooks.
func (n *NginxRTMP) config(live string) string {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // else the worker could not write the recordings
	}
	whole := strings.Replace(nginxTemplate, "LIVE", live, 1)
	return strings.NewReplacer(
		"RTMP_MODULE", nginxRTMP, "STREAM_MODULE", nginxStream, "USER", user,
		"RTMP_ADDR", n.Addr, "TLS_ADDR", n.TLSAddr, "HTTP_ADDR", n.http, "DIR", n.dir,
	).Replace(whole)
}

// nginxRecords records each publish and notes its begin and its end.
const nginxRecords = `
			record all;
			record_path DIR/rec;
			record_unique on;
			record_suffix .flv;
			on_publish http://HTTP_ADDR/hook;
			on_publish_done http://HTTP_ADDR/hook;
`

const nginxTemplate = `load_module RTMP_MODULE;
load_module STREAM_MODULE;
USER
daemon off;
master_process off;
worker_processes 1;
pid DIR/nginx.pid;
error_log stderr info;
events { worker_connections 512; }
rtmp {
	access_log off;
	server {
		listen RTMP_ADDR;
		chunk_size 4096;
		notify_method get;
		application live {
			live on;
			LIVE
		}
		application locked {
			live on;
			on_publish http://HTTP_ADDR/check;
		}
	}
}
stream {
	server {
		listen TLS_ADDR ssl;
		ssl_certificate DIR/cert.pem;
		ssl_certificate_key DIR/key.pem;
		proxy_pass RTMP_ADDR;
	}
}
http {
	access_log off;
	client_body_temp_path DIR/tmp; proxy_temp_path DIR/tmp; fastcgi_temp_path DIR/tmp;
	uwsgi_temp_path DIR/tmp; scgi_temp_path DIR/tmp;
	log_format hook '$arg_call $arg_name';
	server {
		listen HTTP_ADDR;
		location = /hook { access_log DIR/hooks.log hook; return 200; }
		location = /check { if ($arg_name != good) { return 403; } return 200; }
	}
}
`

// Listening waits until somebody listens on each of the addresses.
func Listening(t testing.TB, addrs ...string) {
	t.Helper()
	for _, addr := range addrs {
		Within(t, startPatience, "a server on "+addr, func() bool {
			c, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	}
}

// URL gives the publish URL of a key at the plain port.
func (n *NginxRTMP) URL(key string) string { return "rtmp://" + n.Addr + "/live/" + key }

// Recordings gives the files recorded for a key, oldest first. A file is complete once its publish is over.
func (n *NginxRTMP) Recordings(t testing.TB, key string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, "rec", key+"-*.flv"))
	if err != nil {
		t.Fatalf("recordings of %s: %v", key, err)
	}
	sort.Strings(files)
	return files
}

// Recording gives the one recording of a key, after its publish is over; more or fewer end the test, since that means
// that the destination was disconnected.
func (n *NginxRTMP) Recording(t testing.TB, key string) string {
	t.Helper()
	Within(t, startPatience, "the end of publishing "+key, func() bool { return n.Ended(t, key) > 0 && n.Ended(t, key) == n.Published(t, key) })
	files := n.Recordings(t, key)
	if len(files) != 1 {
		t.Fatalf("recordings of %s: got %d, want 1: %v", key, len(files), files)
	}
	return files[0]
}

// Published counts the publishes of a key that nginx accepted so far.
func (n *NginxRTMP) Published(t testing.TB, key string) int { return n.hooks(t, "publish "+key) }

// Ended counts the publishes of a key that are over.
func (n *NginxRTMP) Ended(t testing.TB, key string) int { return n.hooks(t, "publish_done "+key) }

func (n *NginxRTMP) hooks(t testing.TB, line string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, "hooks.log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatalf("read nginx hooks: %v", err)
	}
	count := 0
	for l := range strings.Lines(string(b)) {
		if strings.TrimSpace(l) == line {
			count++
		}
	}
	return count
}
