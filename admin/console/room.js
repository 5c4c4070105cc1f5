// The list of rooms and the room that is open.

import { byId, element, keyed, say, set } from './dom.js';
import { plain, show, shown } from './text.js';
import { path } from './api.js';
import { nameModerators } from './ask.js';
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
let lock, quiet, rule, open = null; // open: the room as it was seen last

function roomButtons(desk) {
  const patch = (words, change) => desk.act(words, open.name, () => desk.api.patch(path('rooms', open.name), change));
  lock = element('button', { type: 'button', onclick: () => patch(open.locked ? 'Unlocked' : 'Locked', { locked: !open.locked }) });
  quiet = element('button', { type: 'button', onclick: () => patch('Muted everybody', { muted: true }) }, 'Mute all');
  rule = element('button', { type: 'button', onclick: () => moderate(desk, open.name) }, 'Moderators …');
  actions.append(lock, quiet, rule);
  byId('moderators').after(actions);
}

// moderate has the room's moderators named, and sets them where nobody else has changed the room meanwhile.
async function moderate(desk, name) {
  const to = await nameModerators(desk.api, name);
  if (to) desk.act('Moderators set', name, () => desk.api.patch(path('rooms', name), { moderators: to.names }, to.tag));
}

const mostModerators = 12; // that are shown; all of them are where they are named

function showModerators(room) {
  const box = byId('moderators');
  const names = room?.moderators ?? [];
  box.hidden = names.length === 0;
  if (box.shows === names.join()) return;
  box.shows = names.join();
  const rest = names.length - mostModerators;
  box.replaceChildren(element('span', { class: 'faint' }, 'Moderators'),
    ...names.slice(0, mostModerators).map((n) => element('span', { class: 'chip' }, shown(n))),
    ...(rest > 0 ? [element('span', { class: 'chip' }, `and ${rest} more`)] : []));
}

export function showRoom(desk, room, name) {
  if (!lock) roomButtons(desk);
  open = room ?? null;
  actions.hidden = !room;
  say(lock, room?.locked ? 'Unlock' : 'Lock');
  for (const b of [lock, quiet, rule]) desk.gate(b);
  showModerators(room);
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
