package sei

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire"
)

// hexUUID is ours as people write it.
const hexUUID = "5b6d1f0e-2c8a-4c1b-9e7a-73696d756c63"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "-", "", "U", strings.ReplaceAll(hexUUID, "-", "")).Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors of the overlay convention, behind lengths where media.Frame has them. U stands for our UUID.
func TestVectors(t *testing.T) {
	short := strings.ReplaceAll(hexUUID, "-", "")[:28]
	for _, tt := range []struct {
		name    string
		codec   media.Codec
		id      string
		payload string
		want    string
	}{
		{"H.264", media.H264, uuid, "ab", "00000016 06 05 12 U 6162 80"},
		{"H.265", media.HEVC, uuid, "ab", "00000017 4e01 05 12 U 6162 80"},
		{"AV1", media.AV1, uuid, "ab", "2a 14 06 U 6162 80"},
		{"emulation", media.H264, uuid[:14] + "\x00\x00", "\x01", "00000016 06 05 11" + short + "0000 03 01 80"},
		{"emulation in H.265", media.HEVC, uuid[:14] + "\x00\x00", "\x01", "00000017 4e01 05 11" + short + "0000 03 01 80"},
		{"none in AV1", media.AV1, uuid[:14] + "\x00\x00", "\x01", "2a 13 06" + short + "0000 01 80"},
		{"no payload", media.H264, uuid, "", "00000014 06 05 10 U 80"},
		{"zeros", media.H264, uuid, "\x00\x00\x00\x00\x00", "0000001b 06 05 15 U 0000 03 0000 03 00 80"},
		{"two zeros and each byte to 4", media.H264, uuid, "\x00\x00\x01\x00\x00\x02\x00\x00\x03\x00\x00\x04", "00000023 06 05 1c U 0000 03 01 0000 03 02 0000 03 03 0000 04 80"},
		{"a zero", media.H264, uuid, "\x00", "00000015 06 05 11 U 00 80"},
		{"254 bytes", media.H264, uuid, strings.Repeat("z", 254-16), "00000102 06 05 fe U" + strings.Repeat("7a", 254-16) + "80"},
		{"255 bytes", media.H264, uuid, strings.Repeat("z", 255-16), "00000104 06 05 ff00 U" + strings.Repeat("7a", 255-16) + "80"},
		{"256 bytes", media.HEVC, uuid, strings.Repeat("z", 256-16), "00000106 4e01 05 ff01 U" + strings.Repeat("7a", 256-16) + "80"},
		{"510 bytes", media.H264, uuid, strings.Repeat("z", 510-16), "00000204 06 05 ffff00 U" + strings.Repeat("7a", 510-16) + "80"},
		{"OBU of 128 bytes", media.AV1, uuid, strings.Repeat("z", 128-18), "2a 8001 06 U" + strings.Repeat("7a", 128-18) + "80"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.want)
			got, err := appendMessage(nil, tt.codec, tt.id, []byte(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("-want +got\n%s", diff)
			}
			count := 0
			for m, err := range Messages(tt.codec, want) {
				if err != nil {
					t.Fatal(err)
				}
				count++
				kind := userData
				if tt.codec == media.AV1 {
					kind = privateMetadata
				}
				if diff := cmp.Diff(Message{Type: kind, Payload: []byte(tt.id + tt.payload)}, m); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			}
			if count != 1 {
				t.Errorf("got %d messages, want 1", count)
			}
			for payload, err := range Payloads(tt.codec, want) {
				if err != nil || string(payload) != tt.payload {
					t.Errorf("got %q, %v, want %q", payload, err, tt.payload)
				}
				count--
			}
			if ours := tt.id == uuid; ours != (count == 0) {
				t.Errorf("ours: got %v, want %v", !ours, ours)
			}
		})
	}
}

// Payloads of every size around the steps of the size's coding come back, behind what was there before.
func TestEverySize(t *testing.T) {
	for _, c := range []media.Codec{media.H264, media.HEVC, media.AV1} {
		t.Run(c.String(), func(t *testing.T) {
			var data []byte
			for size := range 1100 {
				payload := bytes.Repeat([]byte{0, 0, byte(size)}, size/3+1)[:size]
				start := len(data)
				var err error
				if data, err = Append(data, c, payload); err != nil {
					t.Fatal(err)
				}
				count := 0
				for got, err := range Payloads(c, data[start:]) {
					if err != nil || !bytes.Equal(got, payload) {
						t.Fatalf("%d bytes: got %x, %v, want %x", size, got, err, payload)
					}
					count++
				}
				if count != 1 {
					t.Fatalf("%d bytes: got %d payloads", size, count)
				}
			}
			out, found := Strip(c, data)
			if len(out) != 0 || !found {
				t.Errorf("stripped: got %d bytes, %v", len(out), found)
			}
		})
	}
}

func TestCodecsThatCarryNone(t *testing.T) {
	for c := media.Unknown; c <= media.Metadata; c++ {
		t.Run(c.String(), func(t *testing.T) {
			want := c == media.H264 || c == media.HEVC || c == media.AV1
			if got := Carries(c); got != want {
				t.Fatalf("got %v, want %v", got, want)
			}
			if want {
				return
			}
			data := unhex(t, "00000016 06 05 12 U 6162 80 00000001 65")
			var refused *wire.UnsupportedError
			if _, err := Append(nil, c, nil); !errors.As(err, &refused) {
				t.Errorf("append: got %v", err)
			}
			if _, err := Place(c, data); !errors.As(err, &refused) {
				t.Errorf("place: got %v", err)
			}
			if out, found := Strip(c, data); found || &out[0] != &data[0] || len(out) != len(data) {
				t.Errorf("strip: got %x, %v", out, found)
			}
			for m, err := range Messages(c, data) {
				t.Errorf("got message %v, %v", m, err)
			}
		})
	}
}

// No message that a decoder could read as ours lacks the bytes of our UUID in one run, which is what is looked for.
func TestUUIDNeedsNoEmulationPrevention(t *testing.T) {
	if bytes.IndexByte([]byte(uuid), 0) >= 0 {
		t.Error("our UUID has a zero byte")
	}
	if got := fmt.Sprintf("%x-%x-%x-%x-%x", uuid[:4], uuid[4:6], uuid[6:8], uuid[8:10], uuid[10:]); got != hexUUID {
		t.Errorf("got %s, want %s", got, hexUUID)
	}
}
