package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/simulcart/simulcart/control"
)

func TestMetricsOfAStream(t *testing.T) {
	want, err := os.Open("testdata/maria.prom")
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	source := &fakeSource{streams: []control.StreamStatus{maria()}}
	if err := testutil.CollectAndCompare(collector{source}, want); err != nil {
		t.Error(err)
	}
}

func TestMetricsFollowConventions(t *testing.T) {
	source := &fakeSource{streams: []control.StreamStatus{maria()}}
	problems, err := testutil.CollectAndLint(collector{source})
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v", problems, err)
	}
}

func TestSeriesExistBeforeTheFirstEvent(t *testing.T) {
	source := &fakeSource{streams: []control.StreamStatus{{ID: "a", State: "idle", Destinations: []control.DestinationStatus{{Name: "b"}}}}}
	for name, want := range map[string]int{
		"simulcart_stream_state": 4, "simulcart_ingest_frames_total": 2, "simulcart_destination_state": 10,
		"simulcart_destination_failures_total": 11, "simulcart_destination_preflight_verdict": 4,
		"simulcart_ingest_av_skew_seconds": 0, "simulcart_ingest_key_interval_seconds": 0, "simulcart_destination_last_live_timestamp_seconds": 0,
	} {
		if got := testutil.CollectAndCount(collector{source}, name); got != want {
			t.Errorf("%s: got %d series, want %d", name, got, want)
		}
	}
}

// What is made for HLS is told while it is made: a playlist that nobody reads has no age that one could alert on.
func TestMetricsOfHLSThatRests(t *testing.T) {
	for name, c := range map[string]struct {
		hls  *control.PackagedStatus
		want map[string]int // series by name, beside the counters
	}{
		"never pulled": {nil, map[string]int{"hls_segments_total": 0, "hls_playlist_age_seconds": 0, "hls_memory_bytes": 0}},
		"at rest": {
			&control.PackagedStatus{Segments: 5, AgeSeconds: 900, TargetSeconds: 2},
			map[string]int{"hls_segments_total": 1, "hls_playlist_age_seconds": 0, "hls_target_duration_seconds": 0, "hls_part_target_seconds": 0, "hls_memory_bytes": 1, "hls_requests_total": 0},
		},
		"while somebody watches": {
			maria().HLS, map[string]int{"hls_playlist_age_seconds": 1, "hls_target_duration_seconds": 1, "hls_part_target_seconds": 1, "hls_requests_total": 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			source := &fakeSource{streams: []control.StreamStatus{{ID: "a", HLS: c.hls}}}
			for metric, want := range c.want {
				if got := testutil.CollectAndCount(collector{source}, "simulcart_"+metric); got != want {
					t.Errorf("%s: got %d series, want %d", metric, got, want)
				}
			}
		})
	}
}

// The closed sets here are the ones that the status documents.
func TestSetsAreThoseOfTheStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		of    reflect.Type
		field string
		got   []string
	}{
		"stream states":      {reflect.TypeFor[control.StreamStatus](), "State", streamStates},
		"destination states": {reflect.TypeFor[control.DestinationStatus](), "State", destinationStates},
		"causes":             {reflect.TypeFor[control.DestinationStatus](), "Cause", causes},
		"verdicts":           {reflect.TypeFor[control.Preflight](), "Verdict", verdicts},
		"kinds":              {reflect.TypeFor[control.TrackStatus](), "Kind", kinds},
	} {
		field, found := tt.of.FieldByName(tt.field)
		if diff := cmp.Diff(strings.Split(field.Tag.Get("enum"), ","), tt.got); !found || diff != "" {
			t.Errorf("%s (-status +metrics):\n%s", name, diff)
		}
	}
}

func TestLabelThatPrometheusCannotTake(t *testing.T) {
	odd := maria()
	odd.Destinations[0].Platform = "\xff"
	h := (&Server{Source: &fakeSource{streams: []control.StreamStatus{odd}}}).Operations()
	body := text(t, ask(h, "GET", "/metrics", nil), http.StatusOK)
	if !strings.Contains(body, `simulcart_ingest_bytes_total{stream="maria"} 1000`) || strings.Contains(body, "simulcart_destination_bytes_total{") {
		t.Errorf("want the stream's metrics and not the destination's, got:\n%s", body)
	}
}

