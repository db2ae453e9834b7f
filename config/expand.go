package config

import (
	"fmt"
	"strings"
)

// maxText bounds a value that variables were put into, in bytes.
const maxText = 64 << 10

// While YAML is read, these stand for the braces of ${NAME}, so that it may stand between { and } without quotes. They are one
// character each, as the braces are, so that columns stay right.
const (
	openBrace  = "\ue000"
	closeBrace = "\ue001"
)

// markVariables puts the marks in place of the braces of each ${NAME} in a file.
func markVariables(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('$')
		text = after
		if strings.HasPrefix(after, "$") { // a dollar, whatever follows
			b.WriteByte('$')
			text = after[1:]
			continue
		}
		braced, isBraced := strings.CutPrefix(after, "{")
		name, rest, closed := strings.Cut(braced, "}")
		if isBraced && closed && isVariable(name) {
			b.WriteString(openBrace + name + closeBrace)
			text = rest
		}
	}
}

// unmark takes the marks out of a text that is shown.
var unmark = strings.NewReplacer(openBrace, "{", closeBrace, "}").Replace

// expand replaces ${NAME} by the variable's value and $$ by a dollar; any other dollar stands for itself. What it puts
// in is plain text and is not looked at again; the whole is at most 64 KiB. It says what is wrong without any text of a
// value.
func expand(text string, env func(string) (string, bool)) (out, msg, hint string) {
	var b strings.Builder
	text = unmark(text)
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), "", ""
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			if !closed || !isVariable(name) {
				return "", "${ without a variable's name and }", "write ${NAME}, or $$ for a dollar"
			}
			v, set := env(name)
			if v == "" {
				return "", fmt.Sprintf("the environment variable %s is %s", name, unsetOrEmpty(set)), "set it before simulcart starts"
			}
			if b.Len()+len(v) > maxText {
				return "", "longer than 64 KiB with its environment variables replaced", ""
			}
			b.WriteString(v)
			text = rest
		default:
			b.WriteByte('$')
			text = after
		}
	}
}

func unsetOrEmpty(set bool) string {
	if set {
		return "empty"
	}
	return "not set"
}

// isVariable says whether name is [A-Za-z_][A-Za-z0-9_]*, at most 128 long.
func isVariable(name string) bool {
	if name == "" || len(name) > 128 || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	return only(name, func(c byte) bool { return isAlphanumeric(c) || c == '_' })
}

// isName says whether s is a stream id or a destination's name, [A-Za-z0-9_-]{1,64}.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && only(s, func(c byte) bool { return isAlphanumeric(c) || c == '_' || c == '-' })
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isVisible says whether c is printable ASCII and no space.
func isVisible(c byte) bool { return c > ' ' && c < 0x7f }

// only says whether ok holds for each byte of s.
func only(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}
