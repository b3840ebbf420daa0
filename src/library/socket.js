// WebSockets, whoever makes them: the platform, or the `ws` package under Node.js
// before 22.

function fromNode() {
  try {
    return host.require('ws');
  } catch {
    throw new Error('Install the package `ws`');
  }
}

// A symbol, so that a client can still be printed as JSON: it has its socket.
const HEARD_BY = Symbol();

// Opens one that emits `incoming::open`, `incoming::data` and once `incoming::end`
// on `to`; nothing more after its `drop`.
function openSocket(url, transport, to) {
  const { WebSocket } = globalThis;
  const Socket = transport.WebSocket || WebSocket || fromNode();
  // The platform's takes no further options.
  const socket = new Socket(url, transport.protocols, Socket === WebSocket ? undefined : transport);
  socket[HEARD_BY] = to;
  // Only that of `ws` tells what is below it.
  socket.on?.('upgrade', (response) => { socket.stream = response.socket; });
  return Object.assign(socket, HANDLERS);
}

// What every socket has, as `this`.
const HANDLERS = {
  binaryType: 'arraybuffer',

  onopen() {
    this.wasOpen = true;
    this[HEARD_BY].emit('incoming::open');
  },

  onmessage({ data }) {
    this[HEARD_BY].emit('incoming::data', data);
  },

  onclose() {
    over(this, this.failure);
  },

  onerror(event) {
    // That of Node.js 20 to 22 does not close after a refused handshake.
    if (!this.wasOpen) over(this, asError(event));
    // Browsers say nothing of it.
    else if (event.error || event.message) this.failure = asError(event);
  },

  ready() {
    return this.readyState === 1;
  },

  // The first message of a turn goes out at once. Those that follow in the same
  // turn share a system call, where `ws` would make one for each.
  carry(data) {
    this.send(data);
    if (!this.stream || corked === this.stream) return;
    uncork();
    corked = this.stream;
    corked.cork();
    process.nextTick(uncork);
  },

  drop() {
    // `ws` throws what nobody hears.
    this.onopen = this.onmessage = this.onclose = this.onerror = nothing;
    this.close();
  }
};

function over(socket, error) {
  socket.drop();
  socket[HEARD_BY].emit('incoming::end', error);
}

function nothing() {}

// The stream that holds back what is written in this turn.
let corked;

function uncork() {
  corked?.uncork();
  corked = null;
}

// A program that exits right after it wrote has written.
globalThis.process?.on?.('exit', uncork);