func TestOperations(t *testing.T) {
	source := &fakeSource{streams: []control.StreamStatus{maria()}}
	server := &Server{Source: source, Version: "v1.2.3"}
	h := server.Operations()

	metrics := text(t, ask(h, "GET", "/metrics", nil), http.StatusOK)
	for _, want := range []string{`simulcart_build_info{`, `version="v1.2.3"`, "\ngo_goroutines ", "\nprocess_open_fds ", "\nsimulcart_destination_state{"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
	if got := text(t, ask(h, "GET", "/healthz", nil), http.StatusOK); got != "ok\n" {
		t.Errorf("/healthz: got %q", got)
	}
	if got := text(t, ask(h, "GET", "/readyz", nil), http.StatusOK); got != "ready\n" {
		t.Errorf("/readyz: got %q", got)
	}
	server.Ready = func() error { return errors.New("rtmp: no listener") }
	if got := text(t, ask(h, "GET", "/readyz", nil), http.StatusServiceUnavailable); got != "not ready: rtmp: no listener\n" {
		t.Errorf("/readyz: got %q", got)
	}
	text(t, ask(h, "GET", "/debug/pprof/", nil), http.StatusNotFound)
	text(t, ask(h, "POST", "/metrics", nil), http.StatusMethodNotAllowed)

	server.Debug = true
	h = server.Operations()
	text(t, ask(h, "GET", "/debug/pprof/goroutine", nil), http.StatusOK)
	text(t, ask(h, "GET", "/debug/pprof/cmdline", nil), http.StatusNotFound)
}

// Every metric that the alerts and the dashboard read is one that simulcart has.
func TestDeployReadsOnlyWhatExists(t *testing.T) {
	exist := map[string]bool{}
	node := control.NodeStatus{Feeds: []control.FeedRefusals{{Protocol: "rtsp", Causes: map[string]uint64{"missing": 1}}}}
	server := &Server{Source: &fakeSource{streams: []control.StreamStatus{maria()}, node: node}}
	server.shown.refuse("maria", "invalid")
	server.shown.delay("maria", 20*time.Millisecond)
	families, err := server.registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		exist[family.GetName()] = true
		if family.GetType().String() == "HISTOGRAM" {
			delete(exist, family.GetName())
			exist[family.GetName()+"_bucket"] = true
		}
	}
	used := map[string]bool{}
	names := regexp.MustCompile(`\b(?:simulcart|go|process)_[a-z0-9_]+`)
	for _, file := range []string{"alerts.yml", "alerts_test.yml", "grafana-dashboard.json"} {
		content, err := os.ReadFile(filepath.Join("..", "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names.FindAllString(string(content), -1) {
			used[name] = true
			if !exist[name] {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
	}
	for name := range exist {
		if strings.HasPrefix(name, "simulcart_") && !used[name] {
			t.Errorf("nothing below deploy/ reads %s: show it on the dashboard", name)
		}
	}
}

func TestDescribeNamesAll(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(collector{&fakeSource{streams: []control.StreamStatus{maria()}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}

// text gives the body of an answer that must have the given status.
func text(t *testing.T, answer *httptest.ResponseRecorder, status int) string {
	t.Helper()
	if answer.Code != status {
		t.Fatalf("got status %d, want %d; body:\n%s", answer.Code, status, answer.Body)
	}
	return answer.Body.String()
}

func TestRefusedViewersAreCounted(t *testing.T) {
	source := &fakeSource{node: control.NodeStatus{Feeds: []control.FeedRefusals{
		{Protocol: "hls", Causes: map[string]uint64{"missing": 2}},
		{Protocol: "rtsp", Partner: "tsl", Causes: map[string]uint64{"full": 3, "expired": 0}},
	}}}
	const want = `
# HELP simulcart_feed_refused_total Requests to pull a stream that were refused.
# TYPE simulcart_feed_refused_total counter
simulcart_feed_refused_total{cause="missing",partner="",protocol="hls"} 2
simulcart_feed_refused_total{cause="full",partner="tsl",protocol="rtsp"} 3
simulcart_feed_refused_total{cause="expired",partner="tsl",protocol="rtsp"} 0
`
	if err := testutil.CollectAndCompare(collector{source}, strings.NewReader(want), "simulcart_feed_refused_total"); err != nil {
		t.Error(err)
	}
}

func TestRefusedConnectionsAreCounted(t *testing.T) {
	source := &fakeSource{node: control.NodeStatus{
		Refused: map[string]uint64{"key": 3, "slow": 0}, Limits: map[string]uint64{"message_size": 2, "silence": 0},
	}}
	const want = `
# HELP simulcart_ingest_limit_hits_total Connections that ended at one of their limits, before they published or played or afterwards.
# TYPE simulcart_ingest_limit_hits_total counter
simulcart_ingest_limit_hits_total{limit="message_size"} 2
simulcart_ingest_limit_hits_total{limit="silence"} 0
# HELP simulcart_ingest_refused_total Connections that ended before they published or played.
# TYPE simulcart_ingest_refused_total counter
simulcart_ingest_refused_total{reason="key"} 3
simulcart_ingest_refused_total{reason="slow"} 0
`
	names := []string{"simulcart_ingest_refused_total", "simulcart_ingest_limit_hits_total"}
	if err := testutil.CollectAndCompare(collector{source}, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}
