package admin

import (
	"context"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
)

// openRoutes need no token: they say nothing about calls or people. Metrics join them while Config.MetricsToken is false.
var openRoutes = []string{"/healthz", "/readyz", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml", "/docs"}

// Reasons for which a request is refused before it reaches its route: the closed set of the metric's label.
const (
	reasonBusy      = "busy"
	reasonHost      = "host"
	reasonOrigin    = "origin"
	reasonNoToken   = "no_token"
	reasonToken     = "token"
	reasonThrottled = "throttled"
	reasonPaced     = "paced"
	reasonListeners = "listeners"
	reasonShare     = "share"
	reasonConnected = "connections"
	reasonRole      = "role"
	reasonType      = "content_type"
	reasonPanic     = "panic"
)

// refuse counts the reason and answers.
func (a *Admin) refuse(w http.ResponseWriter, reason string, status int, detail string) {
	a.meters.refused.WithLabelValues(reason).Inc()
	writeProblem(w, status, detail)
}

// recovered keeps a fault of one request from ending the server, and counts it: the count must stay zero.
func (a *Admin) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			a.log.ErrorContext(r.Context(), "admin request panicked", "panic", p, "stack", string(debug.Stack()))
			a.refuse(w, reasonPanic, http.StatusInternalServerError, "internal error; the server's log has more")
		}()
		next.ServeHTTP(w, r)
	})
}

// headed sets what keeps a browser from making anything of an answer but data.
func headed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// addressed refuses names that are not ours in Host and Origin: a page of a stranger whose name was made to resolve to
// this address (DNS rebinding) still sends its own name.
func (a *Admin) addressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.ours(r, r.Host) {
			a.refuse(w, reasonHost, http.StatusMisdirectedRequest, "this server does not answer to that Host; add it to admin.hosts")
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			u, err := url.Parse(origin)
			if err != nil || !a.ours(r, u.Host) {
				a.refuse(w, reasonOrigin, http.StatusForbidden, "this Origin may not use the API")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// ours tells whether the host, with or without a port, names this server: the address that the connection came to, localhost
// when that is loopback, or a name of the allow-list.
func (a *Admin) ours(r *http.Request, host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if slices.Contains(a.hosts, host) {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	addr, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return false
	}
	here := addr.Addr().Unmap().WithZone("")
	if here.IsLoopback() && host == "localhost" {
		return true
	}
	given, err := netip.ParseAddr(host)
	return err == nil && given.Unmap() == here
}

// peer is the address of the client. Fields that a proxy may add are not believed.
func peer(r *http.Request) netip.Addr { return addressOf(r.RemoteAddr) }

// typed wants JSON where there is a body. A browser cannot send that across origins without asking first.
func (a *Admin) typed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
			if err != nil || media != "application/json" {
				a.refuse(w, reasonType, http.StatusUnsupportedMediaType, "send the body as application/json")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// timed bounds the work on a request by its context. Who listens to events bounds each of its writes.
func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == eventsPath {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestPatience)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
