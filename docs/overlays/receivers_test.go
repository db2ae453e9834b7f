package overlays_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/docs/overlays"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/nal"
	"github.com/simulcart/simulcart/wire/sei"
)

// peerPatience bounds each run of a program of others.
const peerPatience = 10 * time.Second

// step is what a receiver is given: an H.264 access unit, or where that is empty the text of a message.
type step struct {
	Unit string `json:"unit"` // hexadecimal, NAL units behind their lengths
	Text string `json:"text"`
}

func unitStep(units ...[]byte) step {
	return step{Unit: hex.EncodeToString(bytes.Join(units, nil))}
}

// newest is what tells states apart; the zero value is none.
type newest struct {
	Stream string `json:"stream"`
	Seq    int64  `json:"seq"`
	At     int64  `json:"at"`
	Now    int64  `json:"now"`
	Cards  int    `json:"cards"`
}

// newestOf is the state of a message that counts.
func newestOf(t testing.TB, text string) newest {
	t.Helper()
	m, err := overlay.ParseMessage([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return newest{m.Stream, m.Seq, m.At, m.Now, len(m.Show)}
}

// receiveGo gives what the receiver in Go has after each run of steps. It knows no text alone: that goes to it as SEI.
func receiveGo(t testing.TB, runs [][]step) (got []newest) {
	t.Helper()
	for _, run := range runs {
		var have overlays.State
		for _, s := range run {
			unit := mediatest.Unhex(t, s.Unit)
			if s.Unit == "" {
				unit = withLength(encode(t, "h264", []byte(s.Text)))
			}
			var list [][]byte
			for n, err := range nal.Units(unit) {
				if err != nil {
					break
				}
				list = append(list, n)
			}
			have = overlays.Newest(have, list)
		}
		got = append(got, newest{have.Stream, have.Seq, have.At, have.Now, len(have.Show)})
	}
	return got
}

// driver runs the receiver in JavaScript; RUNS are the steps. What it says is in hexadecimal, so that a page can say it too.
const driver = `
const unhex = (text) => new Uint8Array((text.match(/../g) || []).map((b) => parseInt(b, 16)));
const take = (have, s) => (s.unit === "" ? read(have, s.text) : newest(have, unhex(s.unit)));
const brief = (s) => s && { stream: s.stream, seq: s.seq, at: s.at, now: s.now, cards: s.show.length };
const all = RUNS.map((run) => brief(run.reduce(take, null)));
const said = "GOT:" + hex(new TextEncoder().encode(JSON.stringify(all))) + ":";
if (globalThis.document) document.body.textContent = said; else console.log(said);
`

// runJS runs a module, by node or by Chromium, and gives what it wrote; where there is neither, the test is skipped.
func runJS(t testing.TB, module string) string {
	t.Helper()
	var cmd *exec.Cmd
	ctx, cancel := context.WithTimeout(t.Context(), peerPatience)
	defer cancel()
	file := filepath.Join(t.TempDir(), "receiver.mjs")
	if node, err := exec.LookPath("node"); err == nil {
		cmd = exec.CommandContext(ctx, node, file)
	} else if browser, err := exec.LookPath("chromium"); err == nil {
		file = filepath.Join(t.TempDir(), "receiver.html")
		module = "<!doctype html><meta charset=utf-8><body><script type=module>\n" + module + "</script>"
		cmd = exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+file)
	} else {
		t.Skip("nothing here runs JavaScript: neither node (Debian: nodejs) nor chromium is on the PATH")
	}
	if err := os.WriteFile(file, []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	var fault bytes.Buffer
	cmd.Stderr = &fault
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd.Path, err, fault.String())
	}
	return string(out)
}

