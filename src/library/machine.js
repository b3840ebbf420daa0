// The life of a client: what happened and the time go in, what is to be done
// comes out. Knows no socket, no timer and no clock.
//
//             open                       opened
//   CLOSED ──────────────▶ OPENING ───────────────▶ OPEN
//     ▲ ▲                    │  ▲                     │
//     │ │  failed, timed out │  │ the delay is over   │ lost
//     │ └────────────────────┤  │                     │
//     │         end          ▼  │                     │
//     └──────────────── back-off (CLOSED) ◀───────────┘
//
// It calls `out(effect, ...)`; the effects are
//   dial            begin a transport session from zero
//   hangup, polite  drop the transport: in its own way, or because it is dead
//   flush           send what was queued; from now on writes go to the transport
//   send, type, n   send a message of Primus's own
//   emit, event...  tell the application

const OPENING = 1;
const CLOSED = 2;
const OPEN = 3;

class Machine {
  // `settings`: `timeout` for the first connection, the text `strategy`, and what
  // the heartbeat wants.
  constructor(settings, recovery, out) {
    this.settings = settings;
    this.recovery = recovery;
    this.out = out;
    this.state = CLOSED;
    this.online = true;
    // Neither connected nor about to be.
    this.over = false;
    // The server said that the coming end is meant.
    this.announced = false;
    this.connect = Infinity;
    this.dialled = 0;
    this.latency = 0;
    this.heartbeat = null;
    // The attempt that is made or waited for: `{ since, until, trying, info }`.
    this.retry = null;
  }

  // When `tick` is due.
  deadline() {
    return Math.min(
      this.connect,
      this.heartbeat ? this.heartbeat.deadline : Infinity,
      this.retry ? this.retry.until : Infinity
    );
  }

  open(now) {
    if (this.state !== CLOSED) return;
    this.over = false;
    // The application does not want to wait for the delay.
    if (this.retry) return this.attempt(now);
    const { timeout } = this.settings;
    this.connect = timeout ? now + timeout : Infinity;
    this.dial(now);
  }

  dial(now) {
    this.announced = false;
    this.dialled = now;
    this.enter(OPENING);
    this.out('dial');
  }

  // The transport is open.
  opened(now) {
    if (this.state !== OPENING) return;
    this.connect = Infinity;
    this.latency = now - this.dialled;
    const { retry } = this;
    if (retry) {
      this.retry = null;
      this.emit('reconnected', this.told(retry, now));
    }
    this.recovery.reset();
    if (!this.online) {
      this.online = true;
      this.emit('online');
    }
    this.enter(OPEN);
    this.heartbeat = new Heartbeat(this.settings, now);
    this.out('flush');
    this.emit('open');
  }

  // The transport could not be opened.
  failed(now, error) {
    if (this.state !== OPENING) return;
    this.out('hangup', false);
    // Who is refused once is refused again.
    const final = error.status === 401 || error.status === 403;
    if (this.retry && !final) return this.again(now);
    this.emit('error', error);
    this.unconnected(now, final);
  }

  unconnected(now, final) {
    if (final || !this.may('timeout')) return this.finish();
    this.enter(CLOSED);
    this.connect = Infinity;
    this.reconnect(now);
  }

  // The transport was open and has ended, with this error if it broke the rules.
  lost(now, error, polite = false) {
    if (this.state !== OPEN) return;
    this.out('hangup', polite);
    if (error) this.emit('error', error);
    if (this.announced) {
      this.announced = false;
      return this.finish();
    }
    this.enter(CLOSED);
    this.heartbeat = null;
    this.emit('close');
    if (this.may('disconnect')) return this.reconnect(now);
    this.over = true;
    this.emit('end');
  }

  end() {
    const { retry } = this;
    if (this.state === CLOSED) {
      this.retry = null;
      this.over = true;
      if (!retry) return;
      this.recovery.reset();
      return this.emit('end');
    }
    this.out('hangup', true);
    this.finish();
  }

