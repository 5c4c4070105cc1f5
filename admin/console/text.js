// Text of strangers, made harmless: it goes into the page as text alone, isolated from the direction of what stands around it, and
// with what cannot be seen made visible.

const longest = 160; // characters shown of any one text; the whole is in the API

// What does not print, hides, or turns the direction of writing: C0, C1, soft hyphen, Arabic letter mark, zero width space, marks,
// embeddings, overrides and isolates of direction, separators of lines, word joiners and other invisible operators, byte order
// mark, tags, lone surrogates. The joiners U+200C and U+200D stay: scripts need them.
const hidden = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

const mark = (c) => 'U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');

function cut(value) {
  const all = Array.from(String(value ?? ''));
  return all.length > longest ? all.slice(0, longest).join('') + '…' : all.join('');
}

// plain is a text for an attribute or a title, where there are no elements: what is hidden stands as ⟨U+202E⟩.
export function plain(value) {
  return '\u2068' + cut(value).replace(hidden, (c) => '⟨' + mark(c) + '⟩') + '\u2069';
}

// shown is a text for the page: a <bdi> in which what is hidden stands as a marked code point.
export function shown(value) {
  const bdi = document.createElement('bdi');
  show(bdi, value);
  return bdi;
}

// show puts a text into a <bdi> that is there, if it is another than before.
export function show(bdi, value) {
  const text = cut(value);
  if (bdi.shows === text) return;
  bdi.shows = text;
  let from = 0;
  const parts = [];
  for (const found of text.matchAll(hidden)) {
    parts.push(text.slice(from, found.index));
    const code = document.createElement('span');
    code.className = 'codepoint';
    code.textContent = mark(found[0]);
    parts.push(code);
    from = found.index + found[0].length;
  }
  parts.push(text.slice(from));
  bdi.replaceChildren(...parts);
}

// age is a span of seconds in words.
export function age(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return s + ' s';
  if (s < 7200) return Math.floor(s / 60) + ' min';
  return Math.floor(s / 3600) + ' h';
}

// clock is a moment of today.
export function clock(time) {
  const t = new Date(time);
  return Number.isNaN(t.getTime()) ? '' : t.toLocaleTimeString([], { hour12: false });
}

// fixed is a number with so many digits, a dash where there is none.
export function fixed(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}