// receiveJS gives what the receiver in JavaScript has after each run of steps.
func receiveJS(t testing.TB, runs [][]step) []newest {
	t.Helper()
	source, err := os.ReadFile("receiver.mjs")
	if err != nil {
		t.Fatal(err)
	}
	steps, err := json.Marshal(runs)
	if err != nil {
		t.Fatal(err)
	}
	said := runJS(t, string(source)+strings.Replace(driver, "RUNS", string(steps), 1))
	found := regexp.MustCompile(`GOT:([0-9a-f]+):`).FindStringSubmatch(said)
	if found == nil {
		t.Fatalf("got %q, want a result", said)
	}
	var got []*newest
	if err := json.Unmarshal(mediatest.Unhex(t, found[1]), &got); err != nil {
		t.Fatal(err)
	}
	list := make([]newest, len(got))
	for i, n := range got {
		if n != nil {
			list[i] = *n
		}
	}
	return list
}

// receivers are the two of the documentation.
var receivers = map[string]func(testing.TB, [][]step) []newest{"Go": receiveGo, "JavaScript": receiveJS}

// trial is a run of steps with what a receiver has after it.
type trial struct {
	name  string
	steps []step
	want  newest
}

func try(t *testing.T, trials []trial) {
	t.Helper()
	var runs [][]step
	for _, tr := range trials {
		runs = append(runs, tr.steps)
	}
	for name, receive := range receivers {
		t.Run(name, func(t *testing.T) {
			got := receive(t, runs)
			if len(got) != len(trials) {
				t.Fatalf("got %d results, want %d", len(got), len(trials))
			}
			for i, tr := range trials {
				if got[i] != tr.want {
					t.Errorf("%s: got %+v, want %+v", tr.name, got[i], tr.want)
				}
			}
		})
	}
}

// Both receivers read the vectors, whatever stands beside them in the picture.
func TestReceiversReadVectors(t *testing.T) {
	v := readVectors(t)
	slice := withLength([]byte{0x65, 0x88, 0, 0, 3, 1, 0xff})
	others := [][]byte{ // delimiter, parameter set, SEI of others: buffering period and user data, both with zeros
		withLength([]byte{9, 0xf0}), withLength([]byte{0x67, 0x64, 0, 0x1f}),
		withLength([]byte{6, 0, 7, 0x84, 0, 0, 3, 0, 0, 3, 3, 0x40, 5, 17, 1, 0, 0, 3, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0x80}),
	}
	var trials []trial
	for _, m := range v.Messages {
		unit, want := withLength(mediatest.Unhex(t, m.H264)), newestOf(t, m.Text)
		trials = append(trials,
			trial{m.Name + ", alone", []step{unitStep(unit)}, want},
			trial{m.Name + ", in a picture", []step{unitStep(append(append([][]byte{}, others...), unit, slice)...)}, want},
			trial{m.Name + ", as text", []step{{Text: m.Text}}, want},
			trial{m.Name + ", behind others in one NAL unit", []step{unitStep(merged(t, m.H264), slice)}, want},
		)
	}
	for _, b := range v.Bytes {
		if b.Carriage == "h264" {
			trials = append(trials, trial{b.Name, []step{unitStep(withLength(mediatest.Unhex(t, b.Bytes)))}, newest{}})
		}
	}
	try(t, trials)
}

// merged gives a NAL unit of H.264 in which the message stands behind others, one of them with a type and a size above 255.
func merged(t testing.TB, message string) []byte {
	t.Helper()
	whole := []byte{6, 0, 3, 0, 0, 3, 1, 0xff, 2, 0xff, 1}
	whole = append(whole, bytes.Repeat([]byte{7}, 256)...)
	return withLength(append(whole, mediatest.Unhex(t, message)[1:]...))
}

