// Package floor measures, on the machine it runs on, what no conference server can do without, and adds it up to the least processor
// time that a room may take: the kernel's UDP path, SRTP, and the codec work that is unavoidable when every distinct mix is encoded
// once and only those who talk are decoded. There is no jitter buffer in it, no signalling, no scheduler and no garbage collector.
//
// What it is: Measure, which gives the Parts, in microseconds of a thread's processor time, the least of several short windows, once in one go
// and once at the pace of a call; and Parts.Room, which is the model. What it is not: a server, and no figure of its is a promise: it is what the figures of a server
// are compared with when both were measured in the same minutes on the same machine.
//
// Goroutines: Measure takes a thread of its own, bound to one core, and for a while another on another core that this process may
// use, or on the same where there is no other, and gives them up in the end.
//
// The sound that is decoded and encoded is that of the swarm (two talkers in tone pairs), since that is what the server works on while it is measured.
package floor
