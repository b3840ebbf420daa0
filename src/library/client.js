// The client: the machine joined to a transport and a parser.

// They are joined by events: a transport is told `outgoing::open`, `outgoing::data`
// and `outgoing::end` (polite or at once), and tells `incoming::open`,
// `incoming::data`, `incoming::error` and `incoming::end`.

function Primus(url, options) {
  if (!(this instanceof Primus)) return new Primus(url, options);
  Stream.call(this);
  if (url && typeof url === 'object' && !(url instanceof URL)) {
    options = url;
    url = null;
  }
  options = { ...options };
  this.options = {
    queueSize: Infinity,
    timeout: 10000,
    ...COMPILED.heartbeat,
    ...options,
    strategy: `${options.strategy === undefined ? USUAL : options.strategy || ''}`.toLowerCase(),
    reconnect: { ...options.reconnect },
    transport: { ...options.transport }
  };
  clear(this);
  Object.assign(this, {
    NETWORK_EVENTS: options.network !== false,
    transport: this.options.transport,
    recovery: createRecovery(this.options.reconnect)
  });
  this._input = drive(this);
  this.url = this.parse(`${url || options.url || options.uri || page()}`);
  this.initialise(options);
}

const prototype = inherit(Primus, Stream, {
  version: COMPILED.version,
  pathname: COMPILED.pathname,
  authorization: COMPILED.authorization,
  encoder,
  decoder,
  handleEvent,

  // The client halves of plugins, by name.
  ark: {},

  initialise(options) {
    this.client();
    Object.values(this.ark).forEach((plugin) => plugin.call(this, this, options || {}));
    watchPage(this);
    // In Node.js, a timer takes a millisecond at least.
    const soon = globalThis.setImmediate || setTimeout;
    if (!this.options.manual) soon(() => this.open());
    return this;
  },

  // Joins the transport to it.
  client() {
    this._own = TRANSPORT;
  },

  open() {
    this._input('open');
    return this;
  },

  // True also when it must wait, see `queueSize`.
  write(data) {
    this.transforms(this, this, 'outgoing', data);
    return true;
  },

  // Past the transforms.
  _write(data) {
    // Nothing overtakes what waits to be flushed.
    if (this.readyState !== OPEN || this.buffer.length || !this._ready()) {
      enqueue(this, data);
      return false;
    }
    ask(this, this.encoder, data, encoded);
    return true;
  },

  end(data) {
    if (data !== undefined) this.write(data);
    this._input('end');
    return this;
  },

  // Ends it for good; false when it was before.
  destroy() {
    return this._input('destroy');
  },

  // Calls `fn` with the id of the spark.
  id(fn) {
    const { id } = this.socket || {};
    if (id) fn(id);
    else this.once('incoming::id', fn)._write('primus::id::');
    return this;
  },

  // The client half of a plugin, or of all.
  plugin(name) {
    return name ? this.ark[name] : { ...this.ark };
  },

  // Whether an event is Primus's own.
  reserved(event) {
    return /^(incoming|outgoing)::/.test(event) || event in this.reserved.events;
  },

  // Has messages of a direction pass a function that may change them, stop them
  // (it returns false) or take its time (it has a second parameter, `next`).
  transform(type, fn) {
    if (!Object.hasOwn(this.transformers, type)) return this.critical(new Error('Invalid transformer type'));
    this.transformers[type].push(fn);
    return this;
  },

  // Takes a message through the transforms of `primus` to `connection`.
  transforms(primus, connection, type, data, raw) {
    if (primus.transformers[type].length) pass(primus, connection, type, { data }, raw, 0);
    else deliver(connection, type, data, raw);
    return this;
  },

  // A function that emits `event` with its arguments, or with what `parser` (the
  // last of `first`) makes of them.
  emits(event, ...first) {
    const parser = typeof first[first.length - 1] === 'function' ? first.pop() : (next) => next();
    return (...args) => {
      parser.call(this, (error, value) => {
        if (error) this.emit('error', error);
        else this.emit(event, ...first, ...(value === undefined ? args : value === null ? [] : [value]));
      }, ...args);
      return true;
    };
  },

  // Something is wrong for good: an `error`, or an exception if nobody listens.
  critical(error) {
    if (!this.emit('error', error)) throw error;
    return this;
  },

  isOnline() {
    return this.online;
  },

  clone: (value) => ({ ...value }),
  merge: Object.assign,
  parse: parseUrl,
  querystring: parseQuery,
  querystringify: printQuery,

  // The address of a connection: `{ protocol, query, object }`.
  uri({ protocol, query, object }) {
    const { url } = this;
    const secure = /s:$/.test(url.protocol);
    const options = {
      protocol: protocol.replace(/:$/, '') + (secure ? 's:' : ':'),
      query: query ? printQuery({ ...parseQuery(url.query), _primuscb: unique() }) : '',
      secure,
      auth: url.auth,
      host: url.hostname,
      port: +url.port || (secure ? 443 : 80),
      pathname: this.pathname
    };
    this.emit('outgoing::url', options);
    return object ? options : address(options);
  },

  // Whether the transport takes messages.
  _ready() {
    return this.socket?.ready();
  },

  // Its own listeners.
  _own: own(null, {
    'incoming::open'() { this._input('opened'); },
    'incoming::data': receive,
    'incoming::error'(error) { this._input('failed', asError(error)); },
    'incoming::end'(error) { this._input('lost', error); },
    'outgoing::ping'(time) { this._write(`primus::ping::${time}`); },
    'outgoing::pong'(time) { this._write(`primus::pong::${time}`); },
    'outgoing::flush': flush
  })
});

