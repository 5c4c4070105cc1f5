package admin

import (
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// meters counts the API itself. Labels are closed sets: the route's pattern, never its path.
type meters struct {
	registry          *prometheus.Registry
	requests          *prometheus.CounterVec
	refused           *prometheus.CounterVec
	cutOff            prometheus.Counter
	proven, strangers prometheus.Gauge // connections
	evicted           prometheus.Counter
}

func newMeters() *meters {
	open := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "conclave_admin_connections", Help: "Open connections to the admin API: proven are those with a token or a certificate, strangers the others.",
	}, []string{"who"})
	m := &meters{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "conclave_admin_requests_total", Help: "Requests to the admin API that reached a route.",
		}, []string{"method", "route", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "conclave_admin_refused_total", Help: "Requests to the admin API refused before their route, by reason.",
		}, []string{"reason"}),
		cutOff: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "conclave_admin_listeners_cut_off_total", Help: "Listeners to events that did not take them in time.",
		}),
		proven: open.WithLabelValues("proven"), strangers: open.WithLabelValues("strangers"),
		evicted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "conclave_admin_connections_evicted_total", Help: "Connections of strangers to the admin API that were closed since others came.",
		}),
	}
	m.registry.MustRegister(m.requests, m.refused, m.cutOff, open, m.evicted)
	for _, reason := range []string{
		reasonBusy, reasonHost, reasonOrigin, reasonNoToken, reasonToken, reasonThrottled, reasonPaced, reasonListeners, reasonShare, reasonConnected, reasonRole, reasonType,
		reasonPanic,
	} {
		m.refused.WithLabelValues(reason) // shown as 0 from the start, so that an alert may rest on it
	}
	return m
}

// handler serves the API's own metrics together with those of the server.
func (m *meters) handler(others prometheus.Gatherer) http.Handler {
	all := prometheus.Gatherers{m.registry}
	if others != nil {
		all = append(all, others)
	}
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{})
}

// counted counts the requests of whoever was identified, by the pattern of their route.
func (m *meters) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		route, method := chi.RouteContext(r.Context()).RoutePattern(), r.Method
		if route == "" || seen.status == http.StatusMethodNotAllowed { // refused before its route, or a kept answer
			route, method = "none", "none" // a client's own words must not become labels
		}
		m.requests.WithLabelValues(method, route, strconv.Itoa(seen.status)).Inc()
	})
}

// statusWriter remembers the status that was written.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status and passes it on.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find what the writer can do.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
