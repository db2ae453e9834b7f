package overlays_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/outputs"
	"github.com/simulcart/simulcart/overlay"
)

const page = "../overlays.md"

func readPage(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fenced gives the code blocks of a language, without the fences.
func fenced(text, language string) (blocks []string) {
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// table gives the rows of the table under a heading line, such as "| path | SEI | `onTextData` |", by cells.
func table(t testing.TB, heading string) (rows [][]string) {
	t.Helper()
	_, rest, found := strings.Cut(readPage(t), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no table %s", page, heading)
	}
	for i, line := range strings.Split(rest, "\n") {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "| "), "|")
		for c := range cells {
			cells[c] = strings.TrimSpace(cells[c])
		}
		if i > 0 { // the line under the heading
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s: the table %s is empty", page, heading)
	}
	return rows
}

// words gives what stands between backquotes.
func words(cell string) (list []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		list = append(list, m[1])
	}
	return list
}

// The page shows the receivers as they are, and they are short.
func TestPageShowsReceivers(t *testing.T) {
	for file, language := range map[string]string{"receiver.mjs": "js", "receiver.go": "go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(source, []byte("\n")); lines > 30 {
			t.Errorf("%s has %d lines, want at most 30", file, lines)
		}
		if !slices.Contains(fenced(readPage(t), language), string(source)) {
			t.Errorf("%s does not show %s as it is", page, file)
		}
	}
}

