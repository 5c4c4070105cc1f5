package codec

// AlwaysLook has an Opus encoder look for onsets in every frame.
func (e *Encoder) AlwaysLook() { e.sink.(*opusSink).always = true }

// Looked says whether it did in the last frame.
func (e *Encoder) Looked() bool { return e.sink.(*opusSink).effort == onsetEffort }
