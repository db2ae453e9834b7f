package hls

import (
	"fmt"
	"io"
	"os"
)

// body is bytes that are served: in memory, or in a file where they were moved to.
type body struct {
	data   []byte
	file   *os.File // nil: in memory
	offset int64
	size   int64 // in the file
}

func (b body) length() int64 {
	if b.file != nil {
		return b.size
	}
	return int64(len(b.data))
}

// ReadAt reads bytes of the body (io.ReaderAt).
func (b body) ReadAt(p []byte, at int64) (int, error) {
	if b.file != nil {
		return io.NewSectionReader(b.file, b.offset, b.size).ReadAt(p, at)
	}
	if at >= int64(len(b.data)) {
		return 0, io.EOF
	}
	n := copy(p, b.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// bodies are read one after the other. The zero value has nothing to read.
type bodies struct {
	list []body
	at   int64 // position
}

func (b *bodies) length() (n int64) {
	for _, one := range b.list {
		n += one.length()
	}
	return n
}

// WriteTo writes all, from memory as it lies there (io.WriterTo).
func (b *bodies) WriteTo(w io.Writer) (n int64, err error) {
	for _, one := range b.list {
		var more int64
		if one.file != nil {
			more, err = io.Copy(w, io.NewSectionReader(one.file, one.offset, one.size))
		} else {
			var m int
			m, err = w.Write(one.data)
			more = int64(m)
		}
		if n += more; err != nil {
			return n, err
		}
	}
	return n, nil
}

// Read reads on (io.Reader).
func (b *bodies) Read(p []byte) (int, error) {
	begin := int64(0)
	for _, one := range b.list {
		if end := begin + one.length(); b.at < end {
			n, err := one.ReadAt(p[:min(int64(len(p)), end-b.at)], b.at-begin)
			b.at += int64(n)
			if n > 0 {
				err = nil
			}
			return n, err
		} else {
			begin = end
		}
	}
	return 0, io.EOF
}

// Seek moves the position (io.Seeker).
func (b *bodies) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.length()
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d", offset)
	}
	b.at = offset
	return offset, nil
}
