// Events: what everything here is built upon. Functions rather than classes, so
// that they can be inherited from in the old way too.

function EventEmitter() {
  this._events = new Map();
}

const emitter = inherit(EventEmitter, Object, {
  // Calls the listeners that were there at the beginning; whether there were any.
  emit(event, ...args) {
    const listeners = heard(this, event);
    for (let at = 0; at < listeners.length; at++) {
      const { fn, context, once } = listeners[at];
      if (once) this.removeListener(event, fn, context, true);
      fn.apply(context || this, args);
    }
    return listeners.length > 0;
  },

  on(event, fn, context, once) {
    if (typeof fn !== 'function') throw new TypeError('Not a function');
    // Not by spreading, which leaves room for many more.
    return keep(this, event, heard(this, event).concat({ fn, context: context || this, once }));
  },

  once(event, fn, context) {
    return this.on(event, fn, context, true);
  },

  // Without a function: all listeners of the event.
  removeListener(event, fn, context, once) {
    return keep(this, event, heard(this, event).filter((each) => fn && (
      each.fn !== fn || (context && each.context !== context) || (once && !each.once)
    )));
  },

  removeAllListeners(event) {
    if (event === undefined) EventEmitter.call(this);
    return keep(this, event, []);
  },

  listeners(event) {
    return heard(this, event).map(({ fn }) => fn);
  },

  listenerCount(event) {
    return heard(this, event).length;
  }
});

emitter.off = emitter.removeListener;
emitter.addListener = emitter.on;

// Lists are replaced, never changed: one that is being called stays as it is, and
// those of a class, `_own`, serve all of its emitters.
function heard(emitter, event) {
  return emitter._events?.get(event) || emitter._own?.[event] || [];
}

// The listeners of a class, by their events, besides those of another.
function own(others, methods) {
  const all = Object.create(others);
  for (const event in methods) all[event] = [{ fn: methods[event] }];
  return all;
}

function keep(emitter, event, listeners) {
  // Some inherit from this and never call it.
  if (!Object.hasOwn(emitter, '_events')) emitter._events = new Map(emitter._events);
  if (listeners.length) emitter._events.set(event, listeners);
  else emitter._events.delete(event);
  return emitter;
}

function inherit(child, parent, methods) {
  return child.prototype = Object.assign(Object.create(parent.prototype), { constructor: child }, methods);
}

// The base of the client: events, and `pipe` as the streams of Node.js have it.
function Stream() {
  EventEmitter.call(this);
}

inherit(Stream, EventEmitter, {
  pipe(to, options) {
    this.on('data', (data) => to.write(data));
    if (options?.end !== false) this.once('end', () => to.end());
    return to;
  }
});
