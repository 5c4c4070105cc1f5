package server

import (
	"cmp"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/conclave/conclave/legs"
	"github.com/conclave/conclave/legs/media"
	"github.com/conclave/conclave/mixer"
	"github.com/conclave/conclave/server/gate"
)

// metrics counts what happens and, when it is scraped, reads the counters of the packages below. Its labels are from closed
// sets; no account, room or address becomes a label.
type metrics struct {
	registry *prometheus.Registry
	setups   *prometheus.HistogramVec // seconds by method
	refusals *prometheus.CounterVec   // by reason
	endings  *prometheus.CounterVec   // by reason
	rekeys   *prometheus.CounterVec   // by result
	infos    *prometheus.CounterVec   // by result
	moves    *prometheus.CounterVec   // by how and result
	gaps     prometheus.Histogram     // seconds

	server *Server
	mu     sync.Mutex
	past   mediaTotals // of legs that have ended
}

// mediaTotals sums the counters of streams.
type mediaTotals struct {
	sent, received, lost, late, concealed, authFailed, replayed, foreign, malformed, underOld, keysDropped float64
}

func (t *mediaTotals) add(s media.Snapshot) {
	t.sent += float64(s.PacketsSent)
	t.received += float64(s.PacketsReceived)
	t.lost += float64(s.Lost)
	t.late += float64(s.Late)
	t.concealed += float64(s.Concealed)
	t.authFailed += float64(s.AuthFailed)
	t.replayed += float64(s.Replayed)
	t.foreign += float64(s.ForeignSSRC)
	t.malformed += float64(s.Malformed)
	t.keysDropped += float64(s.KeysDropped)
	t.underOld += float64(s.UnderOld)
}

// endings are those that an operator watches for, and that are there from the start (legs.Ending).
var endings = []string{"media_timeout", "session_expired", "signalling_lost", "no_ack", "bad_answer", "rekey_failed", "handshake_failed"}

// overloads are the refusals before the gate that an operator watches for, and that are there from the start.
var overloads = []string{"overload", "full"}

