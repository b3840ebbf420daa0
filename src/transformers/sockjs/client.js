// The transformer `sockjs`: a session that a WebSocket carries, or else requests:
// the first transport that opens it.
//
// Options, in `transport`: `transports` (those that may be tried), `timeout` (how
// long each has at least, in ms), `server` (what the paths begin with, 3 digits
// else), `withCredentials`, `extraHeaders`.

// The transports in their order, and what each asks for.
const ROUTES = { websocket: 'websocket', 'xhr-streaming': 'xhr_streaming', eventsource: 'eventsource', 'xhr-polling': 'xhr' };
// How long the server may think about what it has, in ms.
const INFO_TIMEOUT = 8000;
// How long it may take what was written last, in ms.
const LAST_TIMEOUT = 30000;
// How much goes into one request, in bytes.
const MOST = 2 ** 20;

// `base` is the address up to what is asked for; `incoming::open`, `incoming::data`
// and once `incoming::end` are emitted on `to`. A socket with the name of the
// `transport` that opened it, and with `send`, `ready` and `drop`.
function createSession(base, query, auth, options, to) {
  const wanted = `${options.transports || Object.keys(ROUTES)}`;
  const server = options.server || `${1000 + Math.floor(Math.random() * 9000)}`.slice(1);
  // What may still be tried, and how long it has.
  let names = [];
  let patience;
  // What carries the session or tries to, and what it is called.
  let carrier;
  let name;
  let timer;
  // The application is no longer interested; nothing is left.
  let ending;
  let over;

  const limit = (span, what) => {
    clearTimeout(timer);
    timer = setTimeout(() => failed(new Error(`The server did not open ${what} in time`)), span);
  };

  async function begin() {
    const { ask, abort } = createRequests(auth, options);
    const begun = now();
    carrier = { stop: abort };
    limit(INFO_TIMEOUT, 'a session');
    try {
      const none = readInfo(await ask(`${base}/info?${query}`)).websocket === false || options.websockets === false;
      const took = now() - begun;
      patience = Math.max(options.timeout || 0, 2 * (took > 100 ? 4 * took : 300 + took));
      names = Object.keys(ROUTES).filter((each) => wanted.includes(each) && !(none && each === 'websocket'));
      next(new Error('The server and the client have no transport in common'));
    } catch (error) {
      failed(error);
    }
  }

  // Tries the next transport, in a session of its own.
  function next(error) {
    name = names.shift();
    if (over || !name) return close(error);
    const path = `${base}/${server}/${random()}/`;
    limit(patience, name);
    try {
      carrier = (name === 'websocket' ? bySocket : byRequests)((route) => `${path}${route}?${query}`, name, auth, options, hear, failed);
    } catch (failure) {
      failed(failure);
    }
  }

  function failed(error) {
    carrier.stop();
    if (self.transport) close(error);
    else next(error);
  }

  function hear(frame) {
    if (over || ending || /^(h|$)/.test(frame)) return;
    if (!(self.transport ? /^[oamc]/ : /^[oc]/).test(frame)) throw new Error('The server does not speak sockjs');
    const type = frame[0];
    const data = type !== 'o' && JSON.parse(frame.slice(1));
    if (type === 'a') data.forEach(deliver);
    else if (type === 'm') deliver(data);
    else if (type === 'c') close(ended(...data));
    else open();
  }

  function open() {
    if (self.transport) return close(ended(1006, 'the server has lost the session'));
    clearTimeout(timer);
    self.transport = name;
    guard(() => to.emit('incoming::open'));
  }

  const deliver = (data) => over || ending || guard(() => to.emit('incoming::data', data));

  function close(error) {
    if (over) return;
    over = true;
    clearTimeout(timer);
    carrier.stop();
    if (!ending) guard(() => to.emit('incoming::end', error));
  }

  const self = {
    transport: '',
    ready: () => self.transport && !over && carrier.ready(),

    send(packet) {
      if (typeof packet === 'string') carrier.send(JSON.stringify(packet));
      else to.emit('incoming::error', new Error('Only text goes over sockjs'));
    },

    // Nothing is told of it any more. If it is polite, what was written goes out
    // before.
    drop(polite) {
      if (ending) return;
      ending = true;
      if (!polite || !self.transport || over) return close();
      timer = setTimeout(close, LAST_TIMEOUT);
      carrier.leave(close);
    }
  };
  begin();
  return self;
}

