// The transformer `engine.io`: a session that polls with `fetch`, or has a
// WebSocket, or begins with the one and goes over to the other.
//
// Options, in `transport`: `transports` (`polling`, `websocket` or both),
// `upgrade`, `protocol` (4, or 3 for servers before Primus 8), `doubleEncoding`
// (before Primus 6.1: the polls' text is encoded twice), `withCredentials`,
// `extraHeaders`.

const SEPARATOR = '\x1e';

// `url` is that of the polls, with a query; `incoming::open`, `incoming::data` and
// once `incoming::end` are emitted on `to`. A socket with its `id`, the `transport` and the event
// `upgrade`, and with `send`, `ready` and `drop`.
function createEngine(url, auth, options, to) {
  const names = `${options.transports || 'polling,websocket'}`;
  const self = Object.assign(new EventEmitter(), { id: '', transport: { name: names.split(',')[0] } });
  const old = +(options.protocol || options.EIO) === 3;
  const double = old && options.doubleEncoding;
  const requests = createRequests(auth, options);
  // Packets: texts with their type in front, or the bytes of a message.
  const waiting = [];
  // How much the server takes at a time.
  let most;
  // What carries the session if it is not polled, and what may take over: first
  // asked, then `next`.
  let socket;
  let probe;
  let next;
  let polling;
  let posting;
  let idle = 0;
  let watch;
  let pinger;
  // The application is no longer interested; nothing is left.
  let ending;
  let over;

  // No two requests are alike: caches and tabs that ask for the same would wait
  // for one another.
  const at = (transport) => `${url}&EIO=${old ? '3&b64=1' : 4}&transport=${transport}&t=${unique()}`
    + (self.id && `&sid=${encodeURIComponent(self.id)}`);

  const request = (body, last) => requests.ask(at('polling'), body, last);

  async function poll() {
    polling = true;
    const begun = now();
    try {
      const packets = split(await request());
      idle = now() - begun > 100 || packets.some((packet) => /^[04b]/.test(packet)) ? 0 : idle + 1;
      packets.forEach(receive);
      await (next || pause(idle));
    } catch (error) {
      return close(error);
    }
    polling = false;
    goOn();
  }

  async function post() {
    posting = true;
    try {
      await request(join());
    } catch (error) {
      return close(error);
    }
    posting = false;
    if (ending) leave();
    else goOn();
  }

  // Does what is due.
  function goOn() {
    if (over || !self.id) return;
    if (socket) return waiting.splice(0).forEach((packet) => socket.send(pack(packet, !old)));
    if (next) return polling || posting || upgrade();
    if (!polling) poll();
    if (!posting && waiting.length) post();
  }

  // What waits, as much as the server takes at a time.
  function join() {
    const packets = take(waiting, most, (packet) => {
      const text = pack(packet);
      return double ? toChars(new TextEncoder().encode(text)) : text;
    });
    return old ? packets.map((packet) => `${packet.length}:${packet}`).join('') : packets.join(SEPARATOR);
  }

  function foreign() {
    throw new Error('The server does not speak engine.io');
  }

  function split(text) {
    if (!old) return text.split(SEPARATOR);
    const packets = [];
    for (let from = 0; from < text.length;) {
      const [head, length] = /^(\d{1,9}):/.exec(text.slice(from, from + 10)) || [];
      from += head && head.length;
      if (!(from + +length <= text.length)) foreign();
      const packet = text.slice(from, from + +length);
      if (packet) packets.push(double ? new TextDecoder().decode(fromChars(packet)) : packet);
      from += +length;
    }
    return packets;
  }

  function pack(packet, binary) {
    if (typeof packet === 'string' || binary) return packet;
    // A parser of the application's own may make an `ArrayBuffer`, or any view of one.
    return (old ? 'b4' : 'b') + toBase64(new Uint8Array(packet.buffer || packet, packet.byteOffset, packet.byteLength));
  }

  function receive(packet) {
    if (over || ending) return;
    watch?.heard();
    if (typeof packet !== 'string') return deliver(old ? packet.slice(1) : packet);
    const [type] = packet;
    const data = packet.slice(1);
    if (!self.id) {
      if (type !== '0') foreign();
      open(JSON.parse(data));
    } else if (type === '4') deliver(data);
    else if (type === 'b') deliver(fromBase64(old ? data.slice(1) : data).buffer);
    else if (type === '2' && !old) queue('3' + data);
    else if (type === '1') close();
    else if (!/[236]/.test(type)) foreign();
  }

  const deliver = (data) => guard(() => to.emit('incoming::data', data));

  function open({ sid, pingInterval, pingTimeout, upgrades, maxPayload }) {
    if (!sid || typeof sid !== 'string' || !(pingInterval > 0 && pingTimeout > 0)) {
      foreign();
    }
    self.id = sid;
    most = maxPayload;
    watch = watchdog(pingInterval + pingTimeout, () => close(new Error('The server is silent')));
    if (old) pinger = setInterval(() => queue('2'), Math.min(pingInterval, LONGEST));
    guard(() => to.emit('incoming::open'));
    if (socket || options.upgrade === false || !/polling.*websocket/.test(names)) return;
    if (!over && Array.isArray(upgrades) && upgrades.includes('websocket')) dial();
  }

  function queue(packet) {
    waiting.push(packet);
    // What is written in one go is sent in one request.
    if (socket) goOn();
    else queueMicrotask(goOn);
  }

  // Opens the WebSocket: of a new session, or to take over from the polls.
  function dial() {
    const failed = (error) => {
      if (!self.id || socket) return close(error);
      // The polls go on.
      next = probe = null;
      goOn();
    };
    try {
      probe = openSocket(socketAddress(at('websocket'), auth), options, {
        emit: (event, what) => ({
          'incoming::open': () => self.id && probe.send('2probe'),
          'incoming::data': hear,
          'incoming::end': failed
        })[event](what)
      });
    } catch (error) {
      // Whoever opens the session is not ready for it yet.
      setTimeout(() => failed(error));
    }
  }

  function hear(data) {
    if (socket) {
      try {
        return receive(data);
      } catch (error) {
        return close(error);
      }
    }
    if (data === '3probe') next = probe;
    else {
      probe.drop();
      probe = null;
    }
    goOn();
  }

  // Nothing is on its way any more: goes over to the WebSocket.
  function upgrade() {
    socket = next;
    next = null;
    socket.send('5');
    self.transport = { name: 'websocket' };
    guard(() => self.emit('upgrade', self.transport));
    goOn();
  }

  function leave() {
    if (!self.id || socket || over) return close();
    waiting.push('1');
    most = Infinity;
    // A session whose poll is given up is lost to the server at once.
    const goodbye = request(join(), true).catch(nothing);
    close(null, goodbye);
  }

  function close(error, goodbye) {
    if (over) return;
    over = true;
    clearInterval(pinger);
    watch?.stop();
    probe?.drop();
    Promise.resolve(goodbye).then(requests.abort);
    if (!ending) to.emit('incoming::end', error);
  }

  if (/^polling/.test(names)) poll();
  else {
    dial();
    socket = probe;
  }

  return Object.assign(self, {
    ready: () => !over && (!socket || socket.ready()),
    send: (data) => queue(typeof data === 'string' ? '4' + data : data),

    // Nothing is told of it any more. If it is polite, what was written goes out
    // before.
    drop(polite) {
      if (ending) return;
      ending = true;
      if (!polite) close();
      else if (!posting) leave();
    }
  });
}

// Judges by what has come: a timer that fires late, as in a hidden page, gives
// the server a little longer, once.
function watchdog(span, silent) {
  let due;
  let graced;
  let timer;

  const heard = () => {
    due = now() + span;
    graced = false;
  };
  const arm = () => {
    timer = setTimeout(check, Math.min(due - now(), LONGEST));
  };

  function check() {
    const late = now() - due;
    if (late >= 0) {
      if (late < LATE || graced) return silent();
      graced = true;
      due = now() + Math.min(span, GRACE);
    }
    arm();
  }

  heard();
  arm();
  return { heard, stop: () => clearTimeout(timer) };
}

function open() {
  const to = this.uri({ protocol: 'http', query: true, object: true });
  const url = address({ ...to, pathname: to.pathname + '/', auth: '' });
  const transports = this.options.websockets === false ? 'polling' : this.transport.transports;
  const options = { ...this.transport, transports };
  this.socket = createEngine(to.query ? url : url + '?', to.auth, options, this);
}

const TRANSPORT = transport(open);
