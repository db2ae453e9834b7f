package simulcart_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each proof is a part of `make accept`, and the other way round: what is in no list is run by nobody.
func TestParts(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(string(makefile), "\\\n", ""), "\nPARTS := ")
	list, _, _ := strings.Cut(rest, "\n")
	parts := strings.Fields(list)
	files, err := filepath.Glob("accept/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var proofs []string
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func Test(\w+)\(t \*testing\.T\)`).FindAllSubmatch(source, -1) {
			proofs = append(proofs, strings.ToLower(string(m[1])))
		}
	}
	slices.Sort(parts)
	slices.Sort(proofs)
	if diff := cmp.Diff(parts, proofs); diff != "" {
		t.Errorf("-parts of the Makefile +proofs:\n%s", diff)
	}
}