// Carriers: they give the frames that come to `hear`, which throws if they are none,
// and say once if they have `failed`; nothing after `stop`. `leave` calls back when
// what was sent has gone out.

function bySocket(at, name, auth, options, hear, failed) {
  const socket = openSocket(socketAddress(at(name), auth), options, {
    emit(event, what) {
      if (event === 'incoming::end') failed(what);
      else if (what !== undefined) {
        try {
          hear(what);
        } catch (error) {
          failed(error);
        }
      }
    }
  });
  socket.onclose = ({ code, reason }) => failed(socket.failure || ended(code, reason));
  return {
    ready: () => socket.ready(),
    send: (text) => socket.carry(`[${text}]`),
    leave: (done) => done(),
    stop: () => socket.drop()
  };
}

function byRequests(at, name, auth, options, hear, failed) {
  const requests = createRequests(auth, options);
  const waiting = [];
  let posting;
  let leaving;
  let stopped;

  // Waits for frames: each answer may have many, and after its end another is asked for.
  async function listen() {
    try {
      for (let idle = 0, known; !stopped;) {
        const begun = now();
        let told;
        const rest = await poll(at(ROUTES[name]), (frame) => {
          if (/^[^h]/.test(frame)) told = known = true;
          if (!stopped) hear(frame);
        });
        // In a message, or before there was one.
        if (rest || !known) throw new Error('The server broke off');
        idle = told || now() - begun > 100 ? 0 : idle + 1;
        await pause(idle);
      }
    } catch (error) {
      fail(error);
    }
  }

  // A frame is a line, or the data of an event. Not by `EventSource`: when a link is followed
  // to a download, Firefox and WebKit end it and do not say so.
  const event = name === 'eventsource';
  const poll = (url, use) => requests.ask(url, event ? undefined : '', false, (text, piece) => {
    const lines = piece.split('\n');
    lines[0] = text + lines[0];
    const rest = lines.pop();
    for (const line of lines) {
      if (!event) use(line);
      else if (line.startsWith('data:')) use(decodeURI(line.slice(5).trim()));
    }
    return rest;
  });

  async function post() {
    if (posting) return;
    posting = true;
    try {
      while (waiting.length) await requests.ask(at('xhr_send'), `[${take(waiting, MOST, String)}]`, leaving);
    } catch (error) {
      return fail(error);
    }
    posting = false;
    leaving?.();
  }

  const fail = (error) => stopped || failed(error);

  listen();
  return {
    ready: () => true,

    // What is written in one go is sent in one request.
    send(text) {
      waiting.push(text);
      queueMicrotask(post);
    },

    leave(done) {
      leaving = done;
      post();
    },

    stop() {
      stopped = true;
      requests.abort();
    }
  };
}

// An end with this code; nothing is wrong with the usual one.
function ended(code, reason) {
  if (code > 1000) return Object.assign(new Error(`The connection was closed with ${code}: ${reason}`), { code });
}

function readInfo(text) {
  try {
    return JSON.parse(text) || {};
  } catch {
    return {};
  }
}

// The name of a session; who can guess it can write to it.
function random() {
  const { crypto } = globalThis;
  return Array.from({ length: 16 }, () => (
    ((crypto ? crypto.getRandomValues(new Uint8Array(1))[0] : Math.random() * 256) & 31).toString(32)
  )).join('');
}

function open() {
  const to = this.uri({ protocol: 'http', query: true, object: true });
  const base = address({ ...to, pathname: to.pathname.replace(/\/+$/, ''), query: '', auth: '' });
  const { websockets } = this.options;
  this.socket = createSession(base, to.query, to.auth, { ...this.transport, websockets }, this);
}

const TRANSPORT = transport(open);
