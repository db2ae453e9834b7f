//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/simulcart/simulcart/internal/bench/floor"
	"github.com/simulcart/simulcart/internal/bench/peer"
	"github.com/simulcart/simulcart/internal/bench/report"
)

// way is how outputs get a stream.
type way uint8

// The ways. Pushes end at a sink of the load; all others are pulled.
const (
	push way = iota
	pushTLS
	playRTMP
	playRTSP
	playHLS
	playParts // HLS with low latency
	playWHEP
	playSRTP         // as WHEP sends, without the rest of it
	playSRTPSegments // the same, datagrams cut by the kernel
)

// pulled says whether outputs ask for the stream.
func (w way) pulled() bool { return w > pushTLS }

// maker is whose server a candidate is.
type maker uint8

// The makers.
const (
	ours maker = iota
	nginxRTMP
	floors
)

// A candidate is a server that is measured.
type candidate struct {
	name  string
	maker maker
	way   way

	// command writes what the server needs, and gives the command line that starts it.
	command func(site) ([]string, error)
}

// A site is where one run takes place.
type site struct {
	tools

	shape report.Shape
	dir   string // for files of this run
	way   way
	addr  string // where the server listens for RTMP
	pull  string // and for readers of other protocols
	media string // and for their packets, where those go by themselves
	debug string // where simulcart shows its profile; empty: nowhere
	sink  string // where pushes go
	ca    string // file of the certificate that the sink has; empty: it is not behind TLS
}

// tools are the programs that a run may need.
type tools struct {
	simulcart string
	self      string          // this program
	c         *floor.Compiled // nil: there is no compiler
}

// name and key are those of a stream.
func name(stream int) string { return fmt.Sprintf("s%d", stream) }
func key(stream int) string  { return fmt.Sprintf("bench-0123456789-0123456789-%d", stream) }

// Players of simulcart ask for the stream's name, those of nginx for the key.
func (c candidate) stream(i int) string {
	if c.maker == nginxRTMP {
		return key(i)
	}
	return name(i)
}

// page is where a stream is over HLS.
func (c candidate) page(s site, stream int) string {
	switch c.maker {
	case nginxRTMP:
		return fmt.Sprintf("http://%s/%s.m3u8", s.pull, key(stream))
	case ours:
		return fmt.Sprintf("http://%s/hls/%s/%s", s.pull, name(stream), floor.Index)
	}
	return fmt.Sprintf("http://%s/%s", s.pull, floor.Index)
}

// partTime is that of low latency.
const partTime = 200 * time.Millisecond

// wide is what a bench of 1,000 outputs needs of a server's bounds.
const wide = 4096

// write writes a file of the run, and gives its name.
func (s site) write(name, content string) (string, error) {
	file := filepath.Join(s.dir, name)
	return file, os.WriteFile(file, []byte(content), 0o600)
}

// simulcartPush pushes to each destination, collecting for a time.
func simulcartPush(name string, collect time.Duration) candidate {
	return candidate{name: name, command: func(s site) ([]string, error) {
		var b strings.Builder
		for i := range s.shape.Outputs {
			scheme, secure := "rtmp", ""
			if s.ca != "" {
				scheme, secure = "rtmps", fmt.Sprintf(", tls: {ca: %q}", s.ca)
			}
			fmt.Fprintf(&b, "      d%d: {url: \"%s://%s/%s\", key: d%d, coalesce: %v%s}\n", i, scheme, s.sink, peer.App, i, collect, secure)
		}
		return s.serve(b.String())
	}}
}

// simulcartPlay serves players.
func simulcartPlay(name string) candidate {
	return candidate{name: name, way: playRTMP, command: func(s site) ([]string, error) { return s.serve("") }}
}

// by is a candidate whose outputs get the stream in another way.
func by(w way, c candidate) candidate {
	c.way = w
	return c
}

// based is the same candidate with another program of ours, such as the one before a change.
func (c candidate) based(program string) candidate {
	command := c.command
	c.name = "base " + c.name
	c.command = func(s site) ([]string, error) {
		s.simulcart = program
		return command(s)
	}
	return c
}

// serve runs simulcart, each stream with the same destinations.
func (s site) serve(destinations string) ([]string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "rtmp: {listen: %q}\nlog: {level: warn}\ndrain: 1s\nallow_private_destinations: true\n", s.addr)
	fmt.Fprintf(&b, "limits: {destinations_per_stream: %d}\n", 512)
	if s.debug != "" {
		fmt.Fprintf(&b, "metrics: {listen: %q}\ndebug: true\n", s.debug)
	} else {
		b.WriteString("metrics: {listen: off}\n")
	}
	switch s.way {
	case playRTSP:
		fmt.Fprintf(&b, "http: {listen: off}\nrtsp: {listen: %q}\n", s.pull)
	case playHLS, playParts:
		fmt.Fprintf(&b, "http: {listen: %q}\nhls: {segment: 2s, part: %v}\n", s.pull, partTime)
	case playWHEP:
		_, port, _ := net.SplitHostPort(s.media)
		fmt.Fprintf(&b, "http: {listen: %q}\nwebrtc: {udp: \":%s\", tcp: off}\n", s.pull, port)
	default:
		b.WriteString("http: {listen: off}\n")
	}
	b.WriteString("streams:\n")
	for i := range s.shape.Streams {
		fmt.Fprintf(&b, "  %s:\n    key: %s\n    public: true\n", name(i), key(i))
		if destinations != "" {
			b.WriteString("    destinations:\n" + destinations)
		}
	}
	file, err := s.write("simulcart.yaml", b.String())
	return []string{s.simulcart, "serve", "--config", file}, err
}

