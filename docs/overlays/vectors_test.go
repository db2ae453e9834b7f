package overlays_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/overlay"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/id3"
	"github.com/simulcart/simulcart/wire/sei"
)

// vectors is vectors.json. Bytes are in hexadecimal; those of H.264 and HEVC are NAL units without a length in front.
type vectors struct {
	UUID     string
	Messages []struct{ Name, Text, H264, HEVC, AV1, OnTextData, ID3, Emsg string }
	Bytes    []vector
	Rules    []rule
	Ranges   []dateRange
	Money    []struct {
		Amount            int64
		Currency, Decimal string
	}
}

// vector is one payload in one carriage.
type vector struct {
	Name, Carriage    string
	UUID, Description string // where it is not ours
	Payload, Bytes    string
}

// rule is two messages one after the other, and which of them counts then: "first" or "second".
type rule struct{ Name, First, Second, Newest string }

func readVectors(t testing.TB) *vectors {
	t.Helper()
	text, err := os.ReadFile("vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	v := &vectors{}
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
	return v
}

// codecs are those whose pictures carry messages, by the name of the carriage.
var codecs = map[string]media.Codec{"h264": media.H264, "hevc": media.HEVC, "av1": media.AV1}

// withLength puts the length of a NAL unit in front of it.
func withLength(nal []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(nal))), nal...)
}

// encode gives a payload as this program carries it.
func encode(t testing.TB, carriage string, payload []byte) []byte {
	t.Helper()
	codec, inside := codecs[carriage]
	switch {
	case carriage == "id3":
		return tagOf(t, payload)
	case carriage == "emsg":
		return eventOf(t, payload)
	case !inside:
		body, err := flv.AppendText(nil, payload)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	b, err := sei.Append(nil, codec, payload)
	if err != nil {
		t.Fatal(err)
	}
	if codec == media.AV1 {
		return b
	}
	return b[4:]
}

// decode gives the payloads that this program finds.
func decode(t testing.TB, carriage string, b []byte) (payloads [][]byte) {
	t.Helper()
	codec, inside := codecs[carriage]
	switch {
	case carriage == "id3":
		return textOf(t, b)
	case carriage == "emsg":
		return textOf(t, readEvent(t, b).Data)
	case !inside:
		text, err := flv.ParseText(b)
		if err != nil {
			t.Fatal(err)
		}
		return [][]byte{text}
	case codec != media.AV1:
		b = withLength(b)
	}
	for payload, err := range sei.Payloads(codec, b) {
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, bytes.Clone(payload))
	}
	return payloads
}

func TestMessages(t *testing.T) {
	v := readVectors(t)
	for _, m := range v.Messages {
		t.Run(m.Name, func(t *testing.T) {
			if _, err := overlay.ParseMessage([]byte(m.Text)); err != nil {
				t.Errorf("parse: %v", err)
			}
			carriages := map[string]string{"h264": m.H264, "hevc": m.HEVC, "av1": m.AV1, "onTextData": m.OnTextData, "id3": m.ID3, "emsg": m.Emsg}
			for carriage, text := range carriages {
				want := mediatest.Unhex(t, text)
				if diff := cmp.Diff(want, encode(t, carriage, []byte(m.Text))); diff != "" {
					t.Errorf("%s: -want +got\n%s", carriage, diff)
				}
				if got := decode(t, carriage, want); len(got) != 1 || string(got[0]) != m.Text {
					t.Errorf("%s: got %q, want the text", carriage, got)
				}
			}
		})
	}
	golden, err := os.ReadFile("../../overlay/testdata/wire.json")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.Messages[0].Text, strings.TrimSpace(string(golden)); got != want {
		t.Errorf("the first message: got %s, want what a view makes: %s", got, want)
	}
}

func TestBytes(t *testing.T) {
	for _, v := range readVectors(t).Bytes {
		t.Run(v.Name, func(t *testing.T) {
			want, payload := mediatest.Unhex(t, v.Bytes), mediatest.Unhex(t, v.Payload)
			got := decode(t, v.Carriage, want)
			if v.UUID == "" && v.Description == "" {
				if diff := cmp.Diff(want, encode(t, v.Carriage, payload)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				if len(got) != 1 || !bytes.Equal(got[0], payload) {
					t.Errorf("got %x, want one payload, %x", got, payload)
				}
				return
			}
			if len(got) != 0 {
				t.Errorf("got %x, want nothing of ours", got)
			}
			if v.Description != "" {
				if tag, err := id3.Parse(want); err != nil || tag.Description != v.Description || tag.Value != string(payload) {
					t.Errorf("got %q, %v, want %q with %q", tag, err, v.Description, payload)
				}
				return
			}
			payload = append(mediatest.Unhex(t, v.UUID), payload...)
			b := want
			if v.Carriage != "av1" {
				b = withLength(b)
			}
			count := 0
			for m, err := range sei.Messages(codecs[v.Carriage], b) {
				count++
				if err != nil || !bytes.Equal(m.Payload, payload) {
					t.Errorf("got %x, %v, want %x", m.Payload, err, payload)
				}
			}
			if count != 1 {
				t.Errorf("got %d messages, want 1", count)
			}
		})
	}
}

// The UUID of the vectors is the one that is written.
func TestUUID(t *testing.T) {
	v := readVectors(t)
	id := mediatest.Unhex(t, strings.ReplaceAll(v.UUID, "-", ""))
	for carriage := range codecs {
		if got := encode(t, carriage, nil); len(id) != 16 || !bytes.Contains(got, id) {
			t.Errorf("%s: got %x, want %x in it", carriage, got, id)
		}
	}
}

// What the rules say is what this program's own parser and the order of seq make of it.
func TestRules(t *testing.T) {
	for _, r := range readVectors(t).Rules {
		t.Run(r.Name, func(t *testing.T) {
			first, err := overlay.ParseMessage([]byte(r.First))
			if err != nil {
				t.Fatal(err)
			}
			want := "first"
			second, err := overlay.ParseMessage([]byte(r.Second))
			if err == nil && (second.Stream != first.Stream || second.Seq > first.Seq) {
				want = "second"
			}
			if r.Newest != want {
				t.Errorf("got %s, want %s (%v)", r.Newest, want, err)
			}
			if isVersion := strings.Contains(r.Name, "version"); isVersion != errors.Is(err, overlay.ErrVersion) {
				t.Errorf("got %v, want ErrVersion: %v", err, isVersion)
			}
		})
	}
}

func TestMoney(t *testing.T) {
	for _, m := range readVectors(t).Money {
		if got, want := (overlay.Money{Amount: m.Amount, Currency: m.Currency}).String(), m.Decimal+" "+m.Currency; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
