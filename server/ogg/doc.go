// Package ogg reads and writes Opus in Ogg: the prompts that are spoken, and the recordings.
//
// It is not a codec: packets go in and come out as they are. It is not a general Ogg library either: one logical stream of mono Opus, in
// packets of 20 ms as the mixer makes them.
//
// Goroutines: none. A Writer belongs to one caller at a time. What Read returns lies in the octets that it was given.
//
// RFCs: 3533 (Ogg), 7845 (Opus in Ogg).
package ogg
