// What happens beside the room: calls that were refused, and moves.

import { byId, element, keyed } from './dom.js';
import { clock, fixed, show, shown } from './text.js';

const mostRefusals = 100; // that are shown, newest first
const mostMoves = 30;

const moves = new Map(); // id → move, in the order of their beginning
const views = new Map(); // id → view

// refused shows a refusal. Each is one line of a log, which is read out as it comes.
export function refused(e) {
  const d = e.data ?? {};
  const list = byId('refusals');
  const words = [element('time', { datetime: e.time }, clock(e.time)), ' ', element('strong', {}, shown(`${d.status} ${d.reason}`)), ' '];
  if (e.account) words.push(shown(e.account), ' ');
  if (e.room) words.push('for ', shown(e.room), ' ');
  words.push(element('span', { class: 'faint' }, shown([d.method, d.source, d.transport, d.trunk && 'trunk ' + d.trunk].filter(Boolean).join(' ')),
    d.untold > 0 ? ` and ${fixed(d.untold, 0)} before` : ''));
  list.prepend(element('li', {}, ...words));
  while (list.children.length > mostRefusals) list.lastChild.remove();
  byId('no-refusals').hidden = true;
}

const under = (m) => m.state === 'inviting' || m.state === 'bridged';

// moving shows a move as an event or an answer tells it. The answer that begins one may come after the event that it is over.
export function moving(m) {
  const known = moves.get(m.id);
  if (known && !under(known) && under(m)) return;
  moves.set(m.id, { ...known, ...m });
  for (const id of moves.keys()) {
    if (moves.size <= mostMoves) break;
    moves.delete(id);
  }
  showMoves();
}

// pending gives the moves that are not over.
export const pending = () => [...moves.values()].filter(under);

function showMoves() {
  keyed(byId('moves'), views, [...moves.values()].reverse(), (m) => m.id, () => {
    const who = element('bdi', {}), where = element('bdi', { class: 'faint' }), state = element('span', { class: 'chip' });
    return {
      node: element('li', {}, who, ' ', state, ' ', where),
      update(m) {
        show(who, `${m.account} in ${m.room}`);
        show(where, m.target ? 'to ' + m.target : 'by ' + m.how);
        state.className = 'chip ' + ({ done: 'good', failed: 'bad' }[m.state] ?? '');
        state.replaceChildren(shown(m.state === 'failed' ? 'failed: ' + m.reason : m.state === 'done' ? `done, gap ${fixed(m.gap_ms, 0)} ms` : m.state));
      },
    };
  });
  byId('no-moves').hidden = moves.size > 0;
}

// ofEvent is what a move's event tells of it.
export function ofEvent(e) {
  const d = e.data ?? {};
  const state = { 'move.begun': 'inviting', 'move.done': 'done', 'move.failed': 'failed' }[e.type];
  return { id: d.move, room: e.room, account: e.account, how: d.how, target: d.target ?? '', state, gap_ms: d.gap_ms, reason: d.reason ?? '' };
}

export function clear() {
  moves.clear();
  byId('refusals').replaceChildren();
  byId('no-refusals').hidden = false;
  showMoves();
}
