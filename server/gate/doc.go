// Package gate is the security manager: nothing reaches call control that did not pass Admit.
//
// For every request it settles who sent it and by which proof (SIP digest, the address or TLS certificate of a trunk, or the
// MAC or signature of the MIKEY message in its offer), whether From and the MIKEY identity agree with that, and whether its
// session description can be used at all. It works from cheap to dear: method and shape, then trunk and digest (a few hashes),
// then SDP and key management (parsed, authenticated by keying.Verify). It never does Diffie-Hellman, and refuses strangers
// without keeping state.
//
// Who bears an account's name in From goes the account's way: digest or MIKEY, from wherever he comes. Otherwise the first trunk
// that fits speaks for him (trunk.go). Otherwise he is a stranger. SDES and DTLS-SRTP prove nobody: they need a digest or a trunk,
// or inside a dialog its TLS connection. Keys of SDES are taken, and shown, over TLS and towards trunks only.
//
// REGISTER, and REFER outside a dialog, are for accounts alone: by digest, or over TLS by a certificate that was issued to the account
// (alone.go). A REFER in a dialog takes a seat elsewhere, for which the dialog's source address in the clear is too little.
//
// It is not call control: rooms, seats and their limits are the server's. It does not speak SIP; the server translates
// requests and refusals. It does not limit rates; the dialog package does before.
//
// A stranger learns nothing but that he is one: an unknown account, a wrong password, a wrong pre-shared key, a foreign
// certificate, an old or a repeated message, a room that is not there, SDES in the clear all get the same 401 with a fresh
// challenge. The true reason goes to the metrics (reasons.go). Only who has proven who he is hears more. A description that
// nobody could use is refused as such to anybody: it depends on nothing else. Two things show nevertheless: whoever calls under
// the name of an account with MD5 is asked for that (algorithm), and at a trunk's address the names of accounts are those that
// are asked for a digest at all.
//
// No goroutines. A Gate may be used from any goroutine; its only state is the window of nonce counts (window.go), which
// authenticated requests alone can fill.
//
// RFC 3261 sections 8.2, 10.3, 20.43, 22; 3515 and 4538 (REFER); 7616 and 8760 (digest); 4567 section 4.1.2 (refusals of MIKEY).
package gate
