package flv

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/simulcart/simulcart/internal/mediatest"
	"github.com/simulcart/simulcart/media"
)

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readAll gives the tags up to the end or the first error.
func readAll(r io.Reader) ([]Tag, error) {
	reader := NewReader(r)
	var tags []Tag
	for {
		tag, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return tags, nil
		}
		if err != nil {
			return tags, err
		}
		tags = append(tags, tag)
	}
}

// The files that ffmpeg 5.1 wrote are read, whatever the sizes of reads, and written to the same bytes.
func TestFilesOfFFmpeg(t *testing.T) {
	for name, writer := range map[string]Writer{"ffmpeg-h264-aac.flv": {}, "ffmpeg-mp3.flv": {NoVideo: true}} {
		t.Run(name, func(t *testing.T) {
			b := golden(t, name)
			tags, err := readAll(iotest.OneByteReader(bytes.NewReader(b)))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			w := NewWriter(&out)
			w.NoVideo = writer.NoVideo
			for _, tag := range tags {
				if err := w.WriteTag(tag.Type, tag.Timestamp, tag.Body[:1], tag.Body[1:]); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(b, out.Bytes()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What ffprobe 5.1 says of the same file: pts and dts of its video packets, less the 100 ms by which ffmpeg moved all.
func TestFileAgainstFFprobe(t *testing.T) {
	type packet struct {
		PTS, DTS int64
		Size     int
		Key      bool
	}
	want := []packet{
		{200, 0, 832, true},
		{300, 100, 12, false},
		{400, 200, 19, false},
		{500, 300, 22, false},
		{600, 400, 160, true},
		{700, 500, 12, false},
		{800, 600, 21, false},
		{900, 700, 17, false},
	}
	tags, err := readAll(bytes.NewReader(golden(t, "ffmpeg-h264-aac.flv")))
	if err != nil {
		t.Fatal(err)
	}
	var got []packet
	kinds := map[string]int{}
	for _, tag := range tags {
		switch tag.Type {
		case TagVideo:
			v, err := ParseVideo(tag.Body, nil)
			if err != nil {
				t.Fatal(err)
			}
			if v[0].Kind == Coded {
				got = append(got, packet{tag.Timestamp + int64(v[0].Composition), tag.Timestamp, len(v[0].Body), v[0].Key})
			}
			kinds[v[0].Codec.String()+" "+v[0].Kind.String()]++
		case TagAudio:
			a, err := ParseAudio(tag.Body, nil)
			if err != nil {
				t.Fatal(err)
			}
			kinds[a[0].Codec.String()+" "+a[0].Kind.String()]++
		case TagData:
			name, value, err := ParseData(tag.Body)
			if err != nil || name != "onMetaData" {
				t.Fatalf("got %q and error %v", name, err)
			}
			want := Metadata{
				Video: media.H264, Width: 32, Height: 32, FrameRate: 10, Audio: media.AAC, SampleRate: 44100, Channels: 1,
				AudioRate: 15.625, Encoder: "Lavf59.27.100",
			}
			if diff := cmp.Diff(want, ParseMetadata(value)); diff != "" {
				t.Errorf("metadata: (-want +got)\n%s", diff)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packets: (-want +got)\n%s", diff)
	}
	wantKinds := map[string]int{"h264 sequence start": 1, "h264 coded": 8, "h264 sequence end": 1, "aac sequence start": 1, "aac coded": 36}
	if diff := cmp.Diff(wantKinds, kinds); diff != "" {
		t.Errorf("kinds: (-want +got)\n%s", diff)
	}
}

// A file may be cut anywhere: at a tag's end that is its end, elsewhere an error.
func TestFileCut(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for i := range 3 {
		if err := w.WriteTag(TagAudio, int64(i), []byte{0xAF, 1, 2}); err != nil {
			t.Fatal(err)
		}
	}
	b := out.Bytes()
	const tag = tagHeaderSize + 3 + tagSizeSize
	for n := range len(b) {
		tags, err := readAll(bytes.NewReader(b[:n]))
		switch behind := n - fileHeaderSize; {
		case behind >= 0 && (behind%tag == 0 || behind%tag == tagSizeSize):
			if err != nil || len(tags) != behind/tag {
				t.Errorf("%d bytes: got %d tags and error %v", n, len(tags), err)
			}
		case !errors.Is(err, io.ErrUnexpectedEOF):
			t.Errorf("%d bytes: got error %v, want %v", n, err, io.ErrUnexpectedEOF)
		}
	}
	if _, err := readAll(io.MultiReader(bytes.NewReader(b[:40]), iotest.ErrReader(io.ErrClosedPipe))); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got error %v, want that of the reader", err)
	}
}

const fileHeader = "464c5601 05 00000009"

func TestFileErrors(t *testing.T) {
	tests := []struct {
		name   string
		hex    string
		kind   string
		offset int64
	}{
		{"no flv", "464c5702 05 00000009", "syntax", 0},
		{"version 2", "464c5602 05 00000009", "unsupported", 3},
		{"header of 8 bytes", "464c5601 05 00000008", "syntax", 5},
		{"header of a gigabyte", "464c5601 05 40000000", "syntax", 5},
		{"unknown tag", fileHeader + "00000000 07 000000 000000 00 000000", "syntax", 13},
		{"encrypted", fileHeader + "00000000 29 000000 000000 00 000000", "unsupported", 13},
		{"audio too long", fileHeader + "00000000 08 010001 000000 00 000000", "unsupported", 14},
		{"data too long", fileHeader + "00000000 12 010001 000000 00 000000", "unsupported", 14},
		{"video too long", fileHeader + "00000000 09 800001 000000 00 000000", "unsupported", 14},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(bytes.NewReader(mediatest.Unhex(t, tt.hex)))
			checkError(t, err, tt.kind, tt.offset)
		})
	}
}

func TestFileLongHeader(t *testing.T) {
	b := mediatest.Unhex(t, "464c5601 01 0000000c aabbcc 00000000 09 000001 000000 00 000000 aa")
	tags, err := readAll(bytes.NewReader(b))
	if diff := cmp.Diff([]Tag{{TagVideo, 0, []byte{0xAA}}}, tags); diff != "" || err != nil {
		t.Errorf("error %v, (-want +got)\n%s", err, diff)
	}
}

// A length without the bytes must not cost memory, and the longest body is read whole.
func TestFileLongBody(t *testing.T) {
	head := mediatest.Unhex(t, fileHeader+"00000000 09 800000 000000 00 000000")
	body := bytes.Repeat([]byte{1, 2, 3, 4}, MaxVideoBody/4)
	tags, err := readAll(bytes.NewReader(append(head, body...)))
	if err != nil || len(tags) != 1 || !bytes.Equal(tags[0].Body, body) || cap(tags[0].Body) != MaxVideoBody {
		t.Fatalf("got %d tags and error %v", len(tags), err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readAll(bytes.NewReader(head)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got error %v, want %v", err, io.ErrUnexpectedEOF)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("a length alone cost %d bytes", n)
	}
}

// Timestamps go on where the 32 bits wrap, and may start below zero.
func TestFileTimestamps(t *testing.T) {
	for _, times := range [][]int64{
		{0, 40, 33, 1 << 24, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 40},
		{-200, -100, 0, 100},
		{0xFFFFFF, 0x1000000},
	} {
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, at := range times {
			if err := w.WriteTag(TagData, at); err != nil {
				t.Fatal(err)
			}
		}
		tags, err := readAll(&out)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, tag := range tags {
			got = append(got, tag.Timestamp)
		}
		if diff := cmp.Diff(times, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestWriterErrors(t *testing.T) {
	r, pipe := io.Pipe()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	w := NewWriter(pipe)
	w.NoAudio = true
	if err := w.WriteTag(TagAudio, 0, nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want the error of the pipe", err)
	}
	if err := w.WriteTag(TagVideo, 0, make([]byte, maxTagBody), []byte{1}); err == nil {
		t.Error("no error for a body that is too long")
	}
}
