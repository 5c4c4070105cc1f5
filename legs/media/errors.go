package media

import "errors"

// Errors of this package; wrapped with the detail.
var (
	ErrNoPorts      = errors.New("media: no free pair of ports")
	ErrSocket       = errors.New("media: socket")
	ErrFamily       = errors.New("media: no address of the peer's family")
	ErrParams       = errors.New("media: unusable parameters")
	ErrSuite        = errors.New("media: SRTP suite not supported")
	ErrKeys         = errors.New("media: unusable SRTP keys")
	ErrKeyReuse     = errors.New("media: key of this stream given again")
	ErrSSRC         = errors.New("media: keys are for another SSRC")
	ErrSSRCConflict = errors.New("media: both directions share key and SSRC")
	ErrClosed       = errors.New("media: stream is closed")
)
