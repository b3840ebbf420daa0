// Addresses: where the server is, and what each connection asks for.

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_';
let lastTime;
let sameTime;

function digits(number) {
  let text = '';
  do {
    text = DIGITS[number % 64] + text;
    number = Math.floor(number / 64);
  } while (number);
  return text;
}

// The time, and a number when it was told before: no two are the same, which
// keeps caches and proxies from taking one request for another.
function yeast() {
  const time = digits(Date.now());
  if (time !== lastTime) {
    lastTime = time;
    sameTime = 0;
    return time;
  }
  return `${time}.${digits(sameTime++)}`;
}

// The page's own address; Node.js has none.
function page() {
  const { location } = globalThis;
  return location && /^http/.test(location.protocol) ? location.href : 'http://127.0.0.1/';
}

// A full address; what lacks a scheme or a host has those of the page.
function parseUrl(url) {
  const full = /^[a-z][a-z\d+.-]*:\/\//i.test(url) || /^[/?#]|^$/.test(url);
  const at = new URL(full ? url : `${page().split('/')[0]}//${url}`, page());
  const { protocol, hash, search, pathname, username, password, host, port, hostname, origin, href } = at;
  const auth = username && `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { slashes: true, protocol, hash, query: search, pathname, auth, host, port, hostname, username, password, origin, href };
}

// The first of each name; what cannot be decoded is left out.
function parseQuery(text) {
  const query = {};
  for (const pair of text.replace(/^[?#]/, '').split('&')) {
    const at = (pair + '=').indexOf('=');
    try {
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)].map((part) => decodeURIComponent(part.replace(/\+/g, ' ')));
      if (name && !Object.hasOwn(query, name)) query[name] = value;
    } catch {}
  }
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