Object.assign(Primus, { EventEmitter, Stream, OPENING, CLOSED, OPEN, connect: Primus });

// An object on the function: plugins add to it.
prototype.reserved.events = {
  'reconnect scheduled': 1, 'reconnect timeout': 1, 'reconnect failed': 1, reconnected: 1, reconnect: 1,
  readyStateChange: 1, timeout: 1, offline: 1, online: 1, destroy: 1, error: 1, close: 1, open: 1, data: 1, end: 1
};

function clear(primus) {
  Object.assign(primus, { buffer: [], transformers: { outgoing: [], incoming: [] }, socket: null });
}

// Text, list or false; without a time-out strategy where the server refuses
// strangers, since a refusal cannot always be told from a failure.
const USUAL = 'disconnect,online' + (COMPILED.authorization ? '' : ',timeout');

function receive(packet) {
  if (packet instanceof ArrayBuffer && globalThis.Buffer) packet = Buffer.from(packet);
  // Ours is asked without a callback, which is the shorter way.
  if (this.decoder !== decoder) return ask(this, this.decoder, packet, decoded);
  let data;
  try {
    data = decode(packet);
  } catch (error) {
    return this.emit('error', asError(error));
  }
  decoded(this, data, packet);
}

function decoded(primus, data, packet) {
  const own = control(data);
  if (!own || !primus._input('control', own)) primus.transforms(primus, primus, 'incoming', data, packet);
}

function encoded(primus, packet) {
  // Both are line ends to old JavaScript.
  if (typeof packet === 'string') packet = packet.replace(/\u2028/g, '\\u2028').replace(/\u2029/g, '\\u2029');
  if (packet !== undefined && packet !== '') primus.emit('outgoing::data', packet);
}

function deliver(connection, type, data, raw) {
  if (type === 'incoming') connection.emit('data', data, raw);
  else connection._write(data);
}

// Through the transforms from the one at `at` on.
function pass(primus, connection, type, packet, raw, at) {
  const fn = primus.transformers[type][at];
  if (!fn) return deliver(connection, type, packet.data, raw);
  const next = (error, go) => {
    if (error) connection.emit('error', error);
    else if (go !== false) pass(primus, connection, type, packet, raw, at + 1);
  };
  if (fn.length === 1) next(null, fn.call(connection, packet));
  else fn.call(connection, packet, next);
}

// Parsers answer by a callback, at once or later. One that throws has failed, but
// not by what the application's listeners throw.
function ask(primus, parser, value, use) {
  let answered;
  const answer = (error, made) => {
    answered = true;
    if (error) primus.emit('error', asError(error));
    else use(primus, made, value);
  };
  try {
    parser.call(primus, value, answer);
  } catch (error) {
    if (answered) throw error;
    answer(error);
  }
}

// What platforms report is seldom an Error, and `ws` has the status of a refusal
// only in the text.
function asError(event) {
  const cause = event?.error || event?.message || event;
  const text = typeof cause === 'string' ? cause : 'Unable to connect';
  const error = event instanceof Error ? event : cause instanceof Error ? cause : new Error(text);
  const [, status] = /response: (\d{3})/.exec(error.message) || [];
  if (status) error.status = +status;
  return error;
}
