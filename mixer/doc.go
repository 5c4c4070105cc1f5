// Package mixer is the rooms as audio: it takes one encoded 20 ms frame from every port, mixes for each listener everybody but
// himself, and hands one encoded 20 ms frame back to every port.
//
// It is not a network stack and not a crypto library: it knows ports (whatever satisfies [Port]; a stream of legs/media does),
// never sockets, packets, keys or SIP. It decides who is heard and how loud, never who may sit in a room.
//
// # Life of one tick of one room
//
//  1. The mailbox: joins, attachments and departures posted since the last tick take effect.
//  2. Receive: Ahead on some ports, which fetch what they need side by side, and Next on each; decode only the seats that are in the mix, and
//     frames that do not tell how loud they are; of the others that is read.
//  3. Choose: the loudest speaking seats form the mix, with hysteresis. Who comes in is decoded now.
//  4. Mix, with what is announced: one int32 sum, the full bus; each seat in the mix hears its minus bus, the sum without its own voice;
//     who is deaf hears the aloud bus, which is what interrupts the room, or nothing.
//  5. Encode: each bus once per format that a listener of it needs; where nothing but one voice is on it, unchanged, the packet that the
//     speaker sent takes the place of an encoding.
//  6. Send: every port is sent one packet.
//
// # Goroutines and who owns what
//
// [Pool.Run] starts the clock and Config.Workers worker goroutines, each on a thread of its own, and waits for them. The clock sleeps in the
// kernel and ticks small rooms itself, for to wake somebody up takes longer than their ticks; what would make it late for the next slot is
// the workers'. A sole worker is the clock. A room belongs to one worker, or the clock, for one tick; every field of a room, seat, feed, bus
// and outlet that is not an atomic belongs to that worker. Everybody else posts
// commands to the room's mailbox, which is locked only between ticks, or stores atomics (mute, deaf, gain) that the worker loads
// once per tick. Inside a tick nothing is locked and, in steady state, nothing is allocated. The first time that a seat speaks
// or that a format is heard its codec is made, in the tick, because only the tick knows that it is needed.
//
// A large room's worker opens the stages 2 (receive, then decode), 5 and 6 to those who have nothing else to do: each takes a few seats or
// buses at a time, and between two stages all wait for the last.
//
// The rooms' ticks are staggered over the 20 ms, a few at a time, so that sends do not burst. A room in which nobody sits is not ticked until something
// is posted to it; where all are like that the clock sleeps, too. The schedule is absolute: a late tick does not move
// the next one. A room that fell behind catches up a few ticks and skips the rest, and both are counted.
//
// # Announcements
//
// A clip (a prompt, a tone) is played to the whole room as one more voice of the full bus, or to one seat, which hears a bus of its own
// meanwhile, as one in the mix does. Who is deaf is told what is for him alone and what interrupts the room, since that is what everybody
// must hear: that is the aloud bus, which all who are deaf hear together. Nothing else of the room is in either, nor in what their
// encoders remember. Who is apart besides is told what is for him alone: that
// is how a seat waits in a room that it may not hear yet.
//
// # Moves
//
// While a seat moves from one device to another it has two ports. Both hear its bus, hence neither hears the other. The old one is heard
// until the first frame of voice of the new one plays; then the one goes over into the other within 10 ms, and the old one is
// drained and dropped until it is detached. Mute, gain, position and talk time are the seat's and do not notice.
//
// # Standards
//
// RFC 6716 (Opus; table of contents octet, section 3.1; voice activity flag, section 4.2.3; silence flag, section 4.3), RFC 3551
// (G.711, L16), RFC 6562 (why packets must have a constant length).
package mixer
