//go:build linux

// Command bench measures simulcart beside nginx-rtmp and beside floors, which do what the kernel asks for and no more: CPU seconds of
// the server for each Gbit of media that its outputs have read, the delay of each picture from the publisher's write to the last byte
// read, and memory.
//
// The server under measurement has one CPU, publishers and receivers have another, in a network namespace of their own with TCP's
// plain congestion control (reno), since bbr sends by timers even on loopback. Candidates take turns, so that what changes on the
// machine is in all of them; read ratios of turns, not figures of two days.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// inside marks the process that runs in a network namespace of its own.
const inside = "SIMULCART_BENCH_INSIDE"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		stop()
		os.Exit(1)
	}
}

// command does what a command line says.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "floor" {
		return runFloor(ctx, args[1:], stderr)
	}
	o, names, err := parse(args, stderr)
	if err != nil {
		return err
	}
	parts, err := named(names)
	if err != nil {
		return err
	}
	if len(parts) > 0 && !o.here && os.Getenv(inside) == "" {
		return enter(ctx, o, args, stdout, stderr)
	}
	return o.run(ctx, parts, stdout, stderr)
}

// parse reads the options.
func parse(args []string, stderr io.Writer) (o options, parts []string, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintln(stderr, "usage: bench [flags] PART...; without a part it only writes what it has. Flags:")
		f.PrintDefaults()
	}
	f.StringVar(&o.simulcart, "simulcart", "simulcart", "program to measure")
	f.StringVar(&o.base, "base", "", "another program of simulcart, to be measured beside it, such as the one before a change")
	f.IntVar(&o.rounds, "rounds", 7, "how often each candidate has its turn")
	f.DurationVar(&o.budget, "budget", 14*time.Minute+30*time.Second, "time for each part: no round begins that would not end in it")
	f.DurationVar(&o.warm, "warm", 2*time.Second, "time to warm up")
	f.DurationVar(&o.window, "window", 10*time.Second, "time that is measured")
	f.IntVar(&o.serverCPU, "server-cpu", 0, "CPU of the server")
	f.IntVar(&o.loadCPU, "load-cpu", 1, "CPU of publishers and receivers")
	f.BoolVar(&o.here, "here", false, "no namespace and no CPUs of their own: only to see that it works")
	f.StringVar(&o.only, "only", "", "only candidates whose names hold this")
	f.IntVar(&o.outputs, "outputs", 0, "another number of outputs for each stream")
	f.StringVar(&o.profile, "profile", "", "file for a CPU profile of simulcart in the window")
	f.StringVar(&o.json, "json", "", "file in which samples are kept, those of other parts too")
	f.BoolVar(&o.noisy, "noisy", false, "write into it what was measured on a busy machine too")
	f.StringVar(&o.doc, "doc", "", "Markdown file that gets the tables, and a plot beside it")
	if err := f.Parse(args); err != nil {
		return o, nil, err
	}
	f.Visit(func(set *flag.Flag) {
		if slices.Contains([]string{"rounds", "budget", "warm", "window", "outputs"}, set.Name) {
			o.set = append(o.set, fmt.Sprintf("-%s %s", set.Name, set.Value))
		}
	})
	return o, f.Args(), nil
}

// enter runs this program again in a network namespace of its own, on the load's CPU.
func enter(ctx context.Context, o options, args []string, stdout, stderr io.Writer) error {
	if n := runtime.NumCPU(); max(o.serverCPU, o.loadCPU) >= n || o.serverCPU == o.loadCPU {
		return fmt.Errorf("the server wants CPU %d and the load CPU %d, of %d", o.serverCPU, o.loadCPU, n)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	line := []string{"--net"}
	if os.Getuid() != 0 {
		line = append(line, "--user", "--map-root-user")
	}
	const prepare = `ip link set lo up && echo reno >/proc/sys/net/ipv4/tcp_congestion_control && exec "$@"`
	line = append(line, "--", "sh", "-c", prepare, "bench", "taskset", "-c", strconv.Itoa(o.loadCPU), self)
	cmd := exec.CommandContext(ctx, "unshare", append(line, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd.Run()
}
