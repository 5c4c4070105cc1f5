// Package traces tells a collector how long each step of a call's set-up took: OpenTelemetry's protocol over HTTP, in its JSON encoding. It is
// off unless the configuration names a collector.
//
// It makes spans of one kind and sends them. It is not the OpenTelemetry SDK: no propagation (SIP has no field for it), no sampling, no
// metrics, no logs; what it does fills two files, where the SDK brings gRPC along.
//
// A span says nothing of who calls whom: no account, room, address or key; the id of the leg finds the rest in the log.
//
// Goroutines: one an Exporter, which sends; it ends with Close. Handing a set-up in never waits: what finds the queue full is dropped
// and counted. A Setup belongs to one call, whose goroutines may all speak to it.
//
// RFCs: none. The format is OTLP 1.x, https://opentelemetry.io/docs/specs/otlp/.
package traces