// nginxModule is where Debian puts nginx-rtmp.
const nginxModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

// nginx runs nginx-rtmp in one process. It pushes where there are sinks; else it has players.
func nginx(name string, w way) candidate {
	return candidate{name: name, maker: nginxRTMP, way: w, command: func(s site) ([]string, error) {
		var b strings.Builder
		fmt.Fprintf(&b, "load_module %s;\n", nginxModule)
		if os.Getuid() == 0 {
			b.WriteString("user root;\n")
		}
		fmt.Fprintf(&b, "daemon off;\nmaster_process off;\nworker_processes 1;\npid %s/nginx.pid;\nerror_log stderr error;\n", s.dir)
		fmt.Fprintf(&b, "events { worker_connections %d; }\n", wide)
		fmt.Fprintf(&b, "rtmp {\n access_log off;\n server {\n  listen %s;\n  chunk_size %d;\n  max_message 8M;\n  application %s {\n   live on;\n", s.addr, peer.ChunkSize, peer.App)
		switch w {
		case push:
			for i := range s.shape.Outputs {
				fmt.Fprintf(&b, "   push rtmp://%s/%s/d%d;\n", s.sink, peer.App, i)
			}
		case playHLS:
			fmt.Fprintf(&b, "   hls on;\n   hls_path %s;\n   hls_fragment 2s;\n   hls_playlist_length 20s;\n", s.dir)
		}
		b.WriteString("  }\n }\n}\n")
		if w == playHLS {
			b.WriteString("http {\n access_log off;\n sendfile on;\n tcp_nopush on;\n keepalive_requests 100000;\n")
			for _, temporary := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				fmt.Fprintf(&b, " %s_temp_path %s/%s;\n", temporary, s.dir, temporary)
			}
			fmt.Fprintf(&b, " server {\n  listen %s;\n  root %s;\n }\n}\n", s.pull, s.dir)
		}
		file, err := s.write("nginx.conf", b.String())
		return []string{"nginx", "-p", s.dir, "-e", "stderr", "-c", file}, err
	}}
}

// goFloor is the floor in Go, a goroutine for each output.
func goFloor(name string, collect time.Duration) candidate {
	return candidate{name: name, maker: floors, command: func(s site) ([]string, error) {
		return []string{
			s.self, "floor", "-listen", s.addr, "-sink", s.sink, "-ca", s.ca, "-outputs", fmt.Sprint(s.shape.Outputs), "-collect", collect.String(),
		}, nil
	}}
}

// loopFloor is the floor in Go with one goroutine for all outputs.
func loopFloor(name string) candidate {
	return candidate{name: name, maker: floors, command: func(s site) ([]string, error) {
		return []string{s.self, "floor", "-listen", s.addr, "-sink", s.sink, "-outputs", fmt.Sprint(s.shape.Outputs), "-loop"}, nil
	}}
}

// pullFloor is the floor in Go of a protocol that readers pull.
func pullFloor(name string, w way) candidate {
	return candidate{name: name, maker: floors, way: w, command: func(s site) ([]string, error) {
		args := []string{s.self, "floor", "-listen", s.addr, "-pull", s.pull}
		switch w {
		case playHLS:
			args = append(args, "-hls")
		case playParts:
			args = append(args, "-hls", "-part", partTime.String())
		case playSRTP:
			args = append(args, "-srtp", s.media)
		case playSRTPSegments:
			args = append(args, "-srtp", s.media, "-segments")
		}
		return args, nil
	}}
}

// cFloor is the floor in C. It reads one publisher.
func cFloor(name string, collect time.Duration) candidate {
	return candidate{name: name, maker: floors, command: func(s site) ([]string, error) {
		if s.c == nil {
			return nil, fmt.Errorf("no C compiler: %w", exec.ErrNotFound)
		}
		_, port, err := net.SplitHostPort(s.addr)
		if err != nil {
			return nil, err
		}
		sinkPort := "0"
		if s.sink != "" {
			_, sinkPort, err = net.SplitHostPort(s.sink)
		}
		return s.c.Command(port, sinkPort, s.shape.Outputs, collect), err
	}}
}
