// Server-sent events by fetch, since EventSource cannot send a token. The parser is that of the HTML standard, section 9.2.6.

const silence = 60000;      // ms without an octet after which the connection counts as lost; the server says something more often
const shortestWait = 1000;  // ms before the next attempt; it doubles up to longestWait
const longestWait = 30000;
const longestEvent = 1 << 16; // characters of one event; more is no stream of this server

export const types = [
  'room.opened', 'room.closed', 'room.changed', 'seat.joined', 'seat.left', 'seat.changed', 'seat.speaking', 'seat.away', 'leg.state',
  'leg.rekeyed', 'move.begun', 'move.done', 'move.failed', 'call.refused', 'node.shed', 'node.full', 'node.draining',
];

// parser gives a function that takes pieces of the stream and hands whole events, {type, id, data}, to take.
export function parser(take) {
  let rest = '', data = [], type = '', id = null, returned = false;
  const line = (text) => {
    if (text === '') {
      if (data.length > 0) take({ type: type || 'message', id, data: data.join('\n') });
      data = [];
      type = '';
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return; // a sign of life
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    else if (field === 'event') type = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  };
  return (piece) => {
    if (returned && piece.startsWith('\n')) piece = piece.slice(1);
    returned = piece === '' ? returned : piece.endsWith('\r');
    const lines = (rest + piece).split(/\r\n|\r|\n/);
    rest = lines.pop();
    if (rest.length > longestEvent || data.length > longestEvent) throw new Error('no stream of events');
    lines.forEach(line);
  };
}

// Listener keeps listening until it is stopped: take hears events, state hears whether the stream stands (true) or not (false). After a loss
// it goes on with what came after the last event that it has heard.
export class Listener {
  constructor(api, room, take, state) {
    Object.assign(this, { api, room, take, state, last: '0', stopped: false }); // 0: with what is kept from before
  }

  async run() {
    for (let wait = shortestWait; !this.stopped; wait = Math.min(2 * wait, longestWait)) {
      try {
        await this.listen(() => { wait = shortestWait; });
      } catch (err) {
        if (err.status === 401 || err.status === 403 || err.status === 404) return this.state(false, err);
      }
      if (!this.stopped) this.state(false);
      if (!this.stopped) await new Promise((go) => setTimeout(go, wait * (0.5 + Math.random() / 2)));
    }
  }

  stop() {
    this.stopped = true;
    this.abort?.abort();
  }

  async listen(stands) {
    this.abort = new AbortController();
    let watch = setTimeout(() => this.abort.abort(), silence);
    try {
      const room = this.room === '' ? '' : '&room=' + encodeURIComponent(this.room);
      const answer = await this.api.fetch('GET', `/v1/events?types=${types.join(',')}${room}`, undefined, this.abort.signal,
        { Accept: 'text/event-stream', 'Last-Event-ID': this.last });
      stands();
      this.state(true);
      const feed = parser((e) => this.heard(e));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(() => this.abort.abort(), silence);
        feed(value);
      }
    } finally {
      clearTimeout(watch);
      this.abort.abort();
    }
  }

  heard(e) {
    if (e.id) this.last = e.id;
    this.take(e.type === 'missed' ? { type: 'missed' } : JSON.parse(e.data));
  }
}
