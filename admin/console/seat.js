// One seat of the open room: who, how loud, how keyed, how well heard, and what may be done.

import { element, say, set } from './dom.js';
import { age, fixed, plain, show, shown } from './text.js';
import { path } from './api.js';
import * as history from './history.js';
import { spark } from './spark.js';
import { chooseDevice, confirmHangUp } from './ask.js';

const quietest = -60; // dBFS at which the level meter is empty
const measures = [ // name, field, lower and upper bound of the drawing, unit, digits
  { name: 'MOS', what: 'mos', low: 1, high: 4.5, unit: '', digits: 1 },
  { name: 'Loss', what: 'loss', low: 0, high: 10, unit: ' %', digits: 1 },
  { name: 'Jitter', what: 'jitter', low: 0, high: 60, unit: ' ms', digits: 0 },
];

export const nameOf = (seat) => seat.display_name || seat.account || seat.trunk || seat.id;

// seatView makes the row of a seat. desk has the api, and act(words, name, work) which does what an operator may and tells how it went.
export function seatView(desk) {
  let seat;
  const here = (...more) => path('rooms', seat.room, 'seats', seat.id, ...more);
  const patch = (change, words) => desk.act(words, nameOf(seat), async () => desk.changed(await desk.api.patch(here(), change)));

  const name = element('bdi', { class: 'name' });
  const owner = element('bdi', { class: 'faint' });
  const chips = element('span', { class: 'chips' });
  const bar = element('span', { class: 'bar' });
  const level = element('div', { class: 'level', role: 'meter', 'aria-valuemin': quietest, 'aria-valuemax': 0 }, bar);
  const keys = element('div', { class: 'keys' });
  const mos = element('span', { class: 'mos' });
  const small = spark('MOS');
  const mute = element('button', { type: 'button', onclick: () => patch({ muted: !seat.muted }, seat.muted ? 'Heard again' : 'Muted') }, 'Mute');
  const more = element('button', { type: 'button', onclick: () => open(details.node.hidden) }, 'Details');
  const details = detailsView(desk, () => seat, here, patch);
  const node = element('li', { class: 'seat' },
    element('div', { class: 'who' }, name, owner, chips), keys, level,
    element('div', { class: 'quality' }, mos, small.node),
    element('div', { class: 'buttons' }, mute, more), details.node);

  function open(yes) {
    details.node.hidden = !yes;
    set(more, 'aria-expanded', String(yes));
    if (yes) details.update(seat);
  }

  function update(now) {
    seat = now;
    node.dataset.seat = seat.id;
    const title = plain(nameOf(seat));
    show(name, nameOf(seat));
    show(owner, seat.trunk ? 'trunk ' + seat.trunk : seat.account === nameOf(seat) ? '' : seat.account);
    set(node, 'class', 'seat' + (seat.speaking ? ' speaking' : ''));
    tag(chips, [[seat.speaking, 'speaking', 'good'], [seat.muted, 'muted', 'warn'], [seat.deaf, 'deaf', 'warn'], [!seat.leg, 'away', 'warn'],
      [seat.gain_db !== 0, fixed(seat.gain_db, 0) + ' dB', ''], [seat.leg?.keying.overdue, 'keys overdue', 'bad']]);
    meter(level, bar, seat, title);
    say(keys, keysInShort(seat.leg));
    const points = history.of(seat.id, 'mos');
    say(mos, 'MOS ' + fixed(seat.leg ? seat.leg.quality.mos : NaN, 1));
    small.update(points, 1, 4.5, Date.now(), `lowest ${fixed(Math.min(...points.map((p) => p.v)), 1)} in the last minutes`);
    say(mute, seat.muted ? 'Unmute' : 'Mute');
    set(mute, 'aria-label', (seat.muted ? 'Unmute ' : 'Mute ') + title);
    set(more, 'aria-label', 'Details of ' + title);
    desk.gate(mute);
    if (!details.node.hidden) details.update(seat);
  }
  set(more, 'aria-expanded', 'false');
  return { node, update };
}

function meter(level, bar, seat, title) {
  const dbfs = Math.min(0, Math.max(quietest, seat.level_dbfs));
  set(level, 'aria-label', 'Level of ' + title);
  set(level, 'aria-valuenow', Math.round(dbfs));
  set(level, 'aria-valuetext', Math.round(seat.level_dbfs) + ' dBFS');
  bar.style.setProperty('--share', String(1 - dbfs / quietest));
}

// tag shows those of [whether, word, class] that hold.
export function tag(chips, list) {
  const there = list.filter(([holds]) => holds);
  const words = there.map(([, word]) => word).join(' ');
  if (chips.shows === words) return;
  chips.shows = words;
  chips.replaceChildren(...there.map(([, word, kind]) => element('span', { class: 'chip ' + kind }, word)));
}

