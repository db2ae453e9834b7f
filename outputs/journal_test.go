package outputs

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestJournal(t *testing.T) {
	var out bytes.Buffer
	j := journal{log: slog.New(slog.NewTextHandler(&out, nil))}
	at := time.Unix(0, 0)
	refused, lost := Fail(TCP, errors.New("connection refused")), Fail(Kicked, errors.New("closed"))
	for range 20 { // 4 s of quick retries
		j.fail(refused, Backoff, at, time.Second)
		at = at.Add(200 * time.Millisecond)
	}
	j.fail(refused, Backoff, at.Add(repeatEach), time.Second)
	j.enter(Connecting)
	j.enter(Live)
	j.enter(Live)
	j.enter(Stalled)
	j.enter(Live)
	j.enter(Holding)
	j.fail(lost, Backoff, at, time.Second)
	j.fail(refused, Rejected, at, time.Minute)

	var got []string
	for line := range strings.Lines(out.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), "msg=")
		got = append(got, line)
	}
	want := []string{
		`"destination failed" cause=tcp state=backoff retry_in=1s err="connection refused"`,
		`"destination failed" cause=tcp state=backoff retry_in=1s err="connection refused" failures_not_logged=19`,
		`"destination is live" before=connecting`,
		`"destination is stalled: it takes nothing"`,
		`"destination is live" before=stalled`,
		`"destination is held: the publisher is gone"`,
		`"destination failed" cause=kicked state=backoff retry_in=1s err=closed`,
		`"destination failed" cause=tcp state=rejected retry_in=1m0s err="connection refused"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
