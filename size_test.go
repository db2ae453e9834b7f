package simulcart_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The sizes that are refused.
const (
	maxFileLines     = 600 // tests too
	maxMainLines     = 200 // of a file main.go
	maxFunctionLines = 80  // tests aside, like all below
	maxFields        = 20  // of a struct
	maxMethods       = 5   // of an interface, with those of embedded ones of the same package
)

// badNames says nothing about what a package holds.
var badNames = []string{"util", "utils", "common", "helper", "helpers", "types", "base", "manager", "impl", "misc", "shared"}

// waiver is a comment that switches a linter off.
var waiver = regexp.MustCompile(`^//\s*(nolint|lint:(file-)?ignore)\b`)

func TestSizeBudget(t *testing.T) {
	source := map[string]string{}
	for _, file := range goFiles(t) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source[file] = string(content)
	}
	for _, fault := range inspect(source) {
		t.Error(fault)
	}
}

// The rules find what they should, whatever the tree looks like today.
func TestSizeRules(t *testing.T) {
	many := func(n int, line string) string { return strings.Repeat(line, n) }
	tests := map[string]struct {
		file, source, fault string
	}{
		"good":                     {"a/a.go", "// Package a is.\npackage a\n\n// F does.\nfunc F() {}\n", ""},
		"file of 600 lines":        {"a/a.go", "// Package a is.\npackage a\n" + many(598, "\n"), ""},
		"file of 601 lines":        {"a/a.go", "// Package a is.\npackage a\n" + many(599, "\n"), "a/a.go:1: file of 601 lines, at most 600"},
		"test of 601 lines":        {"a/a_test.go", "package a\n" + many(600, "\n"), "601 lines"},
		"main.go of 201 lines":     {"cmd/a/main.go", "// A does.\npackage main\n" + many(199, "\n"), "201 lines, at most 200"},
		"function of 81 lines":     {"a/a.go", "// Package a is.\npackage a\n\nfunc f() {\n" + many(79, "\n") + "}\n", "a/a.go:4: function f of 81 lines, at most 80"},
		"function of 80 lines":     {"a/a.go", "// Package a is.\npackage a\n\nfunc f() {\n" + many(78, "\n") + "}\n", ""},
		"test function":            {"a/a_test.go", "package a\n\nfunc f() {\n" + many(100, "\n") + "}\n", ""},
		"struct of 21 fields":      {"a/a.go", "// Package a is.\npackage a\n\ntype t struct {\n\tint\n\ta, b int\n" + fields(18) + "}\n", "struct t of 21 fields, at most 20"},
		"struct in a function":     {"a/a.go", "// Package a is.\npackage a\n\nvar v = struct {\n" + fields(21) + "}{}\n", "struct of 21 fields"},
		"interface of 6 methods":   {"a/a.go", "// Package a is.\npackage a\n\ntype t interface { a(); b(); c(); d(); e(); f() }\n", "interface t of 6 methods, at most 5"},
		"embedded interfaces":      {"a/a.go", "// Package a is.\npackage a\n\ntype u interface { a(); b(); c() }\n\ntype t interface { u; d(); e(); f() }\n", "interface t of 6 methods"},
		"no package comment":       {"a/a.go", "package a\n", "a/a.go:1: package a has no doc comment"},
		"function without doc":     {"a/a.go", "// Package a is.\npackage a\n\nfunc F() {}\n", "F has no doc comment"},
		"method without doc":       {"a/a.go", "// Package a is.\npackage a\n\n// T is.\ntype T[V any] int\n\nfunc (t *T[V]) M() {}\n", "T.M has no doc comment"},
		"method of a private type": {"a/a.go", "// Package a is.\npackage a\n\ntype t int\n\nfunc (t) M() {}\n", ""},
		"type without doc":         {"a/a.go", "// Package a is.\npackage a\n\ntype T int\n", "T has no doc comment"},
		"constants under one doc":  {"a/a.go", "// Package a is.\npackage a\n\n// All.\nconst (\n\tA = 1\n\tB = 2\n)\n", ""},
		"variable behind one":      {"a/a.go", "// Package a is.\npackage a\n\nvar A = 1 // is one\n", ""},
		"variable without doc":     {"a/a.go", "// Package a is.\npackage a\n\nvar A = 1\n", "A has no doc comment"},
		"bad package name":         {"a/util/a.go", "// Package util is.\npackage util\n", "name says nothing"},
		"bad folder name":          {"helpers/b/a.go", "// Package b is.\npackage b\n", "name says nothing"},
		"Get":                      {"a/a.go", "// Package a is.\npackage a\n\nfunc GetX() {}\n\nfunc get() {}\n", "GetX: leave out Get"},
		"Get that is demanded":     {"a/a.go", "// Package a is.\npackage a\n\ntype t int\n\nfunc (t) GetStatus() int { return 0 }\n", ""},
		"Get of a function":        {"a/a.go", "// Package a is.\npackage a\n\n// GetStatus is.\nfunc GetStatus() {}\n", "GetStatus: leave out Get"},
		"a word that begins so":    {"a/a.go", "// Package a is.\npackage a\n\n// Getty is.\nfunc Getty() {}\n", ""},
		"init":                     {"a/a.go", "// Package a is.\npackage a\n\nfunc init() {}\n", "func init"},
		"method named init":        {"a/a.go", "// Package a is.\npackage a\n\ntype t int\n\nfunc (t) init() {}\n", ""},
		"waiver":                   {"a/a_test.go", "package a\n\nvar a = 1 //nolint:all\n", "a/a_test.go:3: a linter is switched off"},
		"talk of a waiver":         {"a/a_test.go", "package a\n\n// There is no nolint here.\n", ""},
		"syntax":                   {"a/a.go", "package\n", "expected"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			faults := strings.Join(inspect(map[string]string{tt.file: tt.source}), "\n")
			if (faults == "") != (tt.fault == "") || !strings.Contains(faults, tt.fault) {
				t.Errorf("got %q, want %q", faults, tt.fault)
			}
		})
	}
}

