package simulcart_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/simulcart/simulcart"

// layers says which packages of ours a package may import, itself aside. A name that ends in /* stands for every folder
// directly below, on both sides; ... stands for everything. The first pattern that fits a package decides, so that single
// packages stand before their group. A package that no pattern fits is a fault: it has no place in the design yet.
var layers = []struct{ pkg, may string }{
	{"", ""},
	{"cmd/*", "..."},
	{"config", ""},
	{"media", ""},
	{"access", ""},
	{"wire", ""},
	{"wire/*", "media wire wire/*"},
	{"overlay", "media"},
	{"overlay/*", "overlay media"},
	{"relay", "media"},
	{"ingest", "access media overlay relay"},
	{"ingest/*", "ingest access media overlay relay wire wire/* internal/rtc"},
	{"outputs", "access media relay wire/gather wire/socket"},
	{"outputs/*", "outputs access media relay overlay wire wire/* internal/rtc"},
	{"transcode", "media overlay relay wire wire/*"},
	{"sandbox", "media wire wire/*"},
	{"control", "access media overlay relay ingest outputs"},
	{"web", "access media overlay overlay/* relay ingest outputs control"},
	{"internal/rtc", "media wire wire/*"},
	{"internal/mediatest", "access media overlay relay ingest ingest/* outputs outputs/* transcode sandbox control web wire wire/* internal/rtc"},
	{"internal/bench", "wire wire/*"}, // measures the program from outside, with as little of it as it can
	{"accept", "..."},
	{"docs/*", "media overlay outputs wire wire/*"}, // what is handed to partners; its tests hold it to the code
}

// testOnly are the packages that only tests may import; a package among them may import the others.
var testOnly = []string{"internal/mediatest", "internal/bench", "accept"}

// modules says which packages may import a module of others, as a list of patterns like those of layers. Tests may use
// what is marked so. A module that stands nowhere here is a fault.
var modules = []struct{ prefix, may string }{
	{"github.com/alecthomas/kong", "cmd/*"},
	{"github.com/danielgtaylor/huma/v2", "web"},
	{"github.com/fsnotify/fsnotify", "cmd/* config"},
	{"github.com/goccy/go-yaml", "config"},
	{"github.com/prometheus/client_golang", "web"},
	{"github.com/pion/", "internal/rtc ingest/* outputs/* wire/* internal/mediatest/* internal/bench/*"},
	{"github.com/nats-io/", "control"},
	{"golang.org/x/sync", "cmd/* ingest ingest/* outputs outputs/* control web sandbox transcode internal/mediatest"},
	{"golang.org/x/sys", "cmd/* ingest ingest/* outputs outputs/* sandbox transcode wire/socket internal/mediatest internal/bench/*"},
	{"golang.org/x/text", "overlay"},
	{"golang.org/x/time", "ingest ingest/* outputs outputs/* control web"},
	{"golang.org/x/crypto", "access control cmd/*"},
	{"github.com/google/go-cmp", "tests"},
	{"golang.org/x/net", "tests"},
	{"github.com/rogpeppe/go-internal", "tests"},
	{"go.uber.org/goleak", "tests"},
	{"pgregory.net/rapid", "tests"},
}

// standard says where packages of the standard library may not be used, but for some packages, with the reason. Tests are free.
var standard = []struct{ name, never, but, because string }{
	{"C", "...", "", "simulcart builds without cgo"},
	{"unsafe", "...", "wire/socket", "no figure asks for it"},
	{"log", "...", "", "use a *slog.Logger field"},
	{"math/rand", "...", "", "use math/rand/v2, or crypto/rand for what must not be guessed"},
	{"io/ioutil", "...", "", "use io and os"},
	{"expvar", "...", "", "there is one way to metrics"},
	{"net", "media relay overlay", "", "these know no network"},
	{"net/http", "media relay overlay wire wire/* access config", "", "these know no HTTP"},
	{"os/exec", "media relay overlay wire wire/* access config ingest ingest/* outputs outputs/* control web", "", "children belong to transcode and cmd"},
	{"log/slog", "media wire wire/*", "", "these return errors and log nothing"},
}

