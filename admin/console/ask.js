// The one dialog: it asks before something ends, and lets a device be chosen and moderators be named. The browser keeps the focus in it, Escape closes it, and the
// focus goes back to the button that opened it.

import { byId, element, say } from './dom.js';
import { shown } from './text.js';
import { path } from './api.js';

// ask shows the dialog and gives true where the answer was yes.
function ask(title, yes, body, ready) {
  const dialog = byId('ask');
  say(byId('ask-title'), title);
  say(byId('ask-trouble'), '');
  byId('ask-body').replaceChildren(...body);
  const button = byId('ask-yes');
  say(button, yes);
  button.disabled = !ready;
  return new Promise((answer) => {
    const close = (yes) => {
      answer(yes);
      dialog.close();
    };
    button.onclick = () => close(true);
    byId('ask-no').onclick = () => close(false);
    dialog.onclose = () => { if (!dialog.open) answer(false); }; // by Escape; it may come when the next question is being asked
    dialog.showModal();
  });
}

// confirm asks whether to hang up.
export function confirmHangUp(name) {
  return ask('Hang up?', 'Hang up', [element('p', {}, 'The call of ', shown(name), ' ends, and the seat is free.')], true);
}

// confirmDrain asks whether to empty the server, or whether to have it take calls again.
export function confirmDrain(node, ends) {
  const name = shown(node.domain);
  if (ends) return ask('End the drain?', 'End drain', [element('p', {}, name, ' takes new calls again.')], true);
  return ask('Drain the server?', 'Drain', [element('p', {}, name, ' takes no new calls, until the drain is ended or the server starts anew.'),
    element('p', {}, `Calls that stand go on: ${node.calls}. Nobody is hung up.`)], true);
}

const mostNames = 100 * 65; // characters: as many moderators as a room may have, with what parts them

// nameModerators gives {names, tag}: the moderators that the room is to have, and of what the room was when they were named; or null.
export async function nameModerators(api, room) {
  const field = element('textarea', { rows: 5, maxlength: mostNames, autocapitalize: 'none', autocomplete: 'off', spellcheck: 'false', disabled: true });
  const answered = ask('Moderators', 'Save', [
    element('label', {}, 'Accounts that moderate ', shown(room), ', one a line', field),
    element('p', { class: 'faint' }, 'While none of them is in the room whoever calls waits; who is in stays. Without moderators nobody waits.')], false);
  let tag = null;
  try {
    const got = await api.tagged(path('rooms', room));
    if (!field.isConnected) return null; // the dialog asks something else by now
    tag = got.tag;
    field.value = got.item.moderators.join('\n');
    field.disabled = byId('ask-yes').disabled = false;
    field.focus();
  } catch (err) {
    if (field.isConnected) say(byId('ask-trouble'), 'The moderators cannot be shown: ' + err.message);
  }
  return await answered && tag !== null ? { names: field.value.split(/[\s,;]+/).filter(Boolean), tag } : null;
}

// chooseDevice gives what POST moves takes, or null.
export async function chooseDevice(api, seat) {
  const choices = element('fieldset', {}, element('legend', {}, 'Device of ', shown(seat.account)), element('p', { class: 'faint' }, 'Asking …'));
  const ways = element('fieldset', {}, element('legend', {}, 'Who calls'),
    choice('via', 'invite', true, 'The server calls the device'), choice('via', 'send', false, 'The device is asked to call'));
  const answered = ask('Move to another device', 'Move', [choices, ways], false);
  const picked = (name) => byId('ask-body').querySelector(`input[name=${name}]:checked`)?.value;
  try {
    const { devices } = await api.get(path('accounts', seat.account));
    if (!choices.isConnected) return null; // the dialog asks something else by now
    const rows = devices.map((d, i) => choice('device', String(i), i === 0, shown(d.name || d.uri), element('span', { class: 'faint' },
      ` ${d.transport}, ${d.registered ? 'registered' : 'listed'} `, shown(d.uri))));
    choices.replaceChildren(choices.firstChild, ...(rows.length > 0 ? rows : [element('p', {}, 'The account has no device: register one, or list it with the account.')]));
    byId('ask-yes').disabled = rows.length === 0;
    choices.querySelector('input')?.focus();
    if (!await answered) return null;
    return { target: devices[Number(picked('device'))].uri, via: picked('via') };
  } catch (err) {
    choices.lastChild.remove();
    if (choices.isConnected) say(byId('ask-trouble'), 'The devices cannot be shown: ' + err.message);
    await answered;
    return null;
  }
}

function choice(name, value, checked, ...words) {
  return element('label', { class: 'choice' }, element('input', { type: 'radio', name, value, checked }), ...words);
}
