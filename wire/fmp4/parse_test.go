package fmp4_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/wire/fmp4"
)

// here stands in the boxes of a traf for the offset of the samples from the moof.
const here = "deadbeef"

// moof gives a fragment in hexadecimal: boxes of a traf, and samples behind them.
func moof(t testing.TB, traf, samples string) string {
	t.Helper()
	whole := func(offset string) string {
		return box(t, "moof", box(t, "mfhd", "00000000 00000001")+box(t, "traf", strings.ReplaceAll(traf, here, offset)))
	}
	return whole(hex32(len(whole("00000000"))/2+8)) + box(t, "mdat", samples)
}

func hex32(n int) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for shift := 28; shift >= 0; shift -= 4 {
		b.WriteByte(digits[n>>shift&15])
	}
	return b.String()
}

// withDefaults is testdata/init.txt with defaults for samples of the first track: 100 ticks, 2 bytes, no sync samples.
func withDefaults(t testing.TB) fmp4.Init {
	t.Helper()
	old := mediatest.Unhex(t, "74726578 00000000 00000001 00000001 00000000 00000000 00000000")
	changed := mediatest.Unhex(t, "74726578 00000000 00000001 00000001 00000064 00000002 00010000")
	in, err := fmp4.ParseInit(bytes.Replace(golden(t, "init.txt"), old, changed, 1))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// The forms in which other packagers tell the same.
func TestParseFragmentsOfOthers(t *testing.T) {
	in := withDefaults(t)
	tfdt := box(t, "tfdt", "01000000 0000000000000007")
	sample := func(data string, duration uint32, offset int32, key bool) fmp4.Sample {
		s := fmp4.Sample{Duration: duration, Offset: offset, Key: key}
		if data != "" {
			s.Data = [][]byte{[]byte(data)}
		}
		return s
	}
	for _, tc := range []struct {
		name, traf, behind string
		want               []fmp4.Sample
	}{
		{
			"defaults of the init",
			box(t, "tfhd", "00020000 00000001") + tfdt + box(t, "trun", "00000001 00000002"+here), "",
			[]fmp4.Sample{sample("ab", 100, 0, false), sample("cd", 100, 0, false)},
		},
		{
			"defaults of the fragment",
			box(t, "tfhd", "0002003a 00000001 00000001 00000005 00000001 02000000") + tfdt + box(t, "trun", "00000001 00000002"+here), "",
			[]fmp4.Sample{sample("a", 5, 0, true), sample("b", 5, 0, true)},
		},
		{
			"flags of the first sample",
			box(t, "tfhd", "00020000 00000001") + tfdt + box(t, "trun", "00000005 00000002"+here+"02000000"), "",
			[]fmp4.Sample{sample("ab", 100, 0, true), sample("cd", 100, 0, false)},
		},
		{
			"version 0 of tfdt and trun",
			box(t, "tfhd", "00020000 00000001") + box(t, "tfdt", "00000000 00000007") + box(t, "trun", "00000801 00000001"+here+"7fffffff"), "",
			[]fmp4.Sample{sample("ab", 100, 1<<31-1, false)},
		},
		{
			"a base offset in the file, and the run at it",
			box(t, "tfhd", "00000001 00000001 00000000"+here) + tfdt + box(t, "trun", "00000000 00000001"), "",
			[]fmp4.Sample{sample("ab", 100, 0, false)},
		},
		{
			"no base at all: the moof",
			box(t, "tfhd", "00000000 00000001") + tfdt + box(t, "trun", "00000001 00000001"+here), "",
			[]fmp4.Sample{sample("ab", 100, 0, false)},
		},
		{
			"two runs, the second one behind the first",
			box(t, "tfhd", "00020000 00000001") + tfdt + box(t, "trun", "00000201 00000001"+here+"00000003") + box(t, "trun", "00000000 00000001"), "",
			[]fmp4.Sample{sample("abc", 100, 0, false), sample("de", 100, 0, false)},
		},
		{
			"samples of no bytes",
			box(t, "tfhd", "00020000 00000001") + tfdt + box(t, "trun", "00000201 00000001"+here+"00000000"), "",
			[]fmp4.Sample{sample("", 100, 0, false)},
		},
		{
			"boxes that nobody knows",
			box(t, "uuid", "00") + box(t, "tfhd", "00020000 00000001") + tfdt + box(t, "trun", "00000001 00000001"+here),
			box(t, "sidx", "00") + box(t, "emsg", "00000000") + "00000000" + "66726565" + "0102",
			[]fmp4.Sample{sample("ab", 100, 0, false)},
		},
		{
			"an event behind the last fragment",
			box(t, "tfhd", "00020000 00000001") + tfdt + box(t, "trun", "00000001 00000001"+here),
			box(t, "emsg", "01000000 00015f90 0000000000000000 ffffffff 00000005 6100 00"),
			[]fmp4.Sample{sample("ab", 100, 0, false)},
		},
		{"a track without samples", box(t, "tfhd", "00030000 00000001") + tfdt, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := mediatest.Unhex(t, moof(t, tc.traf, "6162636465")+tc.behind)
			got, err := in.ParseFragments(b)
			if err != nil {
				t.Fatal(err)
			}
			want := []fmp4.Fragment{{Sequence: 1}}
			if tc.want != nil {
				want[0].Runs = []fmp4.Run{{TrackID: 1, DTS: 7, Samples: tc.want}}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Without a base, samples of a track follow those of the track before (ISO/IEC 14496-12 §8.8.7.1).
func TestParseFragmentsWithoutBase(t *testing.T) {
	in := withDefaults(t)
	traf := func(id, run string) string {
		return box(t, "traf", box(t, "tfhd", "00000010 "+id+" 00000002"), box(t, "tfdt", "00000000 00000000"), box(t, "trun", run))
	}
	whole := func(offset string) string {
		return box(t, "moof", box(t, "mfhd", "00000000 00000001"),
			traf("00000001", "00000001 00000002"+offset), traf("00000002", "00000000 00000001"))
	}
	b := mediatest.Unhex(t, whole(hex32(len(whole("00000000"))/2+8))+box(t, "mdat", "616263646566"))
	got, err := in.ParseFragments(b)
	if err != nil {
		t.Fatal(err)
	}
	if data := got[0].Runs[1].Samples[0].Data[0]; string(data) != "ef" {
		t.Errorf("got %q, want ef", data)
	}
}

func TestParseFragmentsRefuses(t *testing.T) {
	in := withDefaults(t)
	tfhd, tfdt := box(t, "tfhd", "00020000 00000001"), box(t, "tfdt", "01000000 0000000000000007")
	trun := box(t, "trun", "00000001 00000001"+here)
	const traf = 8 + 16 + 8 // where the boxes of the traf begin
	for _, tc := range []struct {
		name, hex string
		refused   bool
		offset    int64
	}{
		{"a box header cut short", "00000008 6d6f6f", false, 0},
		{"a box of 7 bytes", "00000007 6d6f6f66", false, 0},
		{"a box cut short", "00000009 6d6f6f66", false, 0},
		{"a long box cut short", "00000001 6d6f6f66 00000000000000", false, 0},
		{"a box of many bytes", "00000001 6d6f6f66 ffffffffffffffff", false, 0},
		{"no mfhd", box(t, "moof"), false, 0},
		{"a broken box in moof", box(t, "moof", box(t, "mfhd", "00000000 00000001"), "00000001"), false, 24},
		{"a broken box in front of mfhd", box(t, "moof", "00000001"), false, 8},
		{"mfhd cut short", box(t, "moof", box(t, "mfhd", "00000000")), false, 8},
		{"no tfhd", moof(t, tfdt+trun, "6162"), false, 24},
		{"tfhd cut short", moof(t, box(t, "tfhd", "00020000"), "6162"), false, traf},
		{"tfhd cut short in its fields", moof(t, box(t, "tfhd", "00020001 00000001 00000000"), "6162"), false, traf},
		{"another track", moof(t, box(t, "tfhd", "00020000 00000003")+tfdt+trun, "6162"), false, traf},
		{"no tfdt", moof(t, tfhd+trun, "6162"), false, 24},
		{"tfdt cut short", moof(t, tfhd+box(t, "tfdt", "00000000")+trun, "6162"), false, traf + 16},
		{"tfdt of 64 bits cut short", moof(t, tfhd+box(t, "tfdt", "01000000 00000000")+trun, "6162"), false, traf + 16},
		{"a broken box in traf", moof(t, tfhd+tfdt+"00000001", "6162"), false, traf + 36},
		{"trun cut short", moof(t, tfhd+tfdt+box(t, "trun", "00000000"), "6162"), false, traf + 36},
		{"trun without its offset", moof(t, tfhd+tfdt+box(t, "trun", "00000001 00000001"), "6162"), false, traf + 36},
		{"trun with too few samples", moof(t, tfhd+tfdt+box(t, "trun", "00000201 00000002"+here+"00000001"), "6162"), false, traf + 36},
		{"trun of 4 G samples with fields", moof(t, tfhd+tfdt+box(t, "trun", "00000201 ffffffff"+here+"00000001"), "6162"), false, traf + 36},
		{"trun of 65537 samples without", moof(t, tfhd+tfdt+box(t, "trun", "00000001 00010001"+here), "6162"), true, traf + 36},
		{"samples behind the end", moof(t, tfhd+tfdt+box(t, "trun", "00000001 00000002"+here), "616263"), false, traf + 36},
		{"samples in front of the file", moof(t, tfhd+tfdt+box(t, "trun", "00000001 00000001 ffffff00"), "6162"), false, traf + 36},
		{"an offset of version 0 that is too large", moof(t, tfhd+tfdt+box(t, "trun", "00000801 00000001"+here+"80000000"), "6162"), false, traf + 36},
		{"17 runs", box(t, "moof", box(t, "mfhd", "00000000 00000001"),
			strings.Repeat(box(t, "traf", tfhd+tfdt+box(t, "trun", "00000200 00000001 00000000")), 17)), true, 24 + 16*64},
		{"an event cut short", box(t, "emsg", "01000000 00000000"), false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := in.ParseFragments(mediatest.Unhex(t, tc.hex))
			checkError(t, err, tc.refused, tc.offset)
			if got != nil {
				t.Errorf("got %+v besides", got)
			}
		})
	}
}

// Counts and sizes without what they count cost nothing.
func TestCountsCostNothing(t *testing.T) {
	in := withDefaults(t)
	tfhd, tfdt := box(t, "tfhd", "00020010 00000001 00000000"), box(t, "tfdt", "00000000 00000000")
	runs := strings.Repeat(box(t, "trun", "00000000 0000ffff"), 1000)
	b := mediatest.Unhex(t, box(t, "moof", box(t, "mfhd", "00000000 00000001"), box(t, "traf", tfhd+tfdt+runs)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := in.ParseFragments(b)
	runtime.ReadMemStats(&after)
	checkError(t, err, true, 24+8+20+16+16)
	if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
		t.Errorf("%d bytes cost %d", len(b), n)
	}
}

// The first track of testdata/init.txt, changed.
func TestParseInitRefuses(t *testing.T) {
	text := golden(t, "init.txt")
	init := func(old, changed string) []byte {
		t.Helper()
		a, b := mediatest.Unhex(t, old), mediatest.Unhex(t, changed)
		if len(a) != len(b) || !bytes.Contains(text, a) {
			t.Fatalf("%s cannot become %s", old, changed)
		}
		return bytes.Replace(text, a, b, 1)
	}
	kind := func(old, changed string) []byte { return bytes.Replace(text, []byte(old), []byte(changed), 1) }
	last := func(old, changed string) []byte {
		i := bytes.LastIndex(text, []byte(old))
		return append(append(bytes.Clone(text[:i]), changed...), text[i+len(old):]...)
	}
	const (
		moov, trak       = 28, 28 + 8 + 108
		mdia             = trak + 8 + 92
		minf             = mdia + 8 + 32 + 38
		stbl             = minf + 8 + 20 + 36
		stsd, entry      = stbl + 8, stbl + 8 + 16
		trak2            = trak + 0x1d7
		esds             = trak2 + 8 + 92 + 8 + 32 + 38 + 8 + 16 + 36 + 8 + 16 + 36
		trex             = trak2 + 0x195 + 8
		stream, specific = "0319 0000 00", "0502 1190"
	)
	for _, tc := range []struct {
		name    string
		init    []byte
		refused bool
		offset  int64
	}{
		{"nothing", nil, false, 0},
		{"no moov", kind("moov", "free"), false, 0},
		{"no track", bytes.ReplaceAll(text, []byte("trak"), []byte("free")), false, moov},
		{"no mvex", kind("mvex", "free"), false, moov},
		{"no tkhd", kind("tkhd", "free"), false, trak},
		{"no mdia", kind("mdia", "free"), false, trak},
		{"no mdhd", kind("mdhd", "free"), false, mdia},
		{"no minf", kind("minf", "free"), false, mdia},
		{"no stbl", kind("stbl", "free"), false, minf},
		{"no stsd", kind("stsd", "free"), false, stbl},
		{"no avcC", kind("avcC", "free"), false, entry},
		{"no esds", kind("esds", "free"), false, esds - 36},
		{"track 0", init("00000007 00000000 00000000 00000001", "00000007 00000000 00000000 00000000"), false, trak + 8},
		{"a track twice", init("00000007 00000000 00000000 00000002", "00000007 00000000 00000000 00000001"), false, trak2},
		{"no timescale", init("00015f90", "00000000"), false, mdia + 8},
		{"no sample entry", init("73747364 00000000 00000001", "73747364 00000000 00000000"), true, stsd},
		{"two sample entries", init("73747364 00000000 00000001", "73747364 00000000 00000002"), true, stsd},
		{"encrypted", kind("avc1", "encv"), true, entry},
		{"broken avcC", init("61766343 0164", "61766343 0064"), true, entry},
		{"cut avcC", init("61766343 0164000affe1", "61766343 0164000affff"), false, entry},
		{"lengths of 2 bytes", init("61766343 0164000aff", "61766343 0164000afd"), true, entry + 8 + 78},
		{"an elementary stream that depends on another", init(stream, "0319 0000 80"), true, esds},
		{"no stream descriptor", init(stream, "0419 0000 00"), false, esds},
		{"a stream descriptor that is too long", init(stream, "0320 0000 00"), false, esds},
		{"a descriptor whose size has no end", init("0319 0000 00 0411", "0380 8080 80 8080"), false, esds},
		{"a stream descriptor that is too short", init(stream, "0302 0000 00"), false, esds},
		{"no decoder descriptor", init("0411 4015", "0511 4015"), false, esds},
		{"a decoder descriptor that is too short", init("0411 4015", "0402 4015"), false, esds},
		{"no specific descriptor", init(specific, "0602 1190"), false, esds},
		{"another object", init("0411 4015", "0411 a515"), true, esds},
		{"AAC of an object that is not done", init(specific, "0502 3190"), true, esds - 36},
		{"trex cut short", append(bytes.Clone(text[:trex]), mediatest.Unhex(t, "00000014 74726578 000000000000000000000000"+
			strings.Repeat("00000008 66726565", 5)+"00000004")...), false, trex},
		{"a broken box in mvex", last("\x00\x00\x00\x20trex", "\x00\x00\x00\x21trex"), false, trex + 32},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := fmp4.ParseInit(tc.init)
			checkError(t, err, tc.refused, tc.offset)
		})
	}
}
