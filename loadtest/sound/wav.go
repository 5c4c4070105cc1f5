package sound

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	headerSize = 44 // RIFF, fmt of 16 octets, data: no other chunk
	pcmTag     = 1  // WAVE_FORMAT_PCM
)

// ReadWAV reads a whole WAV file of PCM16, mono, 8, 16 or 48 kHz. Chunks other than fmt and data are passed over. A data
// chunk that was cut short (a recording whose writer died) is taken as far as it goes.
func ReadWAV(r io.Reader) (pcm []int16, rate int, err error) {
	in := bufio.NewReader(r)
	var head [12]byte
	if _, err := io.ReadFull(in, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, 0, fmt.Errorf("%w: no RIFF WAVE header", ErrWAV)
	}
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(in, chunk[:]); err != nil {
			return nil, 0, fmt.Errorf("%w: no data chunk", ErrWAV)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if rate, err = readFormat(in, size); err != nil {
				return nil, 0, err
			}
		case "data":
			if rate == 0 {
				return nil, 0, fmt.Errorf("%w: data before fmt", ErrWAV)
			}
			pcm, err := readSamples(in, size)
			return pcm, rate, err
		default:
			if err := skip(in, size); err != nil {
				return nil, 0, err
			}
		}
	}
}

func readFormat(r io.Reader, size int64) (rate int, err error) {
	var f [16]byte
	if size < int64(len(f)) {
		return 0, fmt.Errorf("%w: short fmt chunk", ErrWAV)
	}
	if _, err := io.ReadFull(r, f[:]); err != nil {
		return 0, fmt.Errorf("%w: short fmt chunk", ErrWAV)
	}
	tag, channels := binary.LittleEndian.Uint16(f[0:]), binary.LittleEndian.Uint16(f[2:])
	hz, width := binary.LittleEndian.Uint32(f[4:]), binary.LittleEndian.Uint16(f[14:])
	if tag != pcmTag || channels != 1 || width != 16 || hz != 8000 && hz != 16000 && hz != 48000 {
		return 0, fmt.Errorf("%w: format %d, %d channels, %d bits, %d Hz; want PCM (1), mono, 16 bits, 8000, 16000 or 48000 Hz",
			ErrWAV, tag, channels, width, hz)
	}
	return int(hz), skip(r, size-int64(len(f)))
}

// skip passes over n octets and the one that pads them to an even number.
func skip(r io.Reader, n int64) error {
	if n > maxChunk {
		return fmt.Errorf("%w: chunk of %d octets", ErrWAV, n)
	}
	if _, err := io.CopyN(io.Discard, r, n+n%2); err != nil {
		return fmt.Errorf("%w: cut short", ErrWAV)
	}
	return nil
}

// readSamples believes the stated size only as an upper bound: memory grows with what is really there.
func readSamples(r io.Reader, size int64) ([]int16, error) {
	raw, err := io.ReadAll(io.LimitReader(r, min(size, 2*maxWAV+2)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWAV, err)
	}
	if len(raw) > 2*maxWAV {
		return nil, ErrTooLong
	}
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm, nil
}

// Recording is a WAV file being written. The file is valid once closed. One caller at a time.
type Recording struct {
	to      io.WriteSeeker
	buffer  *bufio.Writer
	scratch []byte
	rate    int
	samples int64
	closed  bool
}

// NewRecording begins a WAV file of PCM16, mono, at rate Hz on w.
func NewRecording(w io.WriteSeeker, rate int) (*Recording, error) {
	r := &Recording{to: w, buffer: bufio.NewWriterSize(w, 1<<16), rate: rate}
	if _, err := r.buffer.Write(r.header()); err != nil {
		return nil, fmt.Errorf("sound: recording: %w", err)
	}
	return r, nil
}

// Create begins a WAV file at path, which is truncated if it is there; only its owner may read it, it holds a conversation.
func Create(path string, rate int) (*Recording, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sound: recording: %w", err)
	}
	r, err := NewRecording(file, rate)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// Write appends samples. What is beyond the 2 GiB of a WAV file is refused with ErrTooLong.
func (r *Recording) Write(pcm []int16) error {
	if r.closed {
		return ErrClosed
	}
	if 2*(r.samples+int64(len(pcm)))+headerSize > 1<<31 {
		return ErrTooLong
	}
	r.scratch = r.scratch[:0]
	for _, v := range pcm {
		r.scratch = binary.LittleEndian.AppendUint16(r.scratch, uint16(v))
	}
	if _, err := r.buffer.Write(r.scratch); err != nil {
		return fmt.Errorf("sound: recording: %w", err)
	}
	r.samples += int64(len(pcm))
	return nil
}

// Samples returns how many samples were written.
func (r *Recording) Samples() int64 { return r.samples }

// Close writes the sizes into the header and closes what the recording is written to, if that can be closed.
func (r *Recording) Close() error {
	if r.closed {
		return ErrClosed
	}
	r.closed = true
	err := r.buffer.Flush()
	if err == nil {
		_, err = r.to.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = r.to.Write(r.header())
	}
	if c, ok := r.to.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	if err != nil {
		return fmt.Errorf("sound: recording: %w", err)
	}
	return nil
}

func (r *Recording) header() []byte {
	h := make([]byte, 0, headerSize)
	le := binary.LittleEndian
	size := uint32(2 * r.samples)
	h = append(h, "RIFF"...)
	h = le.AppendUint32(h, headerSize-8+size)
	h = append(h, "WAVEfmt "...)
	h = le.AppendUint32(h, 16)
	h = le.AppendUint16(h, pcmTag)
	h = le.AppendUint16(h, 1)
	h = le.AppendUint32(h, uint32(r.rate))
	h = le.AppendUint32(h, uint32(2*r.rate))
	h = le.AppendUint16(h, 2)
	h = le.AppendUint16(h, 16)
	h = append(h, "data"...)
	return le.AppendUint32(h, size)
}
