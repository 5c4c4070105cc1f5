// The console: it signs in, asks the API again and again, listens to events, and shows what comes. Everything that it may do, the server
// decides again.

import { Api, forgetToken, path, saveToken, savedToken } from './api.js';
import { byId, say, set } from './dom.js';
import { Listener } from './events.js';
import * as feed from './feed.js';
import * as history from './history.js';
import { shown } from './text.js';
import { showNode } from './node.js';
import { roomOf, showRoom, showRooms, showSeats } from './room.js';

const pace = 1000;         // ms between two looks at the seats of the open room while events come, for the levels
const closest = 100;       // from what happens to the look at it: what happens together is looked at once
const slowPace = 2000;     // without events, or where the room is large
const largeRoom = 100;     // seats
const roomsPace = 5000;    // between two looks at the rooms while events tell of every change
const nodePace = 5000;
const beat = 500;          // between two looks at what is due, moves under way among them

// desk is what the views need of the console.
const desk = { api: null, act, gate, changed, noted, moved: (view) => feed.moving(view) };

const state = {
  self: null, live: false, listener: null, rooms: [], seats: [], open: '', node: null, due: {}, timer: 0, hurried: false, looked: 0,
  running: false, failing: false, painting: false,
  acts: Promise.resolve(), // what the operator asked for, one after the other
};

const roles = ['viewer', 'operator', 'admin']; // each may what those before it may

// gate disables what the role may not do.
function gate(control, least = 'operator') {
  const may = state.self !== null && roles.indexOf(state.self.role) >= roles.indexOf(least);
  set(control, 'disabled', !may);
  set(control, 'title', may ? null : `This needs the role ${least}`);
}

// act does what the operator asked for, one thing after the other, and tells how it went.
function act(words, name, work) {
  state.acts = state.acts.then(async () => {
    try {
      await work();
      tell('outcome', words + ': ', shown(name));
    } catch (err) {
      tell('trouble', `Not done (${words}: `, shown(name), '): ', shown(err.message));
      if (err.status === 401) signOut(err.message);
    }
    soon('seats', 'rooms');
  });
}

// changed shows a seat as the answer to a change tells it.
function changed(seat) {
  state.seats = state.seats.map((s) => (s.id === seat.id ? seat : s));
  paint();
}

// noted shows the server as the answer to a change tells it.
function noted(node) {
  state.node = node;
  paint();
}

// tell says something at the head of the page, in place of what was said there before.
function tell(where, ...words) {
  byId(where === 'outcome' ? 'trouble' : 'outcome').replaceChildren();
  byId(where).replaceChildren(...words);
}

// soon has things looked at again, every beat at most, however much happens.
function soon(...what) {
  for (const w of what) state.due[w] = 0;
  if (state.hurried) return;
  state.hurried = true;
  clearTimeout(state.timer);
  state.timer = setTimeout(round, Math.max(closest, state.looked + beat - Date.now()));
}

// round looks at what is due, shows it, and comes again.
async function round() {
  if (state.running || !desk.api) return;
  const api = desk.api;
  Object.assign(state, { running: true, hurried: false, looked: Date.now() });
  try {
    if (!document.hidden) {
      await look();
      paint();
    }
    state.failing = false;
  } catch (err) {
    state.failing = true;
    if (err.status === 401) signOut(err.message);
    else if (desk.api === api) tell('trouble', 'Out of date: ', shown(err.message));
  } finally {
    state.running = false;
    if (!state.hurried) {
      clearTimeout(state.timer);
      state.timer = setTimeout(round, state.failing ? slowPace : beat);
    }
  }
}

const isDue = (what, every) => {
  if (Date.now() < (state.due[what] ?? 0)) return false;
  state.due[what] = Date.now() + every - beat / 4; // a beat that comes a little early counts
  return true;
};

async function look() {
  const api = desk.api;
  const wasFailing = state.failing;
  if (isDue('rooms', state.live ? roomsPace : slowPace)) state.rooms = await rooms(api);
  if (state.self.room === '' && isDue('node', nodePace)) state.node = await api.get('/v1/node'); // a token of one room may not ask for it
  if (state.open !== '' && isDue('seats', state.live && state.seats.length <= largeRoom ? pace : slowPace)) {
    const name = state.open;
    const list = await optional(api.all(path('rooms', name, 'seats')), []);
    if (name === state.open) {
      state.seats = list;
      history.note(list, Date.now());
    }
  }
  if (!state.live && feed.pending().length > 0 && isDue('moves', beat)) {
    for (const m of feed.pending()) feed.moving(await optional(api.get(path('moves', m.id)), { id: m.id, state: 'failed', reason: 'not known any more' }));
  }
  if (wasFailing) byId('trouble').replaceChildren();
}