// The message of the page is the first of the vectors, and has every member of the tables but those that it says nothing of; that of the
// data channel is as such channels have it.
func TestPageShowsMessage(t *testing.T) {
	blocks := fenced(readPage(t), "json")
	if len(blocks) != 2 {
		t.Fatalf("got %d blocks of JSON, want 2", len(blocks))
	}
	const at = 62835000
	channel := (&overlay.View{}).Apply(&overlay.State{Stream: "k3v9x2", Seq: 1843, At: media.FromTicks(at, 90000)})
	if got, want := strings.TrimSpace(blocks[1]), string(channel.AppendRTP(nil, media.FromTicks(at, 90000), 3405691582)); got != want {
		t.Errorf("data channel: got %s, want %s", got, want)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(blocks[0])); err != nil {
		t.Fatal(err)
	}
	if got, want := compact.String(), readVectors(t).Messages[0].Text; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The tables tell of each member that a message can have.
func TestPageTellsOfMembers(t *testing.T) {
	for heading, tell := range map[string]any{
		"| member | | value |":              overlay.Message{Late: true, Meta: "m"},
		"| member of a card | | value |":    overlay.MessageCard{Until: 1},
		"| member of a product | | value |": overlay.MessageProduct{Variant: "v", Price: &overlay.Money{}, Was: &overlay.Money{}, Avail: overlay.InStock, Stock: new(int64), Image: "i", GTIN: "g", Lang: "l"},
	} {
		text, err := json.Marshal(tell)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		for _, row := range table(t, heading) {
			name := words(row[0])[0]
			if _, known := members[name]; !known && name != "rtp" {
				t.Errorf("%s: there is no member %s", heading, name)
			}
			delete(members, name)
		}
		for name := range members {
			t.Errorf("%s says nothing of %s", heading, name)
		}
	}
}

// Places and availabilities are the program's, all of them.
func TestPageTellsClosedSets(t *testing.T) {
	var places, avails []string
	for a := overlay.Anchor(0); a.String() != "unknown"; a++ {
		places = append(places, a.String())
	}
	for a := overlay.InStock; a.String() != "unknown"; a++ {
		avails = append(avails, a.String())
	}
	for name, set := range map[string]struct {
		heading string
		want    []string
	}{
		"`pos`":   {"| member of a card | | value |", places},
		"`avail`": {"| member of a product | | value |", avails},
	} {
		rows := table(t, set.heading)
		row := rows[slices.IndexFunc(rows, func(row []string) bool { return row[0] == name })]
		got := slices.DeleteFunc(words(row[2]), func(word string) bool { return strings.HasPrefix(word, "[") })
		slices.Sort(got)
		slices.Sort(set.want)
		if !slices.Equal(got, set.want) {
			t.Errorf("%s: got %q, want %q", name, got, set.want)
		}
	}
}

// The bytes in the page are those of the vectors.
func TestPageShowsVectors(t *testing.T) {
	known := map[string]string{}
	for _, v := range readVectors(t).Bytes {
		known[v.Name] = v.Bytes
	}
	for _, row := range table(t, "| vector | bytes |") {
		got := strings.ReplaceAll(words(row[1])[0], " ", "")
		if want := known[row[0]]; got != want {
			t.Errorf("%s: got %s, want %s", row[0], got, want)
		}
	}
	if id := readVectors(t).UUID; !strings.Contains(readPage(t), "`"+id+"`") {
		t.Errorf("the page does not show the UUID %s", id)
	}
}

// Digits behind the point are what the program takes them for, in all currencies.
func TestPageTellsExponents(t *testing.T) {
	told := map[string]int{}
	for _, row := range table(t, "| digits behind the point | currencies |") {
		digits, err := strconv.Atoi(row[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range strings.Fields(row[1]) {
			told[code] = digits
		}
	}
	count := 0
	for n := range 26 * 26 * 26 {
		code := string([]byte{byte('A' + n/676), byte('A' + n/26%26), byte('A' + n%26)})
		if !overlay.IsCurrency(code) {
			continue
		}
		count++
		digits, special := told[code]
		if !special {
			digits = 2
		}
		if want := overlay.Exponent(code); digits != want {
			t.Errorf("%s: got %d, want %d", code, digits, want)
		}
	}
	if count < 100 {
		t.Errorf("got %d currencies", count)
	}
}

func TestPageTellsLimits(t *testing.T) {
	want := map[string]string{
		"message": strconv.Itoa(overlay.MaxWireState) + " bytes", "product": strconv.Itoa(overlay.MaxWireProduct) + " bytes",
		"cards": strconv.Itoa(overlay.MaxCards), "`meta`": strconv.Itoa(overlay.MaxMeta) + " bytes",
		"`link`, `image`": strconv.Itoa(overlay.MaxWireLink) + " bytes",
		"`title`":         strconv.Itoa(overlay.MaxWireTitle) + " code points", "`variant`": strconv.Itoa(overlay.MaxWireVariant) + " code points",
	}
	for _, row := range table(t, "| what | at most |") {
		if row[1] != want[row[0]] {
			t.Errorf("%s: got %s, want %q", row[0], row[1], want[row[0]])
		}
		delete(want, row[0])
	}
	for what := range want {
		t.Errorf("the page does not limit %s", what)
	}
}

// The defaults are those of the platforms, and each platform is there.
func TestPageTellsDefaults(t *testing.T) {
	told := map[string]string{}
	for _, row := range table(t, "| output | carriage by default | view |") {
		if platforms, found := strings.CutPrefix(row[0], "RTMP push, `platform:` "); found {
			for _, name := range words(platforms) {
				told[name] = words(row[1])[0]
			}
		}
	}
	for _, name := range strings.Fields("tiktok talkshoplive youtube facebook instagram twitch kick custom") {
		p, found := outputs.ProfileOf(name)
		if got, want := told[name], p.Overlays.String(); !found || got != want {
			t.Errorf("%s: got %q, want %s", name, got, want)
		}
		delete(told, name)
	}
	if len(told) > 0 {
		t.Errorf("there are no platforms %v", told)
	}
}

// Each key of the configuration that the page shows is in the sample, with the same value where it has a comment.
func TestPageShowsConfiguration(t *testing.T) {
	sample, err := os.ReadFile("../../config/sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(strings.Join(fenced(readPage(t), "yaml"), "")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value, comment, _ := strings.Cut(value, "#")
		want := key + ":"
		if strings.TrimSpace(comment) != "" {
			want += strings.TrimRight(value, " ")
		}
		count++
		if !regexp.MustCompile(`(?m)^# +` + regexp.QuoteMeta(want)).Match(sample) {
			t.Errorf("config/sample.yaml has no %q", want)
		}
	}
	if count == 0 {
		t.Error("the page shows no configuration")
	}
}

// Links into the repository lead somewhere.
func TestPageLinks(t *testing.T) {
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(readPage(t), -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
}
