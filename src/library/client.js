// The client: the machine joined to a transport, a parser and the clock.

// The transformer's file adds the method `client`, which joins the two by events:
// it is told `outgoing::open`, `outgoing::data` and `outgoing::end` (polite or at
// once), and tells `incoming::open`, `incoming::data`, `incoming::error` and
// `incoming::end`.

const now = () => performance.now();

function Primus(url, options) {
  if (!(this instanceof Primus)) return new Primus(url, options);
  Stream.call(this);

  if (url && typeof url === 'object' && !(url instanceof URL)) {
    options = url;
    url = undefined;
  }
  options = { ...options };
  url = url || options.url || options.uri || page();

  this.options = {
    queueSize: Infinity,
    timeout: 10000,
    pingTimeout: COMPILED.pingTimeout,
    // Servers before Primus 7 are pinged.
    ping: COMPILED.ping,
    pong: 10000,
    ...options,
    strategy: strategyOf(options, this.authorization),
    reconnect: { ...options.reconnect },
    transport: { ...options.transport }
  };
  this.buffer = [];
  this.readyState = CLOSED;
  this.writable = this.readable = this.online = true;
  this.socket = null;
  this.latency = 0;
  this.transport = this.options.transport;
  this.transformers = { outgoing: [], incoming: [] };
  if (options.websockets !== undefined) this.AVOID_WEBSOCKETS = !options.websockets;
  if (options.network !== undefined) this.NETWORK_EVENTS = options.network;

  this.recovery = new Recovery(this.options.reconnect);
  this._effects = [];
  this._machine = new Machine(this.options, this.recovery, (...effect) => this._effects.push(effect));

  try {
    this.url = this.parse(`${url}`);
  } catch {
    return this.critical(new Error(`Not an address: ${url}`));
  }
  this.initialise(options);
}

