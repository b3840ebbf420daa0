// The transformer `engine.io`: a session that polls with `fetch`, or has a
// WebSocket, or begins with the one and goes over to the other.
//
// Options, in `transport`: `transports` (`polling`, `websocket` or both),
// `upgrade`, `protocol` (4, or 3 for servers before Primus 8), `withCredentials`.

const SEPARATOR = '\x1e';

class Engine extends EventEmitter {
  // `url` is that of the polls, with a query; of `calls`, `opened`, `message` and
  // `closed` (with an error if there is one) are called.
  constructor(url, auth, options, calls) {
    super();
    this.url = url;
    this.headers = { ...options.extraHeaders };
    // Only `ws` takes it from an address; `fetch` refuses such.
    this.login = auth && encodeURIComponent(auth).replace('%3A', ':') + '@';
    if (auth) this.headers.Authorization = 'Basic ' + toBase64(new TextEncoder().encode(auth));
    this.options = options;
    this.calls = calls;
    this.id = '';
    this.transport = { name: 'polling' };
    this.old = +(options.protocol || options.EIO) === 3;
    // Packets that wait: texts with their type in front, or the bytes of a message.
    this.waiting = [];
    this.idle = 0;
    this.abort = new AbortController();
    const names = `${options.transports || 'polling,websocket'}`;
    this.upgrades = options.upgrade !== false && /polling.*websocket/.test(names);
    if (/^websocket/.test(names)) this.dial();
    else this.poll();
  }

  // No two requests are alike: caches and tabs that ask for the same would wait
  // for one another. A browser repeats a POST by itself when its connection ends
  // unanswered; by its `t`, the server knows it again.
  address(transport) {
    const binary = this.old ? '&b64=1' : '';
    const sid = this.id && `&sid=${encodeURIComponent(this.id)}`;
    return `${this.url}&EIO=${this.old ? 3 : 4}&transport=${transport}&t=${yeast()}${binary}${sid}`;
  }

  // A poll, or a POST if there is a body; the text of the answer. The last one
  // outlives the page.
  async request(body, last) {
    const answer = await fetch(this.address('polling'), {
      method: body === undefined ? 'GET' : 'POST',
      body,
      headers: this.headers,
      cache: 'no-store',
      redirect: 'error',
      credentials: this.options.withCredentials ? 'include' : 'same-origin',
      keepalive: !!last,
      signal: last ? undefined : this.abort.signal
    });
    const text = await answer.text();
    if (answer.status === 200) return text;
    const error = new Error(`The server answered with ${answer.status}: ${text.slice(0, 200)}`);
    error.status = answer.status;
    throw error;
  }

  async poll() {
    this.polling = true;
    const begun = now();
    try {
      const packets = this.split(await this.request());
      const idle = now() - begun < 100 && !packets.some((packet) => /^[04b]/.test(packet));
      this.idle = idle ? this.idle + 1 : 0;
      packets.forEach((packet) => this.receive(packet));
    } catch (error) {
      return this.close(error);
    }
    const goOn = () => {
      this.polling = false;
      this.go();
    };
    // A server that says nothing again and again, and at once, is made to wait.
    if (this.idle > 5 && !this.next) setTimeout(goOn, Math.min(2 ** this.idle, 1000));
    else goOn();
  }

  // Goes on with what is due.
  go() {
    if (this.over || !this.id) return;
    if (this.socket) return this.waiting.splice(0).forEach((packet) => this.socket.send(this.pack(packet, !this.old)));
    if (this.next && !this.posting && !this.polling) return this.take();
    if (this.next) return;
    if (!this.polling) this.poll();
    if (!this.posting && this.waiting.length) this.post();
  }

  async post() {
    this.posting = true;
    try {
      await this.request(this.join());
    } catch (error) {
      return this.close(error);
    }
    this.posting = false;
    if (this.ending) this.leave();
    else this.go();
  }

  // What waits, as much as the server takes at a time; a character has three
  // bytes at most.
  join() {
    const packets = [];
    let size = 0;
    while (this.waiting.length) {
      const packet = this.pack(this.waiting[0]);
      size += packet.length * 3 + 1;
      if (packets.length && size > this.most) break;
      packets.push(packet);
      this.waiting.shift();
    }
    return this.old ? packets.map((packet) => `${packet.length}:${packet}`).join('') : packets.join(SEPARATOR);
  }

  split(text) {
    if (!this.old) return text.split(SEPARATOR);
    const packets = [];
    for (let at = 0; at < text.length;) {
      const length = /^\d{1,9}(?=:)/.exec(text.slice(at, at + 10));
      const start = length ? at + length[0].length + 1 : Infinity;
      at = start + +length;
      if (!(at <= text.length)) throw new Error('The server answered a poll with no packets');
      if (at > start) packets.push(text.slice(start, at));
    }
    return packets;
  }

  pack(packet, binary) {
    if (typeof packet === 'string' || binary) return packet;
    return (this.old ? 'b4' : 'b') + toBase64(packet);
  }

  receive(packet) {
    if (this.over) return;
    if (this.watch) this.watch.heard();
    if (typeof packet !== 'string') return this.deliver(this.old ? packet.slice(1) : packet);
    const data = packet.slice(1);
    const type = packet[0];
    if (!this.id) {
      if (type !== '0') throw new Error('The server does not speak engine.io');
      this.open(JSON.parse(data));
    } else if (type === '4') this.deliver(data);
    else if (type === 'b') this.deliver(fromBase64(this.old ? data.slice(1) : data).buffer);
    else if (type === '2' && !this.old) this.send('3' + data, true);
    else if (type === '1') this.close();
    else if (!/[236]/.test(type)) throw new Error('The server sent an unknown packet');
  }