  // Everything is over.
  finish() {
    this.over = true;
    this.connect = Infinity;
    this.heartbeat = this.retry = null;
    this.recovery.reset();
    this.enter(CLOSED);
    this.emit('close');
    this.emit('end');
  }

  // A message of Primus's own form came; false if it is the application's after
  // all.
  control(now, { type, value }) {
    const { heartbeat } = this;
    if (!heartbeat) return true;
    if (type === 'id') {
      this.emit('incoming::id', value);
    } else if (type === 'server') {
      if (value === 'close') this.announced = true;
    } else {
      const beat = heartbeat.beat(type, value, now);
      if (!beat) return false;
      this.online = true;
      if (beat.latency !== null) this.latency = beat.latency;
      if ('answer' in beat) this.out('send', 'pong', beat.answer);
    }
    return true;
  }

  // The platform says that the network came, or went.
  network(now, online) {
    if (this.online === online) return;
    this.online = online;
    this.emit(online ? 'online' : 'offline');
    if (online) {
      if (this.may('online') && this.state === CLOSED && !this.retry && !this.over) this.reconnect(now);
    } else {
      this.end();
      // It comes back with the network.
      this.over = !this.may('online');
    }
  }

  // The page is put away. Kept as it is, it would look alive to the server and
  // lose what is sent to it.
  hide(now) {
    if (this.state === OPENING) this.out('hangup', true);
    this.lost(now, null, true);
  }

  // It is there again, with timers that stood still.
  show(now) {
    if (this.state === OPENING) this.state = CLOSED;
    else if (!this.retry) return;
    this.open(now);
  }

  // The time of `deadline` has come.
  tick(now, wall) {
    if (this.connect <= now) {
      this.connect = Infinity;
      this.out('hangup', false);
      this.emit('timeout');
      this.unconnected(now, false);
    }
    const { retry, heartbeat } = this;
    if (retry && retry.until <= now) {
      if (retry.trying) {
        this.emit('reconnect timeout', new Error('No connection in time'), this.told(retry, now));
        this.out('hangup', false);
        this.again(now);
      } else {
        this.attempt(now);
      }
    }
    if (heartbeat && heartbeat.deadline <= now) {
      const ping = heartbeat.tick(now, wall);
      if (ping) this.out('send', 'ping', wall);
      if (ping === false) this.dead(now);
    }
  }

  // The heartbeat has stopped.
  dead(now) {
    if (this.online) {
      this.online = false;
      this.emit('offline');
    }
    // Whatever the server announced, this is not the end it meant.
    this.announced = false;
    this.lost(now);
  }

  reconnect(now) {
    this.recovery.reset();
    this.schedule(now, now);
  }

  // The next attempt, after one failed.
  again(now) {
    this.enter(CLOSED);
    this.schedule(now, this.retry.since);
  }

  schedule(now, since) {
    const last = this.retry;
    const info = this.recovery.next();
    if (info) {
      this.retry = { since, until: now + info.scheduled, trying: false, info };
      return this.emit('reconnect scheduled', this.told(this.retry, now));
    }
    this.retry = null;
    this.recovery.reset();
    this.over = true;
    this.emit('reconnect failed', new Error('Unable to reconnect'), last ? this.told(last, now) : {});
    this.emit('end');
  }

  attempt(now) {
    const { retry } = this;
    retry.info.backoff = false;
    retry.trying = true;
    retry.until = now + this.recovery.options['reconnect timeout'];
    this.emit('reconnect', this.told(retry, now));
    this.dial(now);
  }

  // What the application is told of an attempt.
  told({ since, info }, now) {
    return { ...info, duration: Math.round(now - since) };
  }

  may(strategy) {
    return this.settings.strategy.includes(strategy);
  }

  enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit('readyStateChange', state === OPENING ? 'opening' : state === OPEN ? 'open' : 'end');
  }

  emit(...event) {
    this.out('emit', ...event);
  }
}
