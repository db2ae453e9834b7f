package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/simulcart/simulcart/config"
)

// serveCommand is simulcart serve.
type serveCommand struct {
	Config string `short:"c" type:"path" placeholder:"FILE" help:"The configuration file. Without one the defaults hold, and no stream is known."`
}

// Run serves until ctx ends.
func (s *serveCommand) Run(ctx context.Context, stderr stderrWriter) error {
	c := config.Default()
	if s.Config != "" {
		var err error
		if c, err = config.Load(s.Config); err != nil {
			return err
		}
	}
	hangup := make(chan os.Signal, 1)
	if s.Config != "" { // from here on: a hangup before the node follows must not end it
		signal.Notify(hangup, hangupSignals...)
		defer signal.Stop(hangup)
	}
	log := newLogger(stderr, c.Log)
	for _, w := range c.Warnings {
		log.Warn("configuration", "detail", w.String())
	}
	if len(c.Streams) == 0 {
		log.Warn("no stream is configured: nobody can publish; see simulcart demo for a first try")
	}
	tuneRuntime(c.Debug)
	n, err := newNode(c, log)
	if err != nil {
		return err
	}
	if s.Config == "" {
		return n.run(ctx)
	}
	return n.run(ctx, func(life context.Context) error { return n.follow(life, s.Config, hangup) })
}

// tuneRuntime fits the runtime to a program whose heap is media, before there is any.
func tuneRuntime(debugging bool) {
	if !debugging {
		runtime.MemProfileRate = 0 // nobody can ask for the profile, and each large frame pays for it
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// gcPercent is how much the heap may grow between two collections. Most of it are frames in windows, which hold no pointers: to collect more
// often than Go does by default costs 1 to 3 % of CPU, and saves a quarter of the memory.
const gcPercent = 15

// newLogger makes the one logger of the program.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == config.JSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// settle is how long the files must be quiet before they are read: editors and certificate tools write in steps.
const settle = 200 * time.Millisecond

// follow applies changes of the configuration file, and of the files it names, until ctx ends. What comes from hangup reads at
// once.
func (n *node) follow(ctx context.Context, path string, hangup <-chan os.Signal) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the configuration: %w", err)
	}
	defer watcher.Close()
	files := watch(watcher, path, n.config.Files)
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-watcher.Events:
			if slices.Contains(files, filepath.Clean(e.Name)) || e.Has(fsnotify.Create) {
				quiet.Reset(settle)
			}
			continue
		case err := <-watcher.Errors:
			n.log.Warn("watching the configuration", "err", err)
			continue
		case <-hangup:
		case <-quiet.C:
		}
		c, err := config.Load(path)
		if err == nil {
			err = n.reload(ctx, c)
		}
		if err != nil {
			n.log.Error("the configuration was not applied, the old one stays", "err", err)
			continue
		}
		files = watch(watcher, path, c.Files)
		n.log.Info("configuration applied", "streams", len(c.Streams))
	}
}

// watch watches the folders of all files, since editors replace files rather than write them.
func watch(w *fsnotify.Watcher, path string, others []string) []string {
	files := []string{filepath.Clean(path)}
	for _, f := range others {
		files = append(files, filepath.Clean(f))
	}
	for _, f := range files {
		_ = w.Add(filepath.Dir(f)) // a folder that cannot be watched still has SIGHUP
	}
	return files
}