function keysInShort(leg) {
  if (!leg) return 'no call';
  const k = leg.keying;
  return [k.method, k.suite || 'no keys yet', k.forward_secrecy ? 'forward secret' : 'no forward secrecy'].join(' · ');
}

// detailsView is what a seat shows when it is opened.
function detailsView(desk, seat, here, patch) {
  const rows = element('dl', {});
  const values = new Map();
  const button = (word, work, kind) => element('button', { type: 'button', class: kind, onclick: work }, word);
  const title = () => plain(nameOf(seat()));
  const post = (what, words) => desk.act(words, nameOf(seat()), () => desk.api.post(here(what)));
  const deaf = button('Deafen', () => patch({ deaf: !seat().deaf }, seat().deaf ? 'Hears again' : 'Deafened'));
  const gain = element('input', { type: 'range', min: -60, max: 20, step: 1, onchange: () => patch({ gain_db: Number(gain.value) }, 'Gain changed') });
  const gained = element('output', {});
  gain.addEventListener('input', () => say(gained, gain.value + ' dB'));
  const actions = [deaf,
    button('Move …', async () => {
      const to = await chooseDevice(desk.api, seat());
      if (to) desk.act('Move begun', nameOf(seat()), async () => desk.moved(await desk.api.post(here('moves'), to)));
    }),
    button('Rekey', () => post('rekey', 'Asked for new keys')),
    button('Re-INVITE', () => post('reinvite', 'Sent a re-INVITE')),
    button('Hang up …', async () => {
      if (await confirmHangUp(nameOf(seat()))) desk.act('Hung up', nameOf(seat()), () => desk.api.remove(here()));
    }, 'bad')];
  const lines = measures.map((m) => ({ ...m, spark: spark(m.name), value: element('span', {}) }));
  const node = element('div', { class: 'details' },
    element('div', { class: 'buttons' }, ...actions, element('label', { class: 'gain' }, 'Gain ', gain, gained)),
    element('div', { class: 'lines' }, ...lines.map((l) => element('div', {}, l.value, l.spark.node))), rows);
  node.hidden = true;

  function update(s) {
    say(deaf, s.deaf ? 'Undeafen' : 'Deafen');
    set(deaf, 'aria-label', (s.deaf ? 'Undeafen ' : 'Deafen ') + title());
    set(gain, 'aria-label', 'Gain of ' + title() + ', dB');
    if (document.activeElement !== gain) {
      gain.value = String(s.gain_db);
      say(gained, fixed(s.gain_db, 0) + ' dB');
    }
    for (const b of actions.slice(1)) set(b, 'aria-label', b.textContent.replace(' …', '') + ' ' + title());
    for (const b of [...actions, gain]) desk.gate(b);
    set(actions[1], 'disabled', actions[1].disabled || s.account === '');
    for (const l of lines) {
      const points = history.of(s.id, l.what);
      say(l.value, `${l.name} ${fixed(points.at(-1)?.v ?? NaN, l.digits)}${l.unit}`);
      l.spark.update(points, l.low, l.high, Date.now(), `${l.name} since ${age((Date.now() - (points[0]?.t ?? Date.now())) / 1000)}`);
    }
    for (const [term, value] of facts(s)) {
      if (!values.has(term)) {
        values.set(term, element('bdi', {}));
        rows.append(element('div', {}, element('dt', {}, term), element('dd', {}, values.get(term))));
      }
      show(values.get(term), value);
    }
  }
  return { node, update };
}

// facts of a seat, term by term.
function facts(s) {
  const leg = s.leg ?? { keying: {}, quality: {} };
  const k = leg.keying;
  return [
    ['Method', [k.method, k.group].filter(Boolean).join(', ') || '–'],
    ['Suite', k.suite || '–'],
    ['Forward secrecy', s.leg ? (k.forward_secrecy ? 'yes' : 'no') : '–'],
    ['Key age', s.leg ? age(k.key_age_s) : '–'],
    ['Rekeys', String(k.rekeys ?? '–')],
    ['Proven peer', k.peer_identity || '–'],
    ['Fingerprint', k.peer_fingerprint || '–'],
    ['CSB ID', k.csb_id ? '0x' + k.csb_id.toString(16).padStart(8, '0') : '–'],
    ['Round trip', fixed(leg.quality.rtt_ms, 0) + ' ms'],
    ['Codec', leg.codec || '–'],
    ['Signalling', [leg.transport, leg.signalling_addr].filter(Boolean).join(' ') || '–'],
    ['Media', leg.media_addr || '–'],
    ['State', leg.state || 'away'],
    ['Joined', new Date(s.joined_at).toLocaleTimeString([], { hour12: false })],
    ['Seat', s.id],
  ];
}
