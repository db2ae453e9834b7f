package overlay

import "time"

// epoch is when tests begin.
var epoch = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
