package mixer

import "github.com/conclave/conclave/mixer/codec"

// Tick is the number of a 20 ms tick since the clock's start.
type Tick = codec.Tick

// Port is one leg as the mixer sees it. Its methods are called by one worker at a time, Ahead, Next and Send each at most
// once per tick and in this order, and must not block. No method is called after the channel returned by Detach, Leave or Close is closed.
type Port interface {
	// Ahead says that Next is near, to several ports before the first of them is asked: each may fetch what it will need.
	Ahead()
	// Next returns the encoded frame due at tick t. Its octets stay valid until the next call of Next.
	Next(t Tick) codec.Frame
	// Send hands over the encoded frame for this leg; header and encryption are the port's business. The port must not keep
	// p.Payload after it returns, nor change it: other ports are sent the same, at the same time. Rooms that do not mix never call it.
	Send(t Tick, p codec.Packet)
	// Format is what the leg sends and wants to be sent. It is asked after Next, and is the format of the frame that Next returned and of the
	// packet that Send gets in the same tick. It may change from tick to tick; the zero Format, like any impossible one, means that the leg is not
	// configured yet: it is then neither decoded nor sent anything.
	Format() codec.Format
}
