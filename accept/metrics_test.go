//go:build linux

package accept_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/simulcart/simulcart/internal/mediatest"
)

// TestMetrics lets promtool judge the metrics of a running stream and the alert rules.
func TestMetrics(t *testing.T) {
	realPeers(t)
	mediatest.Need(t, "promtool")
	r := mediatest.NewSink(t)
	s := stream{id: "maria", destinations: []destination{
		{name: "good", url: "rtmp://" + r.Addr + "/live"},
		{name: "gone", url: "rtmp://127.0.0.1:9/live"},
	}}
	g := serve(t, s)
	mediatest.PublishLoop(t, mediatest.Media(t, mediatest.Clip{Seconds: 8}), g.publishURL(s))
	g.awaitLive(t, s, "good")
	time.Sleep(3 * time.Second)
	text := g.page(t, g.metrics, "/metrics")
	promtool(t, text, "check", "metrics")
	for _, want := range []string{
		"simulcart_build_info{", "go_goroutines ", "process_cpu_seconds_total ",
		`stream="maria"`, `destination="good"`, `state="live"`, `cause="tcp"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics: no %s", want)
		}
	}
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, "{")
		for _, prefix := range []string{"#", "simulcart_", "go_", "process_", "promhttp_"} {
			if strings.HasPrefix(name, prefix) {
				name = ""
			}
		}
		if name != "" {
			t.Errorf("metrics: a name without the prefix: %s", line)
		}
	}
	figure(t, "metrics_series", float64(strings.Count(text, "\nsimulcart_")), "series")
	if body := g.page(t, g.metrics, "/healthz"); body == "" {
		t.Error("/healthz: empty")
	}
	promtool(t, "", "check", "rules", "../deploy/alerts.yml")
	promtool(t, "", "test", "rules", "../deploy/alerts_test.yml")
}

// promtool fails the test where promtool has anything to say against its input.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	cmd := exec.Command("promtool", args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
