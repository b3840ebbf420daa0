// Addresses: where the server is, and what each connection asks for.

let last = 0;

// A text that was never given before, which keeps caches, proxies and other tabs
// from taking one request for another.
function unique() {
  last = Math.max(Date.now(), last + 1);
  return last.toString(36);
}

// The page's own address; Node.js has none.
function page() {
  const { href } = globalThis.location || {};
  return /^http/.test(href) ? href : 'http://127.0.0.1/';
}

// A full address; what lacks a scheme or a host has those of the page.
function parseUrl(url) {
  const full = /^[a-z][a-z\d+.-]*:\/\/|^[/?#]|^$/i.test(url);
  const at = new URL(full ? url : `//${url}`, page());
  const auth = at.username && decodeURIComponent(`${at.username}:${at.password}`);
  const parts = { query: at.search, auth };
  for (const name in at) if (typeof at[name] === 'string') parts[name] = at[name];
  return parts;
}

// The first of each name.
function parseQuery(text) {
  const query = {};
  for (const [name, value] of new URLSearchParams(text)) if (name) query[name] = query[name] ?? value;
  return query;
}

function printQuery(query, prefix) {
  const text = Object.keys(query)
    .map((name) => [name, query[name] == null ? '' : query[name]].map(encodeURIComponent).join('='))
    .join('&');
  return text && prefix ? (prefix === true ? '?' : prefix) + text : text;
}

function address({ protocol, auth, host, port, secure, pathname, query }) {
  const login = auth && encodeURIComponent(auth).replace('%3A', ':') + '@';
  const at = port === (secure ? 443 : 80) ? host : `${host}:${port}`;
  return `${protocol}//${login}${at}${pathname}${query && '?'}${query}`;
}
