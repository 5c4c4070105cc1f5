// The few ways in which this console touches its document. None of them parses HTML.

const svgNames = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

// element makes an element. Properties that begin with "on" are listeners, others are attributes; children are nodes or text.
export function element(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

// drawing makes an element of an SVG.
export function drawing(tag, properties, ...children) {
  return fill(document.createElementNS(svgNames, tag), properties, children);
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else set(node, name, value);
  }
  node.append(...children);
  return node;
}

// set gives an attribute its value, true and false being there and not there; only a change touches the document.
export function set(node, name, value) {
  const text = value === true ? '' : value === false || value == null ? null : String(value);
  if (node.getAttribute(name) === text) return;
  if (text === null) node.removeAttribute(name);
  else node.setAttribute(name, text);
}

// say gives an element its text; only a change touches the document.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// keyed brings the children of a list to what items are, in their order. What is there already stays the same element, so that the focus
// and an open disclosure survive; make(item) gives {node, update, ...}.
export function keyed(list, known, items, key, make) {
  const wanted = new Set(items.map(key));
  for (const [k, view] of known) {
    if (!wanted.has(k)) {
      view.node.remove();
      known.delete(k);
    }
  }
  items.forEach((item, i) => {
    const k = key(item);
    let view = known.get(k);
    if (!view) known.set(k, view = make(item));
    view.update(item);
    if (list.children[i] !== view.node) list.insertBefore(view.node, list.children[i] ?? null);
  });
}
