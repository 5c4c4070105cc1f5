// The REST API and its events. The token goes into the Authorization field of each request and nowhere else.

const patience = 15000; // ms for one answer
const pageLimit = 1000; // items of a page
const mostPages = 5;    // of a list; a room holds fewer
const tokenKey = 'conclave.token';

// Problem is a refusal as RFC 9457 tells it.
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

// The token lives as long as the tab.
export const savedToken = () => sessionStorage.getItem(tokenKey);
export const saveToken = (token) => sessionStorage.setItem(tokenKey, token);
export const forgetToken = () => sessionStorage.removeItem(tokenKey);

// path makes a path of names, whatever they hold.
export const path = (...names) => '/v1/' + names.map(encodeURIComponent).join('/');

export class Api {
  constructor(token) {
    this.token = token;
  }

  get(path) { return this.ask('GET', path); }
  post(path, body) { return this.ask('POST', path, body); }
  put(path) { return this.ask('PUT', path); }
  remove(path) { return this.ask('DELETE', path); }

  // patch changes what is at the path; with a tag only what is there still as it was when it had that tag.
  patch(path, body, tag) { return this.ask('PATCH', path, body, tag ? { 'If-Match': tag } : {}); }

  // tagged gives what is at the path with its tag.
  async tagged(path) {
    const answer = await this.fetch('GET', path, undefined, AbortSignal.timeout(patience));
    return { item: await answer.json(), tag: answer.headers.get('ETag') };
  }

  // all gives every item of a paged list.
  async all(path) {
    const items = [];
    let next = null;
    for (let page = 0; page < mostPages; page++) {
      const cursor = next === null ? '' : '&cursor=' + encodeURIComponent(next);
      const got = await this.get(`${path}?limit=${pageLimit}${cursor}`);
      items.push(...got.items);
      next = got.next;
      if (next === null) break;
    }
    return items;
  }

  async ask(method, path, body, fields) {
    const answer = await this.fetch(method, path, body, AbortSignal.timeout(patience), fields);
    const text = await answer.text();
    return text === '' ? null : JSON.parse(text);
  }

  // fetch gives the answer where it is a good one, and throws the Problem where it is not.
  async fetch(method, path, body, signal, fields) {
    const headers = { Accept: 'application/json', ...fields };
    if (this.token !== '') headers.Authorization = 'Bearer ' + this.token;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    let answer;
    try {
      answer = await fetch(path, {
        method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
        cache: 'no-store', credentials: 'same-origin', redirect: 'error', referrerPolicy: 'no-referrer',
      });
    } catch (err) {
      throw new Problem(0, err.name === 'TimeoutError' ? 'the server does not answer in time' : 'the server cannot be reached');
    }
    if (answer.ok) return answer;
    throw await problemOf(answer);
  }
}

async function problemOf(answer) {
  let detail = answer.statusText;
  try {
    const body = await answer.json();
    detail = body.detail || body.title || detail;
    for (const e of body.errors ?? []) detail += `; ${e.location ?? ''} ${e.message ?? ''}`;
  } catch { /* no JSON: the status says it */ }
  return new Problem(answer.status, detail);
}