// fields gives the lines of n fields.
func fields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\tf%d int\n", i)
	}
	return b.String()
}

// inspector looks at the files of one repository and keeps the faults.
type inspector struct {
	set        *token.FileSet
	documented map[string]bool           // folders with a package comment
	first      map[string]token.Position // where a folder's first file that is no test begins
	interfaces map[string]*ast.InterfaceType
	faults     []string
}

// inspect gives the faults of Go files, by name; each with file and line.
func inspect(source map[string]string) []string {
	in := &inspector{
		set: token.NewFileSet(), documented: map[string]bool{}, first: map[string]token.Position{},
		interfaces: map[string]*ast.InterfaceType{},
	}
	names := make([]string, 0, len(source))
	for name := range source {
		names = append(names, name)
	}
	slices.Sort(names)
	parsed := map[string]*ast.File{}
	for _, name := range names {
		file, err := parser.ParseFile(in.set, name, source[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			in.faults = append(in.faults, err.Error())
			continue
		}
		parsed[name] = file
		in.keepInterfaces(folder(name), file)
	}
	for _, name := range names {
		if file, ok := parsed[name]; ok {
			in.file(name, strings.Count(source[name], "\n"), file)
		}
	}
	for dir, at := range in.first {
		if !in.documented[dir] {
			in.faults = append(in.faults, fmt.Sprintf("%s:%d: package %s has no doc comment", at.Filename, at.Line, path.Base(dir)))
		}
	}
	return in.faults
}

func (in *inspector) fault(pos token.Pos, format string, args ...any) {
	at := in.set.Position(pos)
	in.faults = append(in.faults, fmt.Sprintf("%s:%d: ", at.Filename, at.Line)+fmt.Sprintf(format, args...))
}

// keepInterfaces remembers the interfaces that a file names, since others may embed them.
func (in *inspector) keepInterfaces(dir string, file *ast.File) {
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			if named, ok := spec.(*ast.TypeSpec); ok {
				if i, ok := named.Type.(*ast.InterfaceType); ok {
					in.interfaces[dir+"."+named.Name.Name] = i
				}
			}
		}
	}
}

// file looks at one file of a number of lines.
func (in *inspector) file(name string, lines int, file *ast.File) {
	start := in.set.File(file.Pos()).Pos(0)
	limit := maxFileLines
	if path.Base(name) == "main.go" {
		limit = maxMainLines
	}
	if lines > limit {
		in.fault(start, "file of %d lines, at most %d", lines, limit)
	}
	for _, part := range append(strings.Split(folder(name), "/"), strings.TrimSuffix(file.Name.Name, "_test")) {
		if slices.Contains(badNames, part) {
			in.fault(file.Name.Pos(), "%q: the name says nothing of what is in it", part)
		}
	}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if waiver.MatchString(comment.Text) {
				in.fault(comment.Pos(), "a linter is switched off: mend what it found")
			}
		}
	}
	if strings.HasSuffix(name, "_test.go") {
		return
	}
	if _, seen := in.first[folder(name)]; !seen {
		in.first[folder(name)] = in.set.Position(start)
	}
	if strings.TrimSpace(file.Doc.Text()) != "" {
		in.documented[folder(name)] = true
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			in.function(d)
		case *ast.GenDecl:
			in.general(d)
		}
	}
	in.shapes(folder(name), file)
}

