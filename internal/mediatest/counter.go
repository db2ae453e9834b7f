//go:build linux

package mediatest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The picture of a counted clip: cells of one bit each, black or white, in rows from the top left. The first 24 are the number of
// the picture as a Gray code, so that neighbours differ in one cell, the last 8 a checksum of them.
const (
	cellSize    = 32 // pixels, each way
	cellColumns = 8
	cellRows    = 4

	countedWidth  = cellSize * cellColumns
	countedHeight = cellSize * cellRows
)

// Counted describes a clip whose pictures carry their number, one after the other: H.264 in FLV with a tone beside it.
type Counted struct {
	Pictures int
	From     int  // number of the first picture
	Rate     int  // pictures in Per seconds
	Per      int  // 0: 1; 1001 with a rate of 30000
	BFrames  bool // three in a row, used as references too; else x264's ultrafast preset, without
	Group    int  // pictures from one key frame to the next; 0: those of a second
	Grain    int  // noise in the picture, so many shades of 256 each way, so that each needs several packets; at most 100
	Beeps    bool // a beep of 50 ms with each picture at a whole second, and silence between; else a tone
}

// Second gives how many pictures there are in a second, rounded.
func (c Counted) Second() int {
	per := max(c.Per, 1)
	return (c.Rate + per/2) / per
}

// PTS gives the time of the picture with number n, in ticks of 90 kHz from the first one.
func (c Counted) PTS(n int) int64 {
	return (int64(n-c.From)*90_000*int64(max(c.Per, 1)) + int64(c.Rate)/2) / int64(c.Rate)
}

// Number gives the number of the picture whose time is nearest to ticks of 90 kHz from the first one.
func (c Counted) Number(ticks int64) int {
	span := 90_000 * int64(max(c.Per, 1))
	return c.From + int((ticks*int64(c.Rate)+span/2)/span)
}

// File gives the file of the clip. It is made once, and kept beside those of [Media].
func (c Counted) File(t testing.TB) string {
	t.Helper()
	path := c.path(t, "flv")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	next := fmt.Sprintf("%s.%d.flv", path, os.Getpid())
	cmd := exec.Command("ffmpeg", c.encoding(next)...)
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("encode counted pictures: %v", err)
	}
	w := bufio.NewWriterSize(in, 1<<20)
	noise := rand.New(rand.NewPCG(1, uint64(c.Grain)))
	for n := range c.Pictures {
		picture := paint(uint32(c.From + n))
		for i := range picture {
			if c.Grain > 0 {
				picture[i] = byte(max(0, min(255, int(picture[i])+noise.IntN(2*c.Grain)-c.Grain)))
			}
		}
		_, _ = w.Write(picture) // an ffmpeg that is gone says why below
	}
	_ = w.Flush()
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("encode counted pictures: %v: %s", err, lastLines(said.String(), 10))
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatalf("keep counted pictures: %v", err)
	}
	return path
}

func (c Counted) group() int {
	if c.Group > 0 {
		return c.Group
	}
	return c.Second()
}

// path gives where the clip is kept, in a container.
func (c Counted) path(t testing.TB, ending string) string {
	t.Helper()
	return filepath.Join(mediaDir(t), fmt.Sprintf("counted-%d-from-%d-%d-%d-b%v-g%d-n%d-s%v.%s",
		c.Pictures, c.From, c.Rate, max(c.Per, 1), c.BFrames, c.group(), c.Grain, c.Beeps, ending))
}

// Opus gives a file of the clip in Matroska, with Opus as sound: what publishers over WebRTC send.
func (c Counted) Opus(t testing.TB) string {
	t.Helper()
	path := c.path(t, "mkv")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	next := fmt.Sprintf("%s.%d.mkv", path, os.Getpid())
	FFmpeg(t, "-y", "-i", c.File(t), "-c:v", "copy", "-c:a", "libopus", "-b:a", "96k", next).succeed(t, encodePatience)
	if err := os.Rename(next, path); err != nil {
		t.Fatalf("keep counted pictures: %v", err)
	}
	return path
}

