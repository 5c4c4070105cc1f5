// Package console is the web console: a page in the binary through which an operator sees the rooms, who speaks, how each leg is keyed
// and heard, what is refused and what moves, and may mute, move, rekey and hang up.
//
// It is files and the handler that gives them out: plain HTML, CSS and ES modules, with no step that builds them and nothing loaded from
// elsewhere. It knows no room and no token: the page asks the REST API and its events as any other program does, with the token that
// the operator types in, and the API decides what may be done. A Content-Security-Policy lets the page run those files and nothing else;
// with require-trusted-types-for no text of a stranger can become HTML, whatever a module does with it.
//
// Goroutines: none. What is given out is read once, in New, and never changed.
//
// RFCs: 9110 (HTTP: conditional requests). Beside them CSP level 3, Trusted Types and server-sent events of the HTML standard.
package console
