package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
	"github.com/simulcart/simulcart/wire/flv"
	"github.com/simulcart/simulcart/wire/sei"
)

// Configurations that x264, x265 and SVT-AV1 made, and the beginning of a picture of each.
const (
	avcC = "0164002affe1001b6764002aacd940780227e5c044000003000400000301e03c60c65801000468ef8fcbfdf8f800"
	hvcC = "0102200000009000000000005df000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003005d959409a1" +
		"0001002942010102200000030090000003000003005da00280802d136595952930bc05a02000007d20000ea601a2000100064401c073c189"
	av1C = "81090c000a0b0000004aabbfc3700be001"

	avcPicture = "00000002 6588"
	hvcPicture = "00000003 2601aa"
	av1Picture = "3202 1000"
)

// recording writes an FLV file.
type recording struct {
	t     *testing.T
	codec media.Codec
	form  flv.Form
	unit  []byte // of each picture
	bytes.Buffer
	w *flv.Writer
}

// record begins a file of a codec with the sequence header.
func record(t *testing.T, codec media.Codec, config, unit string) *recording {
	t.Helper()
	r := &recording{t: t, codec: codec, unit: mediatest.Unhex(t, unit)}
	if codec != media.H264 {
		r.form = flv.Enhanced
	}
	r.w = flv.NewWriter(&r.Buffer)
	r.video(0, flv.SequenceStart, true, 0, mediatest.Unhex(t, config))
	return r
}

// recordH264 begins a file as most encoders write it.
func recordH264(t *testing.T) *recording {
	t.Helper()
	return record(t, media.H264, avcC, avcPicture)
}

func (r *recording) video(dts int64, kind flv.PacketKind, key bool, composition int32, body []byte) {
	r.t.Helper()
	head, err := flv.AppendVideoHeader(nil, r.form, r.codec, kind, key, composition)
	if err == nil {
		err = r.w.WriteTag(flv.TagVideo, dts, head, body)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// picture writes a picture, with texts as SEI in it.
func (r *recording) picture(dts, pts int64, key bool, texts ...string) {
	r.t.Helper()
	var body []byte
	for _, text := range texts {
		var err error
		if body, err = sei.Append(body, r.codec, []byte(text)); err != nil {
			r.t.Fatal(err)
		}
	}
	r.video(dts, flv.Coded, key, int32(pts-dts), append(body, r.unit...))
}

// message writes a text as onTextData.
func (r *recording) message(at int64, text string) {
	r.t.Helper()
	body, err := flv.AppendText(nil, []byte(text))
	if err == nil {
		err = r.w.WriteTag(flv.TagData, at, body)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// save writes the file.
func (r *recording) save() string {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "recording.flv")
	if err := os.WriteFile(path, r.Bytes(), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// said is a state of the convention: seq holds from the media time at and is carried at now, in ms. products are shown in main.
func said(seq, at, now int64, products ...string) string {
	var cards []string
	for _, id := range products {
		cards = append(cards, fmt.Sprintf(`{"slot":"main","pos":"lower-third","style":"card","product":{"id":%q,"title":"The %s",`+
			`"price":{"amount":2499,"currency":"EUR"},"link":"https://shop.example.com/%s"}}`, id, id, id))
	}
	return fmt.Sprintf(`{"v":1,"stream":"s1","seq":%d,"at":%d,"now":%d,"show":[%s]}`, seq, 90*at, 90*now, strings.Join(cards, ","))
}

// last gives the byte where the last tag begins.
func (r *recording) last() int {
	b := r.Bytes()
	size := b[len(b)-4:]
	return len(b) - 4 - (int(size[0])<<24 | int(size[1])<<16 | int(size[2])<<8 | int(size[3]))
}
