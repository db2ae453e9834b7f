package main

import "github.com/simulcart/simulcart/control"

// bridges tells what is converted of a stream.
func (n *node) bridges(stream string) (all []control.BridgeStatus) {
	for _, s := range n.bench.Status(stream) {
		all = append(all, control.BridgeStatus{
			Conversion: s.Conversion, Running: s.Running, Starts: s.Starts, Restarts: s.Restarts, Late: s.Late,
			CPUSeconds: s.CPU.Seconds(), DelaySeconds: s.Delay.Seconds(),
		})
	}
	return all
}