// runtimeMetrics are those beyond the collector's own: what of the heap is alive.
var runtimeMetrics = collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/gc/heap/live:bytes$`)}

var gapBuckets = []float64{0, .02, .04, .06, .1, .2, .5, 1}

var setupBuckets = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(), server: s,
		setups: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "conclave_setup_seconds", Buckets: setupBuckets,
			Help: "Time from an admitted INVITE to its 200, by method of the key agreement.",
		}, []string{"method"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "conclave_refusals_total", Help: "Requests refused, by reason; a first challenge counts as no_proof.",
		}, []string{"reason"}),
		endings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "conclave_endings_total", Help: "Calls that ended, by reason.",
		}, []string{"reason"}),
		rekeys: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "conclave_rekeys_total", Help: "Changes of keys within a call, whichever side began them, by result.",
		}, []string{"result"}),
		infos: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "conclave_info_total", Help: "INFO requests with a body, by result: a key was taken, or comes another way too (twice); malformed; of a kind that tells of no key (foreign).",
		}, []string{"result"}),
		moves: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "conclave_moves_total", Help: "Seats that went, or were to go, to another device, or to whom the API had called (dial), by who began it and by result (done, or why it failed).",
		}, []string{"how", "result"}),
		gaps: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "conclave_move_gap_seconds", Buckets: gapBuckets, Help: "Sound of a seat that was missing when it went to another device.",
		}),
	}
	for _, result := range []string{rekeyDone, rekeyRefused, rekeyFailed} {
		m.rekeys.WithLabelValues(result)
	}
	for _, result := range legs.InfoResults() {
		m.infos.WithLabelValues(result)
	}
	for _, reason := range endings {
		m.endings.WithLabelValues(reason)
	}
	for _, reason := range gate.Reasons() {
		m.refusals.WithLabelValues(reason) // there from the start, so that a first refusal shows as a rise
	}
	for _, way := range []how{byReferral, byReplaces, byOrder, bySending, byCall} {
		m.moves.WithLabelValues(string(way), moveDone)
	}
	m.registry.MustRegister(m.setups, m.refusals, m.endings, m.rekeys, m.infos, m.moves, m.gaps, m,
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(runtimeMetrics)), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(newPauses()...)
	return m
}

func (m *metrics) joined(method string, took time.Duration) {
	m.setups.WithLabelValues(method).Observe(took.Seconds())
}

func (m *metrics) refused(reason string) { m.refusals.WithLabelValues(reason).Inc() }

// moved counts a move that has ended.
func (m *metrics) moved(way how, v MoveView) {
	m.moves.WithLabelValues(string(way), cmp.Or(v.Reason, moveDone)).Inc()
	if v.State == moveDone && way != byCall { // who is new was not missed before
		m.gaps.Observe(v.GapMS / 1000)
	}
}

func (m *metrics) rekeyed(result string) { m.rekeys.WithLabelValues(result).Inc() }

// informed counts an INFO (legs.Line.OnInfo).
func (m *metrics) informed(_ *legs.Leg, result string) { m.infos.WithLabelValues(result).Inc() }

// ended counts an ending and keeps the counters of its stream; the dialog leaves the table under the same lock, so that a
// scrape sees the stream once.
func (m *metrics) ended(reason, dialogID string, s media.Snapshot) {
	m.endings.WithLabelValues(reason).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.past.add(s)
	m.server.calls.remove(dialogID)
}

// Describe implements prometheus.Collector; the sampled metrics are described by being collected.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.server
	gauge := func(name, help string, v float64) { ch <- sample(prometheus.GaugeValue, name, help, v) }
	counter := func(name, help string, v float64) { ch <- sample(prometheus.CounterValue, name, help, v) }
	calls, away := s.ledger.left()
	gauge("conclave_calls", "Calls being set up or standing.", float64(calls))
	gauge("conclave_seats_away", "Seats whose owners lost their calls and that wait for their return (rooms.seat_wait).", float64(away))
	gauge("conclave_draining", "1 while an operator empties the server of calls and it takes no new ones.", float64(map[bool]int{true: 1}[s.drain.on.Load()]))
	gauge("conclave_registrations", "Devices of accounts that are registered, by their flows.", float64(s.registrar.total()))
	gauge("conclave_event_listeners", "Those who listen to events: over the admin API, webhooks, and conference subscriptions.", float64(s.events.Listeners()))
	gauge("conclave_subscriptions", "Subscriptions to who is in a room (RFC 4575).", float64(s.watchers.total()))
	gauge("conclave_rooms", "Open rooms.", float64(len(s.rooms.list())))
	hooks := s.webhooks.Totals()
	gauge("conclave_webhook_queued", "Events that wait to be sent to webhooks.", float64(hooks.Queued))
	counter("conclave_webhook_delivered_total", "Events that webhooks took.", float64(hooks.Delivered))
	counter("conclave_webhook_failed_total", "Attempts to send an event to a webhook that failed.", float64(hooks.Failed))
	counter("conclave_webhook_dead_total", "Events that webhooks did not get: given up, or beyond the queue.", float64(hooks.Dead))
	counter("conclave_dh_operations_total", "Diffie-Hellman operations done.", float64(s.dh.Done()))
	counter("conclave_dh_refused_total", "Diffie-Hellman operations refused because the pool was busy.", float64(s.dh.Refused()))
	gauge("conclave_replay_entries", "Messages in the replay cache.", float64(s.replay.Len()))
	gauge("conclave_key_guard_entries", "Keys that may not be used again.", float64(s.guard.Len()))
	counter("conclave_key_guard_forgotten_total", "Keys forgotten before their day was over, for lack of room.", float64(s.guard.ForgottenEarly()))
	gauge("conclave_dh_waiting", "Diffie-Hellman operations that run or wait.", float64(s.dh.Waiting()))
	counter("conclave_srtp_index_repeated_total", "RTP and RTCP packets not sent since their key, SSRC and index had been used before; each is a bug.",
		float64(s.line.Ledger.Repeated()))
	counter("conclave_audit_records_total", "Records written to the audit trail.", float64(s.trail.Count()))
	counter("conclave_audit_lost_total", "Entries that the audit trail lost, because the disk was full or too slow.", float64(s.trail.Lost()))
	gauge("conclave_audit_waiting", "Entries that wait to be written to the audit trail.", float64(s.trail.Waiting()))
	sent, dropped := s.tracer.Counts()
	counter("conclave_traces_sent_total", "Traces of call set-ups that the collector took.", float64(sent))
	counter("conclave_traces_dropped_total", "Traces of call set-ups that it did not take, or that were too many.", float64(dropped))
	m.collectMedia(ch, counter)
	m.collectMixer(ch, gauge, counter)
	gauge("conclave_recordings", "Recordings under way.", float64(m.server.shelf.Running()))
	gauge("conclave_recordings_bytes", "Octets that all recordings take.", float64(m.server.shelf.Octets()))
	gauge("conclave_recordings_max_bytes", "Octets that they may take (recording.max_mb).", float64(m.server.shelf.Keep))
	counter("conclave_recordings_cut_short_total", "Recordings that ended for lack of room, or by a fault of the disk.", float64(m.server.shelf.CutShort()))
	counter("conclave_recordings_dropped_total", "Frames that disks could not take in time, of recordings that have ended.", float64(m.server.shelf.Dropped()))
	st := s.endpoint.Stats()
	counter("conclave_sip_malformed_total", "SIP messages dropped or refused as malformed.", float64(st.Malformed))
	counter("conclave_sip_over_budget_total", "SIP messages beyond the budget of their source.", float64(st.OverBudget))
	counter("conclave_sip_kernel_drops_total", "Datagrams that the kernel dropped at the SIP sockets, mostly because a buffer was full.",
		float64(st.Dropped))
	counter("conclave_sip_panics_total", "Recovered panics of handlers; each is a bug.", float64(st.Panics))
	m.collectSIP(ch, st.Refused)
}

// collectSIP tells what the dialog layer refused by itself. What it only sent on behalf of the gate or of a room is left out:
// conclave_refusals_total has the true reason.
func (m *metrics) collectSIP(ch chan<- prometheus.Metric, refused map[string]uint64) {
	desc := prometheus.NewDesc("conclave_sip_refusals_total",
		"SIP messages refused or dropped before the gate saw them, or for the state of their dialog, by reason.", []string{"reason"}, nil)
	for _, reason := range overloads {
		if refused[reason] == 0 {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, 0, reason)
		}
	}
	for reason, n := range refused {
		if n > 0 && reason != "admit" && reason != "rejected" {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), reason)
		}
	}
}

// keyed is what the legs that stand are counted by.
type keyed struct {
	method, suite string
	secret        bool // forward secret
}

// collectMedia sums the streams of all legs, ended ones included, counts those that stand by their keying, and finds the
// oldest keys.
func (m *metrics) collectMedia(ch chan<- prometheus.Metric, counter func(string, string, float64)) {
	m.mu.Lock()
	total := m.past
	all := m.server.calls.all()
	legsBy, oldest := make(map[keyed]float64), time.Duration(0)
	for _, c := range all {
		total.add(c.leg.Stream().Snapshot())
		if t := c.leg.Terms(); t != nil {
			p := t.Posture
			legsBy[keyed{string(p.Method), string(p.Suite), p.ForwardSecrecy}]++
			if p.Suite != "" {
				oldest = max(oldest, time.Since(p.Since))
			}
		}
	}
	m.mu.Unlock()
	desc := prometheus.NewDesc("conclave_legs", "Legs that stand, by method, suite (none: its handshake runs) and forward secrecy.",
		[]string{"method", "suite", "forward_secrecy"}, nil)
	for k, v := range legsBy {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, k.method, cmp.Or(k.suite, "none"), strconv.FormatBool(k.secret))
	}
	ch <- sample(prometheus.GaugeValue, "conclave_key_age_max_seconds", "Age of the oldest keys of a leg that stands.", oldest.Seconds())
	counter("conclave_media_sent_total", "RTP packets sent.", total.sent)
	counter("conclave_media_received_total", "Authenticated, fresh RTP packets received.", total.received)
	counter("conclave_media_lost_total", "RTP packets that never came.", total.lost)
	counter("conclave_media_late_total", "RTP packets that came too late to play.", total.late)
	counter("conclave_media_concealed_total", "Ticks concealed because a packet was missing.", total.concealed)
	counter("conclave_media_auth_failed_total", "Packets whose tag did not verify.", total.authFailed)
	counter("conclave_media_replayed_total", "Packets seen before.", total.replayed)
	counter("conclave_media_foreign_total", "Packets of an SSRC that is not the peer's.", total.foreign)
	counter("conclave_media_under_old_total", "Packets under keys that were being replaced.", total.underOld)
	counter("conclave_media_keys_dropped_total", "Keys pressed that nobody took in time.", total.keysDropped)
	counter("conclave_media_malformed_total", "Datagrams that are no RTP or RTCP.", total.malformed)
}

func (m *metrics) collectMixer(ch chan<- prometheus.Metric, gauge, counter func(string, string, float64)) {
	p := m.server.pool.Stats()
	counter("conclave_mixer_encodes_total", "Frames encoded.", float64(p.Encodes))
	counter("conclave_mixer_decodes_total", "Frames decoded.", float64(p.Decodes))
	counter("conclave_mixer_busy_seconds_total", "Time spent in ticks.", p.Busy.Seconds())
	counter("conclave_mixer_overruns_total", "Ticks skipped because a room was far behind.", float64(p.Overruns))
	counter("conclave_mixer_late_total", "Ticks that started 5 ms or more late.", float64(p.Late))
	counter("conclave_mixer_failed_rooms_total", "Rooms that ended by a panic; each is a bug.", float64(p.Failed))
	counter("conclave_mixer_forwards_total", "Packets of sole speakers sent on in the place of an encoding.", float64(p.Forwards))
	gauge("conclave_mixer_load", "Share of the workers' time that ticks took in the last second.", p.Load)
	gauge("conclave_mixer_legs", "Legs in rooms and in the lobby.", float64(p.Legs))
	gauge("conclave_capacity_remaining", "Legs that the mixer has time for beyond those that it has, at what a leg costs at present.", float64(max(0, p.Capacity-p.Legs)))
	gauge("conclave_mixer_shed", "Step of deliberate reduction at present, 0 for none.", float64(p.Shed))
	gauge("conclave_mixer_worst_lateness_seconds", "Greatest lateness of a tick since the start.", p.Worst.Seconds())
	stage := prometheus.NewDesc("conclave_mixer_stage_seconds_total", "Time spent in ticks, by part of the tick.", []string{"stage"}, nil)
	for i, name := range mixer.Stages() {
		ch <- prometheus.MustNewConstMetric(stage, prometheus.CounterValue, p.Stages[i].Seconds(), name)
	}
	buckets, sum := make(map[float64]uint64), uint64(0)
	for i, bound := range mixer.LatenessBounds() {
		sum += p.Lateness[i]
		buckets[bound.Seconds()] = sum
	}
	ch <- prometheus.MustNewConstHistogram(prometheus.NewDesc("conclave_mixer_lateness_seconds",
		"How late ticks of rooms started; the sum is not kept.", nil, nil), p.Ticks, 0, buckets)
}

func sample(kind prometheus.ValueType, name, help string, v float64) prometheus.Metric {
	return prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), kind, v)
}
