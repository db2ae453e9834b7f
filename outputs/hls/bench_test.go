package hls

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/simulcart/simulcart/overlay"
)

// BenchmarkMux is what a part of 200 ms costs, at 6 Mbit/s with sound: it is cut, packed and listed, and a list of 15 segments is put into
// words for one view, whole and as a delta update. Bytes are those of media.
func BenchmarkMux(b *testing.B) {
	frames := withStates(source{video: picture, audio: sound, size: 25_000}.until(seconds(60)), 45)
	made := press(b, frames)
	size := int64(0)
	for _, f := range frames {
		size += int64(len(f.Data))
	}
	b.SetBytes(size / int64(len(made.pieces)))
	b.ReportAllocs()
	for done := 0; done < b.N; {
		items := itemsOf(frames)
		r := recorderOf(made.as, 30*time.Second)
		s := &segmenter{
			wish: ms(2000), longest: longestOf(made.as, Options{}), part: made.as.part, origin: zeroTime(0), wall: func() time.Time { return zeroDate },
			emit: func(p *piece) {
				failIf(b, r.take(p))
				for _, skip := range []bool{false, true} {
					_, err := r.list.media(whole, seller, skip, nil)
					failIf(b, err)
				}
				done++
			},
		}
		s.begin(items[:10], made.as.step)
		for _, it := range items[10:] {
			s.add(it)
		}
	}
}

// nowhere is a response that goes nowhere.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

// BenchmarkServe is what an answer costs beside the network.
func BenchmarkServe(b *testing.B) {
	s, folder := ended(b)
	handler := s.Handler()
	for _, name := range []string{"main.m3u8", "3.1.m4s", "3.m4s", "init0.mp4"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(&nowhere{make(http.Header)}, &http.Request{
					Method: http.MethodGet, URL: &url.URL{Path: folder + name}, Header: http.Header{"Accept-Encoding": {"gzip"}}, RemoteAddr: "192.0.2.1:5",
				})
			}
		})
	}
}

// BenchmarkRanges is what putting a list into words costs where states have changed so many times, for another view each time.
func BenchmarkRanges(b *testing.B) {
	for _, states := range []int{0, 10, mostRanges} {
		b.Run(fmt.Sprint(states), func(b *testing.B) {
			list := listOf(shape{target: 2, part: ms(2000)}, 30*time.Second, 1<<30)
			for n := range 20 {
				list.segmentOf(b, n, false, 10)
			}
			for i := range states {
				list.states.take(copyOf(b, "abc", int64(i+1), ms(int64(i)), 1, 0), zeroDate)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, err := list.renderLocked(whole, &overlay.View{}, false, nil)()
				failIf(b, err)
			}
		})
	}
}
