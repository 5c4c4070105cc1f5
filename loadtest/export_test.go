package loadtest

import "github.com/conclave/conclave/mixer/codec"

// Voice is that of a Plan: it says what play names, as `conclave call --play` does, and listens to what comes.
func Voice(play string) func(codec.Format) (mouth, ear, error) {
	return func(f codec.Format) (mouth, ear, error) {
		says, err := newPlayer(play)
		if err != nil {
			return nil, nil, err
		}
		return (&live{speaker: says, listener: &recorder{}}).begin(f)
	}
}
