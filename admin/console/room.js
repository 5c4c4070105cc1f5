// The list of rooms and the room that is open.

import { byId, element, keyed, say, set } from './dom.js';
import { fixed, plain, show, shown } from './text.js';
import { path } from './api.js';
import { seatView, tag } from './seat.js';

const rooms = new Map(); // name → view
const seats = new Map(); // id → view
let current = ''; // name of the open room

// hash of a room in the address of the page, and back; "" is none.
export const hashOf = (name) => '#/rooms/' + encodeURIComponent(name);
export function roomOf(hash) {
  try {
    return hash.startsWith('#/rooms/') ? decodeURIComponent(hash.slice('#/rooms/'.length)) : '';
  } catch {
    return ''; // no name at all
  }
}

// weakest tells the keying that bounds the secrecy of a room.
function weakest(w) {
  if (!w) return 'no call yet';
  return `weakest ${w.method}, ${w.suite || 'no keys yet'}, ${w.forward_secrecy ? 'forward secret' : 'no forward secrecy'}`;
}

export function showRooms(list, open) {
  current = open;
  keyed(byId('rooms'), rooms, list, (r) => r.name, (first) => {
    const name = element('bdi', { class: 'name' });
    const chips = element('span', { class: 'chips' });
    const count = element('span', { class: 'count' });
    const keys = element('span', { class: 'keys' });
    const link = element('a', { href: hashOf(first.name) }, name, chips, count, keys);
    return {
      node: element('li', {}, link),
      update(r) {
        show(name, r.name);
        tag(chips, [[r.locked, 'locked', 'warn'], [r.speaking.length > 0, r.speaking.length + ' speaking', 'good']]);
        say(count, `${r.seats} of ${r.max_seats}`);
        set(count, 'aria-label', `${r.seats} of ${r.max_seats} seats taken`);
        say(keys, weakest(r.weakest));
        set(link, 'aria-current', r.name === current ? 'true' : null);
      },
    };
  });
  byId('no-rooms').hidden = list.length > 0;
}

// What may be done to the open room; the buttons stay the same elements, whatever the room.
const actions = element('div', { class: 'buttons' });
let lock, quiet, open = null; // open: the room as it was seen last

function roomButtons(desk) {
  const patch = (words, change) => desk.act(words, open.name, () => desk.api.patch(path('rooms', open.name), change));
  lock = element('button', { type: 'button', onclick: () => patch(open.locked ? 'Unlocked' : 'Locked', { locked: !open.locked }) });
  quiet = element('button', { type: 'button', onclick: () => patch('Muted everybody', { muted: true }) }, 'Mute all');
  actions.append(lock, quiet);
  byId('room-facts').after(actions);
}

export function showRoom(desk, room, name) {
  if (!lock) roomButtons(desk);
  open = room ?? null;
  actions.hidden = !room;
  say(lock, room?.locked ? 'Unlock' : 'Lock');
  for (const b of [lock, quiet]) desk.gate(b);
  const title = byId('room-title');
  const facts = byId('room-facts');
  if (title.dataset.name !== name) {
    title.dataset.name = name;
    title.replaceChildren(...(name === '' ? ['No room chosen'] : ['Room ', shown(name)]));
    document.title = name === '' ? 'Conclave' : plain(name) + ' – Conclave';
  }
  const words = !room ? [] : [`${room.seats} of ${room.max_seats} seats`, `${room.speaking.length} speaking`, room.locked ? 'locked' : 'open',
    'policy ' + room.policy, weakest(room.weakest)];
  if (facts.shows === words.join()) return;
  facts.shows = words.join();
  facts.replaceChildren(...words.map((w) => element('span', { class: 'chip' }, shown(w))));
}

// showSeats shows the seats of the open room; gone says why there are none.
export function showSeats(desk, list, gone) {
  keyed(byId('seats'), seats, list, (s) => s.id, () => seatView(desk));
  say(byId('no-seats'), list.length > 0 ? '' : gone);
  byId('no-seats').hidden = list.length > 0;
}

// showNode shows what the node has left; where this token may not ask for it, how many calls there are in the rooms.
export function showNode(node, list) {
  const calls = node?.calls ?? list.reduce((sum, r) => sum + r.seats, 0);
  const parts = [`${list.length} ${list.length === 1 ? 'room' : 'rooms'}`, `${calls} ${calls === 1 ? 'call' : 'calls'}`];
  if (node) parts.push(`room for ${node.remaining} more`, `mixer ${fixed(100 * node.pressure.tick_load, 0)} % busy`);
  const box = byId('node');
  box.hidden = false;
  const words = parts.join(' · ');
  const state = `${node?.state} ${node?.shed}`;
  if (box.shows === words + state) return;
  box.shows = words + state;
  const chips = element('span', { class: 'chips' });
  tag(chips, [[node && node.state !== 'ready', node?.state, 'bad'], [node?.shed > 0, `sheds load, step ${node?.shed}`, 'bad']]);
  const gauge = node ? [element('meter', { min: 0, max: calls + node.remaining || 1, value: calls, 'aria-label': 'Capacity in use' })] : [];
  box.replaceChildren(element('span', {}, words), ...gauge, chips);
}
