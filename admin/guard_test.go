package admin

import "github.com/conclave/conclave/server"

// The server itself answers the API; main passes it in.
var _ Server = (*server.Server)(nil)
