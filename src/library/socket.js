// WebSockets, whoever makes them: the platform, or the `ws` package under Node.js
// before 22.

function fromNode() {
  try {
    return host.require('ws');
  } catch {
    throw new Error('No WebSocket here: install the package `ws`');
  }
}

// Opens one that emits `incoming::open`, `incoming::data` and once `incoming::end`
// on `to`; nothing more after its `drop`.
function openSocket(url, transport, to) {
  const { WebSocket } = globalThis;
  const Socket = transport.WebSocket || WebSocket || fromNode();
  // The platform's takes no further options.
  const socket = new Socket(url, transport.protocols, Socket === WebSocket ? undefined : transport);
  return Object.assign(socket, HANDLERS, { to });
}

// What every socket has, as `this`.
const HANDLERS = {
  binaryType: 'arraybuffer',

  onopen() {
    this.wasOpen = true;
    this.to.emit('incoming::open');
  },

  onmessage({ data }) {
    this.to.emit('incoming::data', data);
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
    const stream = this._socket;
    this.send(data);
    if (!stream || stream.writableCorked) return;
    stream.cork();
    process.nextTick(() => stream.uncork());
  },

  drop() {
    // `ws` throws what nobody hears.
    this.onopen = this.onmessage = this.onclose = this.onerror = nothing;
    this.close();
    this._socket?.uncork();
  }
};

function over(socket, error) {
  socket.drop();
  socket.to.emit('incoming::end', error);
}

function nothing() {}
