// The transformer `socket.io`, of version 0.9: a handshake, and then a session that a
// WebSocket carries, or else polls: the first transport that opens it.
//
// Options, in `transport`: `transports` (those that may be tried), `timeout` (how
// long each has at least, in ms), `withCredentials`, `extraHeaders`.

// The transports in their order.
const NAMES = ['websocket', 'xhr-polling'];
// How long the server may think about a handshake, in ms.
const HANDSHAKE_TIMEOUT = 8000;
// How long it may take what was written last, in ms.
const LAST_TIMEOUT = 30000;
// How much goes into one request, in bytes.
const MOST = 2 ** 20;
// What stands around the length of each of several packets.
const MARK = '\ufffd';

// `base` is the address up to what is asked for; `incoming::open`, `incoming::data`
// and once `incoming::end` are emitted on `to`. A socket with the name of the
// `transport` that opened it, and with `send`, `ready` and `drop`.
function createSession(base, query, auth, options, to) {
  const wanted = `${options.transports || NAMES}`;
  // What may still be tried.
  let names = NAMES.filter((name) => wanted.includes(name) && (name !== 'websocket' || options.websockets !== false));
  // What carries the session or tries to, and what it is called.
  let carrier;
  let name;
  let timer;
  // The application is no longer interested; nothing is left.
  let ending;
  let over;

  const at = (path) => `${base}/1/${path}?${query}`;

  const limit = (span, what, late) => {
    clearTimeout(timer);
    timer = setTimeout(() => late(new Error(`The server did not open ${what} in time`)), span);
  };

  // Each transport has an id of its own: what has become of the one before nobody knows.
  async function begin() {
    const { ask, abort } = createRequests(auth, options);
    const begun = now();
    carrier = { stop: abort };
    limit(HANDSHAKE_TIMEOUT, 'a session', close);
    try {
      const [id, heartbeat, , offered] = (await ask(at(''))).split(':');
      if (over) return;
      if (!/^[\w-]+$/.test(id) || !offered) throw new Error('The server does not speak socket.io');
      names = names.filter((each) => offered.split(',').includes(each));
      name = names.shift();
      if (!name) throw new Error('The server and the client have no transport in common');
      const took = now() - begun;
      limit(Math.max(options.timeout || 0, 2 * (took > 100 ? 4 * took : 300 + took)), name, failed);
      connect(at(`${name}/${id}`), heartbeat * 1000);
    } catch (error) {
      close(error);
    }
  }

  function connect(url, patience) {
    try {
      carrier = (name === 'websocket' ? bySocket : byRequests)(url, auth, options, hear, failed, patience);
    } catch (error) {
      failed(error);
    }
  }

  function failed(error) {
    if (over) return;
    carrier.stop();
    if (self.transport || !names.length) close(error);
    else begin();
  }

  function hear(packet) {
    const [, type, endpoint, data] = /^([0-8]):\d*\+?:([^:]*):?([^]*)$/.exec(packet) || [];
    // Primus uses no endpoints but the first.
    if (over || ending || !type || endpoint) return;
    if (type === '1') open();
    else if (!self.transport) failed(new Error(`The server did not open the session: ${packet.slice(0, 200)}`));
    // The one is what polls are told whose session has ended before they came.
    else if (type === '7' || type === '0') close();
    else if (type === '2') carrier.send('2::');
    else if (type === '3' || type === '4') guard(() => to.emit('incoming::data', data));
  }

  function open() {
    if (self.transport) return;
    clearTimeout(timer);
    self.transport = name;
    guard(() => to.emit('incoming::open'));
  }

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
      if (typeof packet === 'string') carrier.send('3:::' + packet);
      else to.emit('incoming::error', new Error('Only text goes over socket.io'));
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

// Carriers: they give the packets that come to `hear`, and say once if they have
// `failed`; nothing after `stop`. `leave` says goodbye and calls back when what was
// sent has gone out.

function bySocket(url, auth, options, hear, failed, patience) {
  const socket = openSocket(socketAddress(url, auth), options, {
    emit(event, what) {
      if (event === 'incoming::end') {
        clearTimeout(timer);
        return failed(what);
      }
      heard();
      if (what === undefined) return;
      try {
        split(what).forEach(hear);
      } catch (error) {
        failed(error);
      }
    }
  });
  let timer;
  let due;
  let graced;

  // The server says something before it would give us up.
  function heard() {
    graced = false;
    due = now() + patience;
    if (!timer) watch();
  }

  function watch() {
    if (patience) timer = setTimeout(judge, Math.min(due - now(), LONGEST));
  }

  function judge() {
    const late = now() - due;
    // A verdict that is late says that the page stood still; once.
    if (late >= 0 && (late < LATE || graced)) return failed(new Error('The server is silent'));
    if (late >= 0) {
      graced = true;
      due = now() + Math.min(patience, GRACE);
    }
    watch();
  }

  return {
    ready: () => socket.ready(),
    send: (packet) => socket.carry(packet),

    leave(done) {
      socket.carry('0::');
      done();
    },

    stop() {
      clearTimeout(timer);
      socket.drop();
    }
  };
}

function byRequests(url, auth, options, hear, failed) {
  const requests = createRequests(auth, options);
  const waiting = [];
  let posting;
  let leaving;
  let stopped;

  // Waits for packets, again and again.
  async function listen() {
    try {
      for (let idle = 0; !stopped;) {
        const begun = now();
        const packets = split(await requests.ask(url));
        packets.forEach((packet) => stopped || hear(packet));
        idle = packets.some((packet) => /^[^8]/.test(packet)) || now() - begun > 100 ? 0 : idle + 1;
        await pause(idle);
      }
    } catch (error) {
      fail(error);
    }
  }

  async function post() {
    if (posting) return;
    posting = true;
    try {
      while (waiting.length) await requests.ask(url, join(take(waiting, MOST, String)), leaving);
    } catch (error) {
      return fail(error);
    }
    posting = false;
    leaving?.();
  }

  const fail = (error) => stopped || failed(error);

  const self = {
    ready: () => true,

    // What is written in one go is sent in one request.
    send(packet) {
      waiting.push(packet);
      queueMicrotask(post);
    },

    leave(done) {
      leaving = done;
      self.send('0::');
    },

    stop() {
      stopped = true;
      requests.abort();
    }
  };
  listen();
  return self;
}

// Several packets as one text; lengths are those of JavaScript's strings.
function join(packets) {
  return packets.length > 1 ? packets.map((packet) => MARK + packet.length + MARK + packet).join('') : packets[0];
}

function split(text) {
  if (typeof text !== 'string') throw new Error('The server does not speak socket.io');
  if (text[0] !== MARK) return [text];
  const packets = [];
  for (let at = 0; at < text.length;) {
    const [head, length] = /^\ufffd(\d{1,9})\ufffd/.exec(text.slice(at, at + 11)) || [];
    const from = at + head?.length;
    at = from + +length;
    if (!(at <= text.length)) throw new Error('The server does not speak socket.io');
    packets.push(text.slice(from, at));
  }
  return packets;
}

function open() {
  const to = this.uri({ protocol: 'http', query: true, object: true });
  const base = address({ ...to, pathname: to.pathname.replace(/\/+$/, ''), query: '', auth: '' });
  const { websockets } = this.options;
  this.socket = createSession(base, to.query, to.auth, { ...this.transport, websockets }, this);
}

const TRANSPORT = transport(open);