func (c Counted) encoding(out string) []string {
	rate := fmt.Sprintf("%d/%d", c.Rate, max(c.Per, 1))
	group := strconv.Itoa(c.group())
	sound := "sine=frequency=440:sample_rate=48000"
	if c.Beeps {
		sound = "aevalsrc='0.5*lt(mod(t,1),0.05)*sin(2*PI*1000*t)':s=48000"
	}
	args := []string{
		"-y", "-nostdin", "-v", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-s", fmt.Sprintf("%dx%d", countedWidth, countedHeight), "-r", rate, "-i", "pipe:0",
		"-f", "lavfi", "-i", sound,
		"-shortest", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-g", group, "-keyint_min", group, "-sc_threshold", "0",
	}
	if c.BFrames {
		args = append(args, "-preset", "veryfast", "-bf", "3", "-x264-params", "b-adapt=0:b-pyramid=normal")
	} else {
		args = append(args, "-preset", "ultrafast", "-bf", "0")
	}
	return append(args, "-c:a", "aac", "-b:a", "96k", out)
}

// paint gives the gray picture of a number.
func paint(n uint32) []byte {
	word := code(n)
	row := make([]byte, 0, countedWidth)
	var picture []byte
	for r := range cellRows {
		row = row[:0]
		for c := range cellColumns {
			shade := byte(16)
			if word>>(31-r*cellColumns-c)&1 == 1 {
				shade = 235
			}
			for range cellSize {
				row = append(row, shade)
			}
		}
		for range cellSize {
			picture = append(picture, row...)
		}
	}
	return picture
}

// code gives the cells of a number, the first one in the highest bit.
func code(n uint32) uint32 {
	gray := (n ^ n>>1) & 0xffffff
	return gray<<8 | uint32(checksum(gray))
}

// checksum is a CRC-8 (polynomial 07) over the three bytes of a Gray code; 0 gives a 1, so that a black picture is no number.
func checksum(gray uint32) byte {
	crc := byte(0xff)
	for shift := 16; shift >= 0; shift -= 8 {
		crc ^= byte(gray >> shift)
		for range 8 {
			carry := crc&0x80 != 0
			crc <<= 1
			if carry {
				crc ^= 0x07
			}
		}
	}
	return crc
}

// read gives the number in a gray picture, by the middle of each cell.
func read(picture []byte) (int, error) {
	var word uint32
	for r := range cellRows {
		for c := range cellColumns {
			sum := 0
			for y := cellSize / 4; y < cellSize*3/4; y++ {
				at := (r*cellSize+y)*countedWidth + c*cellSize
				for _, shade := range picture[at+cellSize/4 : at+cellSize*3/4] {
					sum += int(shade)
				}
			}
			word <<= 1
			if sum > 128*cellSize/2*cellSize/2 {
				word |= 1
			}
		}
	}
	gray := word >> 8
	if checksum(gray) != byte(word) {
		return 0, fmt.Errorf("cells %08x are no number", word)
	}
	n := gray
	for shift := 1; shift < 24; shift <<= 1 {
		n ^= n >> shift
	}
	return int(n), nil
}

// Numbers decodes a recording of counted pictures, of any size, and gives their numbers, in the order in which they are shown. Anything that
// ffmpeg complains of, and a picture without a number, ends the test.
func Numbers(t testing.TB, path string) []int {
	t.Helper()
	Need(t, "ffmpeg")
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "warning", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-enc_time_base:v", "-1",
		"-s", fmt.Sprintf("%dx%d", countedWidth, countedHeight), "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
	numbers := numbersOf(t, path, out)
	if err := cmd.Wait(); err != nil || complaints(said.String()) != "" {
		t.Errorf("decode %s: %v: %s", path, err, lastLines(complaints(said.String()), 10))
	}
	return numbers
}

// GrayNumbers is [Numbers] for a file of gray pictures that a player has decoded.
func GrayNumbers(t testing.TB, path string) []int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	return numbersOf(t, path, f)
}

// numbersOf reads the numbers of gray pictures, one after the other.
func numbersOf(t testing.TB, name string, pictures io.Reader) (numbers []int) {
	t.Helper()
	picture := make([]byte, countedWidth*countedHeight)
	for {
		if _, err := io.ReadFull(pictures, picture); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("decode %s: %v", name, err)
			}
			return numbers
		}
		n, err := read(picture)
		if err != nil {
			t.Errorf("%s: picture %d: %v", name, len(numbers), err)
			n = -1
		}
		numbers = append(numbers, n)
	}
}

// complaints leaves out what ffmpeg 5.1 says of onTextData messages in FLV, which it reads all the same, and of pictures of full range that are
// scaled.
func complaints(said string) string {
	harmless := []string{"OnTextData packet is not implemented", "If you want to help, upload a sample", "New subtitle stream", "deprecated pixel format used", "Last message repeated"}
	var rest strings.Builder
	for l := range strings.Lines(said) {
		if !slices.ContainsFunc(harmless, func(part string) bool { return strings.Contains(l, part) }) {
			rest.WriteString(l)
		}
	}
	return rest.String()
}
