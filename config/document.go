package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of the tree. The parser recurses by depth, its time grows with the square of a block's entries, and it needs
// about 200 bytes of memory for each character that means something to YAML.
const (
	maxDepth      = 32
	maxSiblings   = 2048
	maxIndicators = 1 << 20
)

// indicators are the characters that begin or end a token.
const indicators = "[]{},:-?&*!|>'\"%#@`\n"

// document turns the bytes into the tree of the file's one document. It gives nil where there is nothing to read:
// the file is empty, or faulty as a whole.
func (r *reader) document(data []byte) ast.Node {
	if len(data) > maxFile {
		r.fault(place{1, 1}, "", "the file is larger than 4 MiB", "")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		r.fault(invalidText(data), "", "not UTF-8 text", "save the file as UTF-8")
		return nil
	}
	if countIndicators(data) > maxIndicators {
		r.fault(place{1, 1}, "", fmt.Sprintf("the file has more than %d lines, brackets, colons and other marks of YAML", maxIndicators), "")
		return nil
	}
	tokens := lexer.Tokenize(markVariables(string(data)))
	if !r.outline(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	return r.single(file)
}

func countIndicators(data []byte) (n int) {
	for i := range len(indicators) {
		n += bytes.Count(data, []byte{indicators[i]})
	}
	return n
}

// invalidText finds the first byte that is not UTF-8.
func invalidText(data []byte) place {
	p := place{1, 1}
	for len(data) > 0 {
		c, n := utf8.DecodeRune(data)
		switch {
		case c == utf8.RuneError && n == 1:
			return p
		case c == '\n':
			p = place{p.line + 1, 1}
		default:
			p.column++
		}
		data = data[n:]
	}
	return p
}

// single gives the body of the only document that has one.
func (r *reader) single(file *ast.File) (body ast.Node) {
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.NullType:
		case body != nil:
			r.fault(start(doc.Body), "", "a second document", "keep one document: remove the line ---")
			return nil
		default:
			body = doc.Body
		}
	}
	return body
}

// syntax reports what the parser says. A key may stand where its message quotes the file, which it does behind a colon
// or in double quotes, and in the excerpt that its Error method adds: neither is shown.
func (r *reader) syntax(err error) {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		r.fault(place{1, 1}, "", "not valid YAML", "")
		return
	}
	msg, hint := unquoted(e.GetMessage()), "check the indentation and the line before, and put text with special characters in quotes"
	if strings.ContainsRune(e.GetMessage(), '\t') {
		msg, hint = "a tab", "indent with spaces"
	}
	r.fault(at(e.GetToken()), "", "not valid YAML: "+msg, hint)
}

// unquoted cuts off a message where it begins to quote.
func unquoted(msg string) string {
	msg, _, _ = strings.Cut(msg, ": ")
	msg, _, _ = strings.Cut(msg, `"`)
	return strings.TrimSpace(msg)
}

// outline walks the tokens before the parser sees them: it bounds depth and numbers, and refuses what the file has no
// use for. It says whether the parser may go on.
func (r *reader) outline(tokens token.Tokens) bool {
	var o outline
	for i, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		msg, hint := unwanted(t)
		if msg == "" {
			msg, hint = variableInFlow(tokens[i:])
		}
		if msg != "" {
			r.fault(at(t), "", msg, hint)
			continue
		}
		if msg := o.add(t); msg != "" {
			r.fault(at(t), "", msg, "")
			return false
		}
	}
	return len(r.faults) == 0
}

// unwanted says what is wrong with a token of a kind that the file has no use for.
func unwanted(t *token.Token) (msg, hint string) {
	const quotes = "put the value in quotes if it is text"
	switch t.Type {
	case token.AnchorType, token.AliasType, token.MergeKeyType:
		return "YAML anchors (&), aliases (*) and merges (<<) are not supported", "write the value out, or " + quotes
	case token.TagType:
		return "YAML tags (!) are not supported", quotes
	case token.DirectiveType:
		return "YAML directives (%) are not supported", quotes
	case token.MappingKeyType:
		return "YAML's ? for keys is not supported", "write key: value"
	}
	return "", ""
}

// variableInFlow finds what looks like ${NAME} without quotes between { and } and is none, so that YAML takes its braces as a
// map's.
func variableInFlow(tokens token.Tokens) (msg, hint string) {
	if len(tokens) < 2 || tokens[0].Type != token.StringType || tokens[1].Type != token.MappingStartType {
		return "", ""
	}
	text, p, brace := tokens[0].Value, at(tokens[0]), at(tokens[1])
	if !strings.HasSuffix(text, "$") || brace.line != p.line || brace.column != p.column+utf8.RuneCountInString(text) {
		return "", ""
	}
	return "${ without a variable's name and }", "write ${NAME}, or $$ for a dollar"
}

// outline is the nesting of a document as far as its tokens show it.
type outline struct {
	blocks  []block // the open blocks, by rising column
	flow    int     // the open { and [
	line    int     // of the last token
	literal bool    // the next token is the text of a block scalar, whose column says nothing
}

type block struct{ column, entries int }

// add takes the next token and says which bound it breaks.
func (o *outline) add(t *token.Token) (msg string) {
	p := at(t)
	first := p.line > o.line && o.flow == 0 && !o.literal
	o.line, o.literal = p.line, t.Type == token.LiteralType || t.Type == token.FoldedType
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		o.flow++
	case token.MappingEndType, token.SequenceEndType:
		o.flow = max(0, o.flow-1)
	case token.SequenceEntryType:
		first = true
	}
	if first {
		o.entry(p.column)
	}
	if len(o.blocks)+o.flow > maxDepth {
		return fmt.Sprintf("nested more than %d deep", maxDepth)
	}
	if n := len(o.blocks); n > 0 && o.blocks[n-1].entries > maxSiblings {
		return fmt.Sprintf("more than %d entries in one block", maxSiblings)
	}
	return ""
}

// entry counts one entry of the block at column, and closes the blocks within it that ended.
func (o *outline) entry(column int) {
	n := len(o.blocks)
	for n > 0 && o.blocks[n-1].column > column {
		n--
	}
	o.blocks = o.blocks[:n]
	if n == 0 || o.blocks[n-1].column < column {
		o.blocks = append(o.blocks, block{column: column})
		n++
	}
	o.blocks[n-1].entries++
}