// demanded are methods whose names are not ours to choose, by the interface that asks for them.
var demanded = map[string]string{
	"GetStatus":          "huma.StatusError, an error with its HTTP status",
	"GetListenAddresses": "ice.UDPMux, a port that many peers share",
}

// function looks at a function or method.
func (in *inspector) function(f *ast.FuncDecl) {
	name, exported := f.Name.Name, f.Name.IsExported()
	if f.Recv == nil && name == "init" {
		in.fault(f.Pos(), "func init: make the wiring visible in main")
	}
	if rest, found := strings.CutPrefix(name, "Get"); found && (f.Recv == nil || demanded[name] == "") {
		if r, _ := utf8.DecodeRuneInString(rest); rest == "" || !unicode.IsLower(r) {
			in.fault(f.Pos(), "%s: leave out Get", name)
		}
	}
	if f.Recv != nil && len(f.Recv.List) == 1 {
		receiver := receiverName(f.Recv.List[0].Type)
		exported = exported && ast.IsExported(receiver)
		name = receiver + "." + name
	}
	if exported && f.Doc.Text() == "" {
		in.fault(f.Pos(), "%s has no doc comment", name)
	}
	if lines := in.set.Position(f.End()).Line - in.set.Position(f.Pos()).Line + 1; lines > maxFunctionLines {
		in.fault(f.Pos(), "function %s of %d lines, at most %d", name, lines, maxFunctionLines)
	}
}

// receiverName gives the type's name of a receiver, without star and type parameters.
func receiverName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return receiverName(t.X)
	case *ast.ParenExpr:
		return receiverName(t.X)
	case *ast.IndexExpr:
		return receiverName(t.X)
	case *ast.IndexListExpr:
		return receiverName(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// general looks at the doc comments of types, constants and variables. One comment above a group serves its constants and
// variables; each type has its own.
func (in *inspector) general(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			alone := !d.Lparen.IsValid() && d.Doc.Text() != ""
			if s.Name.IsExported() && !alone && s.Doc.Text() == "" {
				in.fault(s.Pos(), "%s has no doc comment", s.Name.Name)
			}
		case *ast.ValueSpec:
			if d.Doc.Text() != "" || s.Doc.Text() != "" || s.Comment.Text() != "" {
				continue
			}
			for _, name := range s.Names {
				if name.IsExported() {
					in.fault(name.Pos(), "%s has no doc comment", name.Name)
				}
			}
		}
	}
}

// shapes counts the fields of all structs and the methods of all interfaces, with and without a name.
func (in *inspector) shapes(dir string, file *ast.File) {
	names := map[ast.Node]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch t := n.(type) {
		case *ast.TypeSpec:
			names[t.Type] = " " + t.Name.Name
		case *ast.StructType:
			if n := t.Fields.NumFields(); n > maxFields {
				in.fault(t.Pos(), "struct%s of %d fields, at most %d", names[t], n, maxFields)
			}
		case *ast.InterfaceType:
			if n := in.methods(dir, t, map[string]bool{}); n > maxMethods {
				in.fault(t.Pos(), "interface%s of %d methods, at most %d", names[t], n, maxMethods)
			}
		}
		return true
	})
}

// methods counts the methods of an interface with those of the interfaces of its package that it embeds, each once.
func (in *inspector) methods(dir string, i *ast.InterfaceType, seen map[string]bool) int {
	count := 0
	for _, field := range i.Methods.List {
		if len(field.Names) > 0 {
			count += len(field.Names)
			continue
		}
		name, ok := field.Type.(*ast.Ident)
		if !ok || seen[name.Name] {
			continue
		}
		seen[name.Name] = true
		if embedded, ok := in.interfaces[dir+"."+name.Name]; ok {
			count += in.methods(dir, embedded, seen)
		}
	}
	return count
}
