// Package bench is the macro-benchmark: `conclave bench`. For every scenario it starts a server in a process of its own, bound to one
// core, and a swarm of callers in another process on the other cores, measures the server while the calls stand, and compares what it
// takes with the floor (bench/floor) that it measures before and after on the same core. Scenarios that are compared with one another are measured
// in several rounds, in turns: of each the middle row is shown, and of the ratios of two in the same turns the middle one counts.
//
// What it is: the Scenarios, a Row for each, the Targets that they are held to, and a report of all as text, JSON, Markdown and SVG.
// What it is not: it judges no code and fails no build over a figure. It fails when a scenario could not be measured: when calls were not set
// up, or a voice was not heard that should have been, or was heard where it should not.
//
// Where the figures come from: processor time from the kernel's clock of the server's process; ticks, stages, encodings and pauses of the collector
// from its metrics, as differences over the steady window; packets, delays and who heard whom from the swarm's report; memory
// from /proc; the time that the host of a virtual machine took away from /proc/stat.
//
// Goroutines: one for each child process, which waits for its end; starting a child takes a thread for a moment, bound to the child's cores.
package bench
