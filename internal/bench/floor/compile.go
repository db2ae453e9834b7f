//go:build linux

package floor

import (
	_ "embed" // for the source in C
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/simulcart/simulcart/internal/bench/peer"
)

//go:embed source/floor.c
var source []byte

// A Compiled floor is the one in C.
type Compiled struct{ binary, answers, opening string }

// Compile makes the floor in C, in a folder. It fails with [exec.ErrNotFound] where there is no compiler.
func Compile(folder string) (*Compiled, error) {
	c := &Compiled{filepath.Join(folder, "floor"), filepath.Join(folder, "answers"), filepath.Join(folder, "opening")}
	for name, content := range map[string][]byte{c.binary + ".c": source, c.answers: peer.Answers(), c.opening: peer.Opening("floor")} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return nil, fmt.Errorf("write the floor in C: %w", err)
		}
	}
	if out, err := exec.Command("cc", "-O2", "-Wall", "-o", c.binary, c.binary+".c").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile the floor in C: %w\n%s", err, out)
	}
	return c, nil
}

// Command gives what to run: one publisher to a port, passed on to outputs at a sink's port.
func (c *Compiled) Command(port, sinkPort string, outputs int, collect time.Duration) []string {
	return []string{
		c.binary, port, sinkPort, fmt.Sprint(outputs), fmt.Sprint(collect.Milliseconds()), c.answers, c.opening,
	}
}
