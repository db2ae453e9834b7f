package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"time"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flv"
)

const (
	tryEach   = time.Second     // how often the card asks whether it may play
	childWait = 2 * time.Second // for ffmpeg to go after its pipe is closed
)

// Stage is where the card plays: it is given by whoever has the stream, and closed when a real encoder comes.
type Stage interface {
	media.Writer
	SetTracks(tracks []*media.Track)
	Done() <-chan struct{}
	Close(clean bool)
}

// Card is a test card: moving bars and a tone, made by ffmpeg, played in real time whenever the stage is free. Set the fields
// before Run.
type Card struct {
	Open func() (Stage, error) // asks for the stage; an error means not now
	Log  *slog.Logger
}

// Run plays until ctx ends; then it returns nil. It returns an error where there is no ffmpeg.
func (c *Card) Run(ctx context.Context) error {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fmt.Errorf("find ffmpeg for the test card: %w", err)
	}
	for {
		if stage, err := c.Open(); err == nil {
			c.Log.Info("test card plays")
			err = c.play(ctx, ffmpeg, stage)
			c.Log.Info("test card stopped", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tryEach):
		}
	}
}

// play runs ffmpeg and writes its frames to the stage until one of them ends.
func (c *Card) play(ctx context.Context, ffmpeg string, stage Stage) error {
	defer stage.Close(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, ffmpeg, cardArguments()...)
	cmd.WaitDelay = childWait
	apart(cmd)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("make pipe for ffmpeg: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start ffmpeg: %w", err)
	}
	stop := make(chan struct{})
	go func() { // ends with play
		defer close(stop)
		select {
		case <-stage.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	if err = bound(cmd.Process.Pid); err == nil {
		err = copyFrames(pipe, stage)
	}
	cancel()
	<-stop
	_ = cmd.Wait() // it was killed, or its pipe has ended: either way the copy says why
	return err
}

// copyFrames reads FLV and writes frames until the pipe ends or the stage is lost.
func copyFrames(r io.Reader, stage Stage) error {
	tags := flv.NewReader(r)
	var demuxer flv.Demuxer
	for {
		tag, err := tags.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test card: %w", err)
		}
		got, err := demuxer.Demux(tag)
		if err != nil {
			return fmt.Errorf("read test card: %w", err)
		}
		if got.TracksChanged {
			stage.SetTracks(demuxer.Tracks())
		}
		if got.Frame == nil {
			continue
		}
		if err := stage.WriteFrame(got.Frame); err != nil {
			return err
		}
	}
}

// cardArguments is what ffmpeg makes: 640x360 at 30 frames a second, a key frame each 2 s, no B-frames, a quiet tone. Two threads for each
// part are enough, and stay within the memory of a child on a machine of any size.
func cardArguments() []string {
	return []string{
		"-hide_banner", "-nostdin", "-loglevel", "error", "-filter_threads", "2",
		"-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30",
		"-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000,volume=0.05",
		"-c:v", "libx264", "-threads", "2", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-b:v", "800k", "-g", "60",
		"-c:a", "aac", "-b:a", "96k", "-ac", "2",
		"-f", "flv", "pipe:1",
	}
}
