package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapesAtOnce bounds how many answers of /metrics are made at the same time; more get 503.
const scrapesAtOnce = 8

// Operations serves what machines ask: /metrics (Prometheus), /healthz (200 while the process lives), /readyz (200 or 503
// with the reason of Ready) and, with Debug, /debug/pprof/. It belongs on a listener that the public does not reach.
func (s *Server) Operations() http.Handler {
	mux := http.NewServeMux()
	serveRead(mux, "/metrics", s.metrics())
	serveRead(mux, "/healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "ok")
	}))
	serveRead(mux, "/readyz", http.HandlerFunc(s.readyz))
	if s.Debug {
		// Without pprof.Cmdline: nobody needs the arguments of the process from here.
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	mux.Handle("/", problem(NotFound, "There is nothing at this address. Try /metrics, /healthz or /readyz."))
	return secured(mux)
}

// readyz answers GET /readyz.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if s.Ready != nil {
		if err := s.Ready(); err != nil {
			writeText(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
	}
	writeText(w, http.StatusOK, "ready")
}

// writeText answers with one line. A client that is gone is no fault of ours.
func writeText(w http.ResponseWriter, status int, line string) {
	w.Header().Set(contentType, "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, line+"\n")
}

// metrics serves the registry. A metric that cannot be made costs only itself: an operator needs the others most when
// something is odd.
func (s *Server) metrics() http.Handler {
	return promhttp.HandlerFor(s.registry(), promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.logger().Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce,
	})
}

// registry gives a registry of our own, with everything that /metrics shows. All of its collectors are new, so that
// none of them can be refused as a duplicate.
func (s *Server) registry() *prometheus.Registry {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "simulcart_build_info",
		Help:        "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{"version": s.version(), "goversion": runtime.Version(), "goos": runtime.GOOS, "goarch": runtime.GOARCH},
	})
	build.Set(1)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(
		build,
		collector{source: s.Source},
		&s.shown,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}