// An importing is one import line.
type importing struct {
	pkg  string // the importing package's folder; empty for the root
	test bool   // whether the file is a test
	path string // what is imported
}

func TestImportsFollowTheLayers(t *testing.T) {
	for _, file := range goFiles(t) {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Errorf("%s: %v", set.Position(spec.Pos()), err)
				continue
			}
			if fault := (importing{folder(file), strings.HasSuffix(file, "_test.go"), imported}).fault(); fault != "" {
				t.Errorf("%s: %s", set.Position(spec.Pos()), fault)
			}
		}
	}
}

func TestEveryPackageHasALayer(t *testing.T) {
	folders := map[string]bool{}
	for _, file := range goFiles(t) {
		folders[folder(file)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		if _, found := layerOf(name); !found {
			t.Errorf("package %s has no place in the layer table of deps_test.go", name)
		}
	}
}

// The rules themselves hold what they should, whatever the tree looks like today.
func TestLayerRules(t *testing.T) {
	ours := func(pkg string) string { return module + "/" + pkg }
	tests := map[string]struct {
		importing
		fault string // a part of it; empty where the import is allowed
	}{
		"media imports nothing":              {importing{"media", false, ours("wire")}, "media may not import wire"},
		"wire formats share":                 {importing{"wire/rtmp", false, ours("wire/amf")}, ""},
		"relay knows no protocol":            {importing{"relay", false, ours("wire/rtmp")}, "may not import"},
		"ingest and outputs never meet":      {importing{"ingest/rtmp", false, ours("outputs")}, "may not import"},
		"no output imports another":          {importing{"outputs/hls", false, ours("outputs/rtmp")}, "may not import"},
		"only cmd has seen the config":       {importing{"control", false, ours("config")}, "may not import"},
		"cmd has":                            {importing{"cmd/simulcart", false, ours("config")}, ""},
		"control sees the parents only":      {importing{"control", false, ours("outputs/rtmp")}, "may not import"},
		"a test keeps to the layers too":     {importing{"relay", true, ours("wire/rtmp")}, "may not import"},
		"a test may import its own package":  {importing{"relay", true, ours("relay")}, ""},
		"a test may import mediatest":        {importing{"relay", true, ours("internal/mediatest")}, ""},
		"folders of mediatest":               {importing{"relay", true, ours("internal/mediatest/fault")}, ""},
		"the program may not":                {importing{"cmd/simulcart", false, ours("internal/mediatest")}, "tests only"},
		"mediatest may import most":          {importing{"internal/mediatest", false, ours("outputs/rtmp")}, ""},
		"the bench measures from outside":    {importing{"internal/bench/load", false, ours("relay")}, "may not import"},
		"folders of the bench":               {importing{"internal/bench", false, ours("internal/bench/load")}, ""},
		"nothing is built on the bench":      {importing{"cmd/simulcart", false, ours("internal/bench/load")}, "tests only"},
		"mediatest may not import cmd":       {importing{"internal/mediatest", false, ours("cmd/simulcart")}, "may not import"},
		"accept may import anything":         {importing{"accept", true, ours("config")}, ""},
		"accept has tests only":              {importing{"accept", false, ours("config")}, "only _test.go"},
		"unknown package":                    {importing{"utilities", false, "fmt"}, "no place"},
		"metrics belong to web":              {importing{"outputs/rtmp", false, "github.com/prometheus/client_golang/prometheus"}, "may not import"},
		"a test library in a test":           {importing{"media", true, "pgregory.net/rapid"}, ""},
		"a test library in mediatest":        {importing{"internal/mediatest", false, "pgregory.net/rapid"}, ""},
		"a test library in the program":      {importing{"media", false, "github.com/google/go-cmp/cmp"}, "may not import"},
		"a module that nobody knows":         {importing{"web", true, "github.com/stretchr/testify/assert"}, "no place"},
		"a longer name is another module":    {importing{"config", false, "github.com/goccy/go-yaml-extra"}, "no place"},
		"pion belongs to the edges":          {importing{"relay", false, "github.com/pion/rtp"}, "may not import"},
		"media knows no network":             {importing{"media", false, "net"}, "know no network"},
		"but its tests may":                  {importing{"media", true, "net"}, ""},
		"calls to the system, in one place":  {importing{"wire/socket", false, "unsafe"}, ""},
		"and nowhere else":                   {importing{"wire/gather", false, "unsafe"}, "no figure"},
		"nobody uses the default logger":     {importing{"cmd/simulcart", false, "log"}, "slog"},
		"the standard library is free to us": {importing{"media", false, "math/bits"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := tt.importing.fault()
			if (got == "") != (tt.fault == "") || !strings.Contains(got, tt.fault) {
				t.Errorf("got %q, want %q", got, tt.fault)
			}
		})
	}
}

// fault says what is wrong with an import; empty where nothing is.
func (i importing) fault() string {
	may, known := layerOf(i.pkg)
	switch {
	case !known:
		return fmt.Sprintf("package %s has no place in the layer table of deps_test.go", i.pkg)
	case i.pkg == "accept" && !i.test:
		return "accept holds the acceptance tests: only _test.go files"
	case i.path == module || strings.HasPrefix(i.path, module+"/"):
		return i.ourFault(strings.TrimPrefix(strings.TrimPrefix(i.path, module), "/"), may)
	case i.path != "C" && strings.Contains(strings.Split(i.path, "/")[0], "."):
		return i.moduleFault()
	}
	for _, rule := range standard {
		if i.path == rule.name && !i.test && fits(rule.never, i.pkg) && !fits(rule.but, i.pkg) {
			return fmt.Sprintf("%s may not import %s: %s", i.pkg, i.path, rule.because)
		}
	}
	return ""
}

// ourFault judges the import of a package of ours by one that may import the packages of a list.
func (i importing) ourFault(imported, may string) string {
	switch {
	case imported == i.pkg: // the external tests of a package
		return ""
	case isTestOnly(imported):
		if i.test || isTestOnly(i.pkg) {
			return ""
		}
		return fmt.Sprintf("%s is for tests only", imported)
	case fits(may, imported):
		return ""
	}
	return fmt.Sprintf("%s may not import %s, only: %s", i.pkg, imported, may)
}

// moduleFault judges the import of a package of others.
func (i importing) moduleFault() string {
	for _, m := range modules {
		if i.path != strings.TrimSuffix(m.prefix, "/") && !strings.HasPrefix(i.path, strings.TrimSuffix(m.prefix, "/")+"/") {
			continue
		}
		forTests := m.may == "tests" && (i.test || isTestOnly(i.pkg))
		if forTests || fits(m.may, i.pkg) {
			return ""
		}
		return fmt.Sprintf("%s may not import %s, which is for: %s", i.pkg, i.path, m.may)
	}
	return fmt.Sprintf("%s has no place in the module table of deps_test.go", i.path)
}

// layerOf gives the packages that a package may import.
func layerOf(pkg string) (may string, found bool) {
	if isTestOnly(pkg) { // a folder below one belongs to it
		pkg = testOnly[slices.IndexFunc(testOnly, func(t string) bool { return pkg == t || strings.HasPrefix(pkg, t+"/") })]
	}
	for _, l := range layers {
		if fitsOne(l.pkg, pkg) {
			return l.may, true
		}
	}
	return "", false
}

func isTestOnly(pkg string) bool {
	return slices.ContainsFunc(testOnly, func(t string) bool { return pkg == t || strings.HasPrefix(pkg, t+"/") })
}

// fits says whether one of the patterns in a list, separated by spaces, fits a package.
func fits(patterns, pkg string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool { return fitsOne(p, pkg) })
}

func fitsOne(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	matched, err := path.Match(pattern, pkg)
	return err == nil && matched
}

// folder gives the package's folder of a file; empty for the root.
func folder(file string) string {
	if dir := path.Dir(file); dir != "." {
		return dir
	}
	return ""
}

// goFiles gives every Go file of the repository, in order, with slashes, without what belongs to no package of ours.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		switch {
		case entry.IsDir() && name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules"):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(base, ".go") && !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "_"):
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files found")
	}
	return files
}
