// The server as a whole: what it has left, and whether it is being emptied.

import { byId, element, say } from './dom.js';
import { fixed } from './text.js';
import { path } from './api.js';
import { confirmDrain } from './ask.js';
import { tag } from './seat.js';

const draining = (node) => node?.state === 'draining';

// emptied says that a drain has come to its end: no call is left, and nobody is waited for.
const emptied = (node) => draining(node) && node.calls + node.away === 0;

// showNode shows what the node has left; where this token may not ask for it, how many calls there are in the rooms.
export function showNode(desk, node, list) {
  const calls = node?.calls ?? list.reduce((sum, r) => sum + r.seats, 0);
  const parts = [`${list.length} ${list.length === 1 ? 'room' : 'rooms'}`, `${calls} ${calls === 1 ? 'call' : 'calls'}`];
  if (node?.away > 0) parts.push(`${node.away} ${node.away === 1 ? 'seat waits' : 'seats wait'}`);
  if (node) parts.push(`room for ${node.remaining} more`, `mixer ${fixed(100 * node.pressure.tick_load, 0)} % busy`);
  showDrain(desk, node);
  const box = byId('node');
  box.hidden = false;
  const words = parts.join(' · ');
  const state = `${node?.state} ${node?.shed}`;
  if (box.shows === words + state) return;
  box.shows = words + state;
  const chips = element('span', { class: 'chips' });
  tag(chips, [[node && node.state !== 'ready', node?.state, 'bad'], [emptied(node), 'empty', 'good'], [node?.shed > 0, `sheds load, step ${node?.shed}`, 'bad']]);
  const gauge = node ? [element('meter', { min: 0, max: calls + node.remaining || 1, value: calls, 'aria-label': 'Capacity in use' })] : [];
  box.replaceChildren(element('span', {}, words), ...gauge, chips);
}

// showDrain offers to empty the server, or to have it take calls again.
function showDrain(desk, node) {
  const button = byId('drain');
  button.hidden = !node || node.state === 'stopping';
  say(button, draining(node) ? 'End drain …' : 'Drain …');
  desk.gate(button, 'admin');
  button.onclick = () => drain(desk, node, draining(node));
}

async function drain(desk, node, ends) {
  if (!await confirmDrain(node, ends)) return;
  const here = path('node', 'drain');
  desk.act(ends ? 'Drain ended' : 'Drain begun', node.domain, async () => desk.noted(await (ends ? desk.api.remove(here) : desk.api.put(here))));
}
