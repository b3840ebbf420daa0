// What the client halves of plugins are made with. Each brings it along; it is run
// once for a class, in this client or in that of the npm package.
//
// A plugin gives each connection a tap: the client, and the channels inside of it. A
// tap is called with every event before the listeners are, and has it in their place
// if it returns true. So messages are taken when all transforms have seen them, and
// are no `data`; and what a plugin makes of `emit` is in nobody's way.

// How many may wait for an answer on a connection.
const MOST_WAITING = 10000;
const LONGEST_TIMER = 2 ** 31 - 1;
// How many arguments an event may have; a call takes no more than the stack does.
const MOST_ARGUMENTS = 10000;

const taps = {
  _tap(tap) {
    if (!this._taps) {
      this._taps = [];
      this.emit = (event, ...args) => this._tell(event, args) || this._raise(event, args);
    }
    this._taps.push(tap);
  },

  // Whether a tap has taken it.
  _tell(event, args) {
    return this._taps.some((tap) => tap(event, args));
  },

  // Past the taps.
  _raise(event, args) {
    return Object.getPrototypeOf(this).emit.call(this, event, ...args);
  },

  // Whether it can be the arguments of an event.
  _isList: (value) => Array.isArray(value) && value.length <= MOST_ARGUMENTS,

  // Those who wait for answers to what this connection sends. When it is over, they
  // are told; those of a channel are told of the connection, too.
  _waits() {
    const waiting = new Map();
    // A channel has one life, a client any number.
    const last = this.primus ? 'end' : 'destroy';
    const ended = () => new Error('The connection has ended');
    let time = {};
    let over = false;

    function settle(id, error, answer) {
      const { done, timer } = waiting.get(id) || {};
      clearTimeout(timer);
      if (waiting.delete(id)) done(error, answer);
    }

    this._tap((event) => {
      if (event !== 'close' && event !== 'end' && event !== 'destroy') return;
      time = {};
      over = over || event === last;
      for (const id of [...waiting.keys()]) settle(id, ended());
    });

    return {
      // `done` gets an error, or null and the answer; `ms` is what the answer may take.
      // False when it is too late to ask.
      add(id, done, ms) {
        if (over) {
          done(ended());
          return false;
        }
        const late = () => settle(id, new Error(`No answer in ${ms} ms`));
        const timer = ms > 0 && ms <= LONGEST_TIMER && setTimeout(late, ms);
        waiting.set(id, { done, timer });
        if (waiting.size > MOST_WAITING) settle(waiting.keys().next().value, new Error('Too many wait for an answer'));
        return true;
      },

      answer: (id, answer) => settle(id, null, answer),

      // A function for one call, and none when the connection is another: the server
      // may have asked something else there by the same number.
      once(fn) {
        let mine = time;
        return (...args) => {
          if (mine === time) fn(...args);
          mine = null;
        };
      }
    };
  }
};

const { prototype } = Primus;

if (!prototype._equip) Object.assign(prototype, taps, {
  // Has a plugin called for the client and for each of its channels; it returns a tap.
  _equip(plugin) {
    this._plugins = [...(this._plugins || []), plugin];
    this._tap(plugin(this));
  },

  // Makes an emitter a channel of the client.
  _adopt(channel) {
    Object.assign(channel, taps);
    channel._tap(() => false);
    channel.primus = this;
    channel.reserved = (event) => this.reserved(event);
    (this._plugins || []).forEach((plugin) => channel._tap(plugin(channel)));
    return channel;
  }
});
