package control

// Bridges tells of the processes that convert tracks of a stream for outputs that cannot carry them, by conversion; none where nothing
// was ever converted.
type Bridges func(stream string) []BridgeStatus

// BridgeStatus is one conversion of a stream. The counters count since the process started.
type BridgeStatus struct {
	Conversion   string  `json:"conversion" enum:"opus,aac,in_order,h264" doc:"what is made: sound in Opus or AAC, H.264 without B-frames, H.264 of other pictures"`
	Running      bool    `json:"running" doc:"a process works on it"`
	Starts       uint64  `json:"starts" doc:"of processes"`
	Restarts     uint64  `json:"restarts" doc:"those of them that replaced one that died, hung or was too late"`
	Late         uint64  `json:"late_frames" doc:"that came too late to be sent"`
	CPUSeconds   float64 `json:"cpu_seconds" doc:"processor time of all processes together"`
	DelaySeconds float64 `json:"delay_seconds" doc:"that the conversion adds, on average of the last frames"`
}

// bridgesOf tells what is converted of a stream.
func (c *Controller) bridgesOf(stream string) []BridgeStatus {
	if c.Bridges == nil {
		return nil
	}
	return c.Bridges(stream)
}