// Both receivers keep to the rules.
func TestReceiversKeepRules(t *testing.T) {
	var trials []trial
	for _, r := range readVectors(t).Rules {
		want := newestOf(t, r.First)
		if r.Newest == "second" {
			want = newestOf(t, r.Second)
		}
		trials = append(trials, trial{r.Name, []step{{Text: r.First}, {Text: r.Second}}, want})
	}
	message := `{"v":1,"stream":"a","seq":1,"at":0,"now":0,"show":[]`
	long := message + strings.Repeat(" ", overlay.MaxWireState)
	fits := long[:overlay.MaxWireState-1] + "}"
	text := encode(t, "h264", []byte(message+"}"))
	nested := append([]byte{6, 5, byte(16 + len(text) - 2)}, bytes.Repeat([]byte{1}, 16)...)
	nested = withLength(append(nested, text[1:]...))
	trials = append(trials,
		trial{"of the greatest size", []step{{Text: fits}}, newestOf(t, fits)},
		trial{"too long", []step{{Text: long + "}"}}, newest{}},
		trial{"within user data of others", []step{unitStep(nested)}, newest{}},
		trial{"cut short", []step{unitStep(withLength(text[:len(text)-2]))}, newest{}},
		trial{"another type", []step{unitStep(withLength(append([]byte{6, 4}, text[2:]...)))}, newest{}},
		trial{"in no SEI", []step{unitStep(withLength(append([]byte{1}, text[1:]...)))}, newest{}},
		trial{"nothing", []step{unitStep(withLength([]byte{6})), unitStep(withLength(nil)), unitStep([]byte{0, 0, 0, 9, 6})}, newest{}},
		trial{"all FF", []step{unitStep(withLength(append([]byte{6}, bytes.Repeat([]byte{0xff}, 300)...)))}, newest{}},
	)
	try(t, trials)
}

// What JavaScript has besides: cards without an https link, and too many of them, are not shown.
func TestReceiverShowsNoForeignLinks(t *testing.T) {
	card := func(link string) string {
		return `{"slot":"a","pos":"top","style":"card","product":{"id":"a","title":"A","link":` + link + `}}`
	}
	message := func(cards ...string) []step {
		return []step{{Text: `{"v":1,"stream":"a","seq":1,"at":0,"now":0,"show":[` + strings.Join(cards, ",") + `]}`}}
	}
	good := card(`"https://shop.example.com/"`)
	got := receiveJS(t, [][]step{
		message(good, card(`"http://shop.example.com/"`), card(`"javascript:alert(1)"`)),
		message(good, card(`7`), card(`"https://`+strings.Repeat("a", 193)+`"`)),
		message(good, good, good, good),
		message(good, good, good, good, good),
		message(good, `{"slot":"b"}`),
		message(`null`),
	})
	one := newest{"a", 1, 0, 0, 1}
	four := one
	four.Cards = 4
	if diff := cmp.Diff([]newest{one, one, four, {}, {}, {}}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Both receivers find in real pictures, of x264, what this program finds.
func TestReceiversReadRealPictures(t *testing.T) {
	tags, err := mediatest.ReadFLV("../../wire/sei/testdata/overlays.flv")
	if err != nil {
		t.Fatal(err)
	}
	var trials []trial
	states := 0
	for _, g := range tags {
		if g.Type != mediatest.VideoTag || !g.Coded() {
			continue
		}
		want := newest{}
		for payload, err := range sei.Payloads(media.H264, g.Body[5:]) {
			if m, fault := overlay.ParseMessage(payload); err == nil && fault == nil {
				want = newest{m.Stream, m.Seq, m.At, m.Now, len(m.Show)}
				states++
			}
		}
		trials = append(trials, trial{fmt.Sprintf("picture %d", len(trials)), []step{unitStep(g.Body[5:])}, want})
	}
	if len(trials) != 12 || states == 0 || states == 12 {
		t.Fatalf("got %d pictures with %d states, want 12 with some", len(trials), states)
	}
	try(t, trials)
}

// The receivers stand alone: they use nothing but their languages.
func TestReceiversStandAlone(t *testing.T) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "receiver.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err != nil || strings.Contains(name, ".") {
			t.Errorf("receiver.go imports %s, which is not of the standard library", spec.Path.Value)
		}
	}
	source, err := os.ReadFile("receiver.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`\b(import|require)\b`).Match(source) {
		t.Error("receiver.mjs imports something")
	}
}

// FuzzNewest checks that no picture ends the receiver in Go, and that it takes nothing of another version.
func FuzzNewest(f *testing.F) {
	for _, m := range readVectors(f).Messages {
		f.Add(mediatest.Unhex(f, m.H264))
	}
	f.Add([]byte{6, 5, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		got := overlays.Newest(overlays.State{}, [][]byte{b, nil, b})
		if got.V != 0 && got.V != 1 {
			t.Errorf("got version %d", got.V)
		}
	})
}
