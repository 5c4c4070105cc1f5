// Package command is the commands of the binary that serve, administer and look into a server: `conclave serve`, `account`, `drain`, `audit` and
// `mikey`. A command is a struct whose tags are kong's, and its Run: options in, one call of the package that does the work, its result out.
//
// It is not where that work is done (admin, admin/client, admin/audit, keying), nor where exit statuses are made: main.go turns an error
// into one. The commands that call and load a server are loadtest's.
//
// Goroutines: none of its own. A command runs in main's, until the context that it is given ends.
//
// Ownership: a command owns what it opens (a node, a client of the API) for the length of its Run. Keys that it reads stay in memory; they
// are printed where the user asks for them, and nowhere else.
//
// RFCs: 3830 (what `mikey inspect` decodes), 8259 (what --json prints).
package command
