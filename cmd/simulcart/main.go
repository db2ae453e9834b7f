// Command simulcart is a stream syndication gateway for live shopping: one publish in, many destinations out.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/simulcart/simulcart/config"
)

// version is set by the linker (-X main.version=…); without it the module's build information is asked.
var version = ""

// commandLine is everything that can be typed.
type commandLine struct {
	Serve    serveCommand    `cmd:"" help:"Run the gateway with a configuration file, until SIGTERM or SIGINT. SIGHUP and changes of the file are applied while it runs."`
	Demo     demoCommand     `cmd:"" help:"Run the gateway without a configuration: one stream with a random key, a test card, and two sandbox destinations."`
	Check    checkCommand    `cmd:"" help:"Check a configuration file: each fault with file, line, key and reason. Exit code 0 if there is none, 1 otherwise."`
	Products productsCommand `cmd:"" help:"The products that can be shown: import a file, list, delete."`
	Overlay  overlayCommand  `cmd:"" help:"What is shown over the picture: show, update, hide, clear, state, and tail for what partners get."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings: it returns the exit code, 0 for success, 1 for a failure, 2 for a wrong command line.
func run(args []string, stdout, stderr io.Writer) int {
	var cli commandLine
	exit := -1
	parser, err := kong.New(&cli,
		kong.Name("simulcart"),
		kong.Description("Cross-platform stream syndication for live shopping: publish once with OBS, reach every platform, each told apart."),
		kong.UsageOnError(), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "simulcart:", err)
		return 1
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // help was printed
	}
	if err != nil {
		fmt.Fprintf(stderr, "simulcart: %v\nTry: simulcart --help\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.BindTo(stdout, (*io.Writer)(nil))
	err = parsed.Run(stderrWriter{stderr})
	var faults config.Faults
	switch {
	case err == nil:
		return 0
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, faults)
	default:
		fmt.Fprintln(stderr, "simulcart:", err)
	}
	return 1
}

// stderrWriter tells the two writers apart where commands ask for them by type.
type stderrWriter struct{ io.Writer }

// checkCommand is simulcart check.
type checkCommand struct {
	File string `arg:"" help:"The configuration file." type:"path"`
}

// Run checks the file.
func (c *checkCommand) Run(out io.Writer) error {
	cfg, err := config.Load(c.File)
	if err != nil {
		return err
	}
	desired, err := desiredOf(cfg) // which reads the products
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(out, "warning:", w)
	}
	products := len(desired.Catalog)
	for _, s := range desired.Streams {
		products += len(s.Catalog)
	}
	destinations := 0
	for _, s := range cfg.Streams {
		destinations += len(s.Destinations)
	}
	fmt.Fprintf(out, "%s: ok: %d streams, %d destinations, %d partners, %d products\n", c.File, len(cfg.Streams), destinations, len(cfg.Partners), products)
	return nil
}

// versionCommand is simulcart version.
type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(out io.Writer) error {
	_, err := fmt.Fprintf(out, "simulcart %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion gives the linker's version, else the module's, else "dev".
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
