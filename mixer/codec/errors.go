package codec

import "errors"

var (
	// ErrUnknownCodec says that no codec has that name.
	ErrUnknownCodec = errors.New("codec: unknown name")
	// ErrFormat says that the fields of a Format do not go together, or that the mix rate is not 8, 16 or 48 kHz.
	ErrFormat = errors.New("codec: impossible format")
	// ErrPayload says that a payload is no packet of its codec; the frame was concealed.
	ErrPayload = errors.New("codec: malformed payload")
	// ErrBuffer says that the caller's slice has not the length that the rate or the format demands.
	ErrBuffer = errors.New("codec: wrong buffer length")
	// ErrLibrary says that libopus refused.
	ErrLibrary = errors.New("codec: libopus")
)
