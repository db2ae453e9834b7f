package rtmp

// sinkVariable and runSink belong to the benchmark, which does not run here.
const sinkVariable = "SIMULCART_TEST_SINK"

func runSink() {}