// rooms are all of them, or the one that the token is good for.
async function rooms(api) {
  if (state.self.room === '') return api.all('/v1/rooms');
  const one = await optional(api.get(path('rooms', state.self.room)), null);
  return one ? [one] : [];
}

// optional gives something else where the API has it not, or not for this token.
async function optional(asked, otherwise) {
  try {
    return await asked;
  } catch (err) {
    if (err.status === 404 || err.status === 403) return otherwise;
    throw err;
  }
}

// paint shows everything as it is, once a frame at most.
function paint() {
  if (state.painting) return;
  state.painting = true;
  requestAnimationFrame(() => {
    state.painting = false;
    if (desk.api) render();
  });
}

function render() {
  showRooms(state.rooms, state.open);
  const room = state.rooms.find((r) => r.name === state.open);
  showRoom(desk, room, state.open);
  showSeats(desk, state.seats, state.open === '' ? 'Choose a room to see who is in it.' : room ? 'Nobody is here.' : 'This room is not open.');
  showNode(desk, state.node, state.rooms);
}

// heard takes an event.
function heard(e) {
  if (e.type === 'call.refused') return feed.refused(e);
  if (e.type.startsWith('move.')) feed.moving(feed.ofEvent(e));
  if (e.type === 'seat.speaking' && e.room === state.open) {
    const seat = state.seats.find((s) => s.id === e.seat);
    if (seat) seat.speaking = e.data.speaking;
    return paint();
  }
  if (e.type.startsWith('node.')) return soon('node');
  soon('rooms', ...(e.room === state.open || e.type === 'missed' ? ['seats'] : []));
}

function streaming(live, err) {
  state.live = live;
  const chip = byId('stream');
  chip.hidden = false;
  set(chip, 'class', live ? 'chip good' : 'chip warn');
  say(chip, live ? 'live' : err ? 'asking every 2 s; no events for this token' : 'asking every 2 s');
}

// choose opens the room that the address names.
function choose() {
  const name = roomOf(location.hash);
  if (name === state.open) return;
  Object.assign(state, { open: name, seats: [] });
  if (desk.api) {
    tell('outcome'); // which was about another room
    paint();
    soon('seats');
  }
}

async function signIn(token) {
  const api = new Api(token);
  try {
    state.self = await api.get('/v1/self');
  } catch (err) {
    return signOut(err.status === 401 ? 'Not signed in: ' + err.message : err.message);
  }
  saveToken(token);
  desk.api = api;
  Object.assign(state, { due: {}, rooms: [], seats: [], node: null, failing: false });
  byId('signin').hidden = true;
  byId('desk').hidden = byId('signout').hidden = false;
  tell('outcome', `Signed in as ${state.self.role}`, ...(state.self.room === '' ? [] : [' of the room ', shown(state.self.room)]));
  state.open = state.self.room || roomOf(location.hash);
  state.listener = new Listener(api, state.self.room, heard, streaming);
  state.listener.run();
  soon();
}

function signOut(why) {
  state.listener?.stop();
  clearTimeout(state.timer);
  Object.assign(state, { listener: null, self: null, seats: [], rooms: [] });
  desk.api = null;
  forgetToken();
  feed.clear();
  showSeats(desk, [], '');
  byId('desk').hidden = byId('signout').hidden = byId('node').hidden = byId('drain').hidden = byId('stream').hidden = true;
  byId('signin').hidden = false;
  tell(why ? 'trouble' : 'outcome', shown(why ?? 'Signed out'));
  byId('token').focus();
}

byId('token-form').addEventListener('submit', (e) => {
  e.preventDefault();
  const field = byId('token');
  const token = field.value.trim();
  field.value = '';
  signIn(token);
});
byId('signout').addEventListener('click', () => signOut());
byId('skip').addEventListener('click', (e) => {
  e.preventDefault();
  (desk.api ? byId('room') : byId('token')).focus();
});
addEventListener('hashchange', choose);
document.addEventListener('visibilitychange', () => { if (!document.hidden && desk.api) soon('rooms', 'seats', 'node'); });

const saved = savedToken();
if (saved === null) byId('signin').hidden = false;
else signIn(saved);