  deliver(data) {
    guard(() => this.calls.message(data));
  }

  open({ sid, pingInterval, pingTimeout, upgrades, maxPayload }) {
    if (!sid || typeof sid !== 'string' || !(pingInterval > 0) || !(pingTimeout > 0)) {
      throw new Error('The server opened no session');
    }
    this.id = sid;
    this.most = maxPayload > 0 ? maxPayload : Infinity;
    this.watch = watch(pingInterval + pingTimeout, () => this.close(new Error('The server is silent')));
    if (this.old) this.pinger = setInterval(() => this.send('2', true), Math.min(pingInterval, LONGEST));
    guard(() => this.calls.opened());
    if (this.upgrades && !this.over && Array.isArray(upgrades) && upgrades.includes('websocket')) this.dial();
  }

  ready() {
    return !this.over && (!this.socket || this.socket.ready());
  }

  // A message, or a packet of any type.
  send(data, packet) {
    if (this.over || this.ending) return;
    this.waiting.push(packet ? data : typeof data === 'string' ? '4' + data : data);
    // What is written in one go is sent in one request.
    if (this.socket) this.go();
    else queueMicrotask(() => this.go());
  }

  // Opens the WebSocket: of a new session, or to take over from the polls.
  dial() {
    const probes = !!this.id;
    const fail = (error) => {
      if (!probes || this.socket) return this.close(error);
      // The polls go on.
      this.next = this.probe = null;
      this.go();
    };
    try {
      const socket = openSocket(this.address('websocket').replace(/^http(s?:..)/, `ws$1${this.login}`), this.options, {
        open: () => probes && socket.send('2probe'),
        message: (data) => this.hear(socket, data, fail),
        close: fail
      });
      this.probe = socket;
      if (!probes) {
        this.transport = { name: 'websocket' };
        this.socket = socket;
      }
    } catch (error) {
      // The caller is not ready for it yet.
      setTimeout(() => fail(error));
    }
  }

  hear(socket, data, fail) {
    if (socket === this.socket) {
      try {
        this.receive(data);
      } catch (error) {
        this.close(error);
      }
    } else if (data === '3probe') {
      this.next = socket;
      this.go();
    } else {
      socket.drop();
      fail();
    }
  }

  // Nothing is on its way any more: goes over to the WebSocket.
  take() {
    this.socket = this.next;
    this.next = null;
    this.socket.send('5');
    this.transport = { name: 'websocket' };
    guard(() => this.emit('upgrade', this.transport));
    this.go();
  }

  // Nothing is told of it any more. If it is polite, what was written goes out
  // before.
  drop(polite) {
    this.calls = { opened: nothing, message: nothing, closed: nothing };
    if (!polite) return this.close();
    this.ending = true;
    if (!this.posting) this.leave();
  }

  leave() {
    if (!this.id || this.socket || this.over) return this.close();
    this.waiting.push('1');
    this.most = Infinity;
    // The server takes a session whose poll is given up for lost.
    this.close(null, this.request(this.join(), true).catch(nothing));
  }

  close(error, goodbye) {
    if (this.over) return;
    this.over = true;
    clearInterval(this.pinger);
    if (this.watch) this.watch.stop();
    if (goodbye) goodbye.then(() => this.abort.abort());
    else this.abort.abort();
    if (this.probe) this.probe.drop();
    this.calls.closed(error);
  }
}

// What the application's listeners throw disturbs nothing else.
function guard(call) {
  try {
    call();
  } catch (error) {
    setTimeout(() => { throw error; });
  }
}

// Judges by what has come: a timer that fires late, as in a hidden page, gives
// the server a little longer, once.
function watch(span, silent) {
  let timer;
  let graced = false;
  let due = now() + span;

  function arm() {
    timer = setTimeout(check, Math.min(due - now(), LONGEST));
  }

  function check() {
    const time = now();
    if (time >= due) {
      if (time - due < LATE || graced) return silent();
      graced = true;
      due = time + Math.min(span, GRACE);
    }
    arm();
  }

  arm();
  return {
    heard() {
      due = now() + span;
      graced = false;
    },
    stop() {
      clearTimeout(timer);
    }
  };
}

Primus.prototype.client = function client() {
  let engine;

  const drop = (polite) => {
    if (engine) engine.drop(polite);
    engine = null;
  };

  this.on('outgoing::open', () => {
    drop();
    const at = this.uri({ protocol: 'http', query: true, object: true });
    const url = address({ ...at, pathname: at.pathname + '/', auth: '' });
    const transports = this.AVOID_WEBSOCKETS ? 'polling' : this.transport.transports;
    engine = this.socket = new Engine(at.query ? url : url + '?', at.auth, { ...this.transport, transports }, {
      opened: () => this.emit('incoming::open'),
      message: (data) => this.emit('incoming::data', data),
      closed: (error) => this.emit(this.readyState === OPENING ? 'incoming::error' : 'incoming::end', error)
    });
  });
  this.on('outgoing::data', (packet) => {
    if (engine) engine.send(packet);
  });
  this.on('outgoing::end', drop);
  this._ready = () => !!engine && engine.ready();
};
