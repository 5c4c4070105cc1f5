package offer

// Direction is the direction attribute of a medium as its writer sees it (RFC 8866 section 6.7).
type Direction uint8

// The four directions. SendRecv is the default, and the zero value.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// directionNames are the attributes in the order of the constants.
var directionNames = [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}

// String is the attribute's name.
func (d Direction) String() string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}
	return directionNames[Inactive]
}

// Sends tells whether the writer sends.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives tells whether the writer receives.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// answer gives the direction of our answer to this offered one: what the peer lets us do and we want (RFC 3264
// section 6.1).
func (d Direction) answer(want Direction) Direction {
	return direction(d.Receives() && want.Sends(), d.Sends() && want.Receives())
}

// direction makes the attribute out of its two halves.
func direction(send, receive bool) Direction {
	switch {
	case send && receive:
		return SendRecv
	case send:
		return SendOnly
	case receive:
		return RecvOnly
	default:
		return Inactive
	}
}

// parseDirection finds a direction by its attribute's name.
func parseDirection(name string) (Direction, bool) {
	for d, n := range directionNames {
		if n == name {
			return Direction(d), true
		}
	}
	return SendRecv, false
}
