package web

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/simulcart/simulcart/control"
)

// The metrics of the processes that convert tracks of a stream. The label conversion is opus, aac, in_order or h264.
var (
	bridgeProcesses = streamMetric("bridge_processes", "Processes that convert a track of the stream now.", "conversion")
	bridgeStarts    = streamMetric("bridge_starts_total", "Processes that were started.", "conversion")
	bridgeRestarts  = streamMetric("bridge_restarts_total", "Processes that replaced one that died, hung or was too late.", "conversion")
	bridgeCPU       = streamMetric("bridge_cpu_seconds_total", "Processor time of all processes together.", "conversion")
	bridgeDelay     = streamMetric("bridge_delay_seconds", "Time that the conversion adds, on average of the last frames; absent while no process runs.", "conversion")
	bridgeLate      = streamMetric("bridge_late_frames_total", "Frames that came too late to be sent.", "conversion")
)

// bridge sends what the conversion b counts.
func (m series) bridge(b *control.BridgeStatus) {
	running := 0.0
	if b.Running {
		running = 1
		m.gauge(bridgeDelay, b.DelaySeconds, b.Conversion)
	}
	m.gauge(bridgeProcesses, running, b.Conversion)
	m.count(bridgeStarts, b.Starts, b.Conversion)
	m.count(bridgeRestarts, b.Restarts, b.Conversion)
	m.count(bridgeLate, b.Late, b.Conversion)
	m.send(bridgeCPU, prometheus.CounterValue, b.CPUSeconds, []string{b.Conversion})
}