Primus.prototype = Object.assign(Object.create(Stream.prototype), {
  constructor: Primus,
  version: COMPILED.version,
  pathname: COMPILED.pathname,
  authorization: COMPILED.authorization,
  encoder,
  decoder,
  // The client halves of plugins, by name.
  ark: {},
  AVOID_WEBSOCKETS: false,
  NETWORK_EVENTS: true,

  initialise(options) {
    this.on('incoming::open', () => this._input('opened'));
    this.on('incoming::error', (error) => this._failed(error));
    this.on('incoming::data', (packet) => this._received(packet));
    this.on('incoming::end', (error) => this._lost(error));
    this.client();
    for (const name in this.ark) this.ark[name].call(this, this, options || {});
    watchPage(this);
    if (!this.options.manual) setTimeout(() => this._destroyed || this.open());
    return this;
  },

  open() {
    this._input('open');
    return this;
  },

  // True also when it must wait, see `queueSize`.
  write(data) {
    if (this._destroyed) return false;
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
    ask(this, this.encoder, data, (error, packet) => {
      if (error) return this._error(error);
      // Both are line ends to old JavaScript.
      if (typeof packet === 'string') packet = packet.replace(/[\u2028\u2029]/g, (end) => '\\u' + end.charCodeAt().toString(16));
      if (packet !== undefined && packet !== '') this.emit('outgoing::data', packet);
    });
    return true;
  },

  end(data) {
    if (data !== undefined && this.readyState === OPEN) this.write(data);
    this._input('end');
    return this;
  },

  // Ends it for good; false when it was before.
  destroy() {
    if (this._destroyed) return false;
    this.end();
    this._destroyed = true;
    this._effects.push(['destroy']);
    this._run();
    return true;
  },

  // Calls `fn` with the id of the spark.
  id(fn) {
    if (this.socket && this.socket.id) {
      fn(this.socket.id);
      return this;
    }
    this._write('primus::id::');
    return this.once('incoming::id', fn);
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
    const packet = { data };
    const list = primus.transformers[type];
    const step = (at) => {
      const fn = list[at];
      const next = (error, go) => {
        if (error) connection.emit('error', error);
        else if (go !== false) step(at + 1);
      };
      if (!fn) {
        if (type === 'incoming') connection.emit('data', packet.data, raw);
        else connection._write(packet.data);
      } else if (fn.length === 1) {
        next(null, fn.call(connection, packet));
      } else {
        fn.call(connection, packet, next);
      }
    };
    step(0);
    return this;
  },

  // A function that emits `event` with its arguments, or with what `parser` makes
  // of them.
  emits(event, ...first) {
    const parser = typeof first[first.length - 1] === 'function' ? first.pop() : null;
    return (...args) => {
      if (!parser) return this.emit(event, ...first, ...args);
      parser.call(this, (error, value) => {
        if (error) return this.emit('error', error);
        return this.emit(event, ...first, ...(value === undefined ? args : value === null ? [] : [value]));
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

  clone(value) {
    return this.merge({}, value);
  },

  merge(target, ...sources) {
    return Object.assign(target, ...sources);
  },

  parse: parseUrl,
  querystring: parseQuery,
  querystringify: printQuery,

  // The address of a connection: `{ protocol, query, object }`.
  uri({ protocol, query, object, ...more }) {
    const { url } = this;
    const secure = /^(http|ws)s/.test(url.protocol);
    const options = {
      ...more,
      protocol: protocol.replace(/:$/, '') + (secure ? 's:' : ':'),
      query: query ? printQuery({ ...parseQuery(url.query), _primuscb: yeast() }) : '',
      secure,
      auth: url.auth,
      host: url.hostname,
      port: +url.port || (secure ? 443 : 80),
      pathname: this.pathname
    };
    this.emit('outgoing::url', options);
    return object ? options : address(options);
  },

  // What follows is not for applications.

  // Lets the machine know what happened, and does what comes of it, in order,
  // even when listeners call back into the client meanwhile.
  _input(kind, ...what) {
    if (this._destroyed) return false;
    const answer = this._machine[kind](now(), ...what);
    const { state, online, latency, over } = this._machine;
    Object.assign(this, { readyState: state, online, latency, writable: !over, readable: !over });
    this._wake();
    this._run();
    return answer;
  },

  _run() {
    if (this._running) return;
    this._running = true;
    try {
      while (this._effects.length) this._effect(...this._effects.shift());
    } finally {
      this._running = false;
      // A listener failed: what comes after it is not lost.
      if (this._effects.length) setTimeout(() => this._run());
    }
  },

  _effect(kind, ...what) {
    if (kind === 'emit') this.emit(...what);
    else if (kind === 'send') this._beat(...what);
    else if (kind === 'flush') flush(this);
    else if (kind === 'hangup') this.emit('outgoing::end', what[0]);
    else if (kind === 'destroy') this._free();
    else this._dial();
  },

  _beat(type, value) {
    if (type === 'pong') this.emit('incoming::ping', value);
    this.emit('outgoing::' + type, value);
    this._write(`primus::${type}::${value}`);
  },

  _dial() {
    if (this._machine.retry) this.emit('outgoing::reconnect');
    this.emit('outgoing::open');
  },

  _free() {
    clearTimeout(this._timer);
    this.emit('destroy');
    this.removeAllListeners();
    this.buffer = [];
    this.transformers = { outgoing: [], incoming: [] };
    this.socket = null;
  },

  // Whether the transport takes messages.
  _ready: () => true,

  // The transport reports an error, which ends it unless it is open.
  _failed(error) {
    if (this.readyState === OPENING) this._input('failed', asError(error));
    else if (this.readyState === OPEN) this._error(error);
  },

  // The transport has ended, because of an error if there is one.
  _lost(error) {
    if (this.readyState === OPENING) this._input('failed', asError(error));
    else this._input('lost', error instanceof Error ? error : null);
  },

  _error(error) {
    this.emit('error', asError(error));
  },

  // Has the machine's deadline kept.
  _wake() {
    const deadline = this._machine.deadline();
    if (this._destroyed || (this._timer && this._due <= deadline)) return;
    clearTimeout(this._timer);
    this._timer = null;
    if (deadline === Infinity) return;
    this._due = deadline;
    this._timer = setTimeout(() => {
      this._timer = null;
      this._input('tick', Date.now());
    }, Math.min(Math.max(0, deadline - now()), LONGEST));
  },

  _received(packet) {
    if (packet instanceof ArrayBuffer && globalThis.Buffer) packet = globalThis.Buffer.from(packet);
    ask(this, this.decoder, packet, (error, data) => {
      if (error) return this._error(error);
      const own = control(data);
      if (own && this._input('control', own)) return;
      this.transforms(this, this, 'incoming', data, packet);
    });
  }
});

Object.assign(Primus, { EventEmitter, Stream, OPENING, CLOSED, OPEN });
Primus.connect = (url, options) => new Primus(url, options);

// An object on the function: plugins add to it.
Primus.prototype.reserved.events = Object.fromEntries([
  'reconnect scheduled', 'reconnect timeout', 'readyStateChange', 'reconnect failed', 'reconnected',
  'reconnect', 'offline', 'timeout', 'destroy', 'online', 'error', 'close', 'open', 'data', 'end'
].map((event) => [event, 1]));

// Text, list or false; without a time-out strategy where the server refuses
// strangers, since a refusal cannot always be told from a failure.
function strategyOf({ strategy }, authorization) {
  if (strategy === undefined) return authorization ? 'disconnect,online' : 'disconnect,online,timeout';
  return strategy ? `${strategy}`.toLowerCase().replace(/\s/g, '') : '';
}

// Parsers answer by a callback, at once or later. One that throws has failed.
function ask(primus, parser, value, answer) {
  let at = 'once';
  let given;
  try {
    parser.call(primus, value, (...result) => {
      if (at) given = result;
      else answer(...result);
    });
  } catch (error) {
    given = [error];
  }
  at = null;
  // Outside of the `try`: what the application's listeners throw is theirs.
  if (given) answer(...given);
}

// What platforms report is seldom an Error.
function asError(error) {
  if (error instanceof Error) return error;
  const cause = error && (error.error || error.message);
  return cause instanceof Error ? cause : new Error(`${cause || (typeof error === 'string' && error) || 'The connection failed'}`);
}
