// Events: what everything here is built upon. A function rather than a class,
// so that it can be inherited from in the old way too.

function EventEmitter() {
  this._events = new Map();
}

EventEmitter.prototype = {
  constructor: EventEmitter,

  // Calls the listeners that were there at the beginning; whether there were any.
  emit(event, ...args) {
    const listeners = heard(this, event);
    for (const { fn, context, once } of listeners) {
      if (once) this.removeListener(event, fn, context, true);
      fn.apply(context, args);
    }
    return listeners.length > 0;
  },

  on(event, fn, context) {
    return listen(this, event, fn, context, false);
  },

  once(event, fn, context) {
    return listen(this, event, fn, context, true);
  },

  // Without a function: all listeners of the event.
  removeListener(event, fn, context, once) {
    const others = (each) => fn && (
      each.fn !== fn || (context && each.context !== context) || (once && !each.once)
    );
    return keep(this, event, heard(this, event).filter(others));
  },

  removeAllListeners(event) {
    if (event !== undefined) return keep(this, event, []);
    this._events = new Map();
    return this;
  },

  listeners(event) {
    return heard(this, event).map(({ fn }) => fn);
  },

  listenerCount(event) {
    return heard(this, event).length;
  },

  eventNames() {
    return [...(this._events || new Map()).keys()];
  },

  setMaxListeners() {
    return this;
  }
};

EventEmitter.prototype.off = EventEmitter.prototype.removeListener;
EventEmitter.prototype.addListener = EventEmitter.prototype.on;

// Lists are replaced, never changed: one that is being called stays as it is.
function heard(emitter, event) {
  return (emitter._events && emitter._events.get(event)) || [];
}

function listen(emitter, event, fn, context, once) {
  if (typeof fn !== 'function') throw new TypeError('The listener must be a function');
  return keep(emitter, event, [...heard(emitter, event), { fn, context: context || emitter, once }]);
}

function keep(emitter, event, listeners) {
  // Some inherit from this and never call it.
  if (!Object.hasOwn(emitter, '_events')) emitter._events = new Map(emitter._events);
  if (listeners.length) emitter._events.set(event, listeners);
  else emitter._events.delete(event);
  return emitter;
}

// The base of the client: events, and `pipe` as the streams of Node.js have it.
function Stream() {
  EventEmitter.call(this);
}

Stream.prototype = Object.create(EventEmitter.prototype, { constructor: { value: Stream, writable: true } });

Stream.prototype.pipe = function pipe(to, options) {
  this.on('data', (data) => to.write(data));
  if (!options || options.end !== false) this.once('end', () => to.end());
  to.emit('pipe', this);
  return to;
};
