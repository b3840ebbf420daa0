// The life of a client: what happened and the time go in, what is to be done
// comes out. Knows no socket and no timer.
//
//             open                       opened
//   CLOSED ──────────────▶ OPENING ───────────────▶ OPEN
//     ▲ ▲                    │  ▲                     │
//     │ │  failed, timed out │  │ the delay is over   │ lost
//     │ └────────────────────┤  │                     │
//     │         end          ▼  │                     │
//     └──────────────── back-off (CLOSED) ◀───────────┘
//
// It calls `emit(event, ...)` with the events of the client, which is more than to
// tell the application: on some of them, the client has things to do itself.
//   outgoing::open          begin a transport session from zero
//   outgoing::end, polite   drop the transport: in its own way, or because it is dead
//   outgoing::flush         send what was queued; from now on writes go to the transport
//   outgoing::ping, time    send a message of Primus's own; so with pong

const OPENING = 1;
const CLOSED = 2;
const OPEN = 3;

// A connection that was open for so long worked, whatever it took to make it.
const STANDS = 5000;

// `settings`: `timeout` for the first connection, the text `strategy`, and what
// the heartbeat wants.
function createMachine(settings, recovery, emit) {
  // Until when the first connection must be open.
  let connect = Infinity;
  let dialled;
  let openedAt;
  let heartbeat;
  // The attempt to reconnect that is made or waited for, since when, and until when.
  let retry;
  let start;
  let until;
  let trying;
  // The server said that the coming end is meant.
  let announced;

  const may = (strategy) => settings.strategy.includes(strategy);
  // What the application is told of an attempt.
  const told = (attempt = retry) => ({ ...attempt, start, duration: Date.now() - start });

  function enter(state) {
    if (self.state === state) return;
    self.state = state;
    emit('readyStateChange', ['opening', 'end', 'open'][state - 1]);
  }

  function dial(now) {
    announced = false;
    dialled = now;
    enter(OPENING);
    if (retry) emit('outgoing::reconnect');
    emit('outgoing::open');
  }

  function attempt(now) {
    retry.backoff = false;
    trying = true;
    until = now + (recovery.options['reconnect timeout'] || Infinity);
    emit('reconnect', told());
    dial(now);
  }

  // The next attempt, perhaps after one failed.
  function schedule(now) {
    enter(CLOSED);
    const last = retry;
    retry = recovery.next();
    trying = false;
    if (retry) {
      until = now + retry.scheduled;
      return emit('reconnect scheduled', told());
    }
    recovery.reset();
    self.over = true;
    emit('reconnect failed', new Error('Unable to reconnect'), told(last));
    emit('end');
  }

  // One that is lost at once, each time, is as good as none: the delays go on
  // growing, and the attempts come to an end.
  function reconnect(now, stood) {
    if (stood >= Math.min(recovery.last, STANDS)) recovery.reset();
    start = Date.now();
    schedule(now);
  }

  // Everything is over.
  function finish() {
    self.over = true;
    connect = Infinity;
    heartbeat = retry = null;
    recovery.reset();
    enter(CLOSED);
    emit('close');
    emit('end');
  }

  // The first connection could not be made.
  function unconnected(now, final) {
    if (final || !may('timeout')) return finish();
    connect = Infinity;
    reconnect(now, STANDS);
  }

  function open(now) {
    if (self.state !== CLOSED) return;
    self.over = false;
    // The application does not want to wait for the delay.
    if (retry) return attempt(now);
    connect = settings.timeout ? now + settings.timeout : Infinity;
    dial(now);
  }

  // The transport could not be opened, or has something to report.
  function failed(now, error) {
    if (self.state !== OPENING) return self.state === OPEN && emit('error', error);
    emit('outgoing::end', false);
    // Who is refused once is refused again.
    const final = error.status === 401 || error.status === 403;
    if (retry && !final) return schedule(now);
    emit('error', error);
    unconnected(now, final);
  }

  // The transport has ended, with an error if it broke the rules.
  function lost(now, error, polite = false) {
    if (self.state === OPENING) failed(now, asError(error));
    if (self.state !== OPEN) return;
    emit('outgoing::end', polite);
    if (error) emit('error', error);
    if (announced) {
      announced = false;
      return finish();
    }
    enter(CLOSED);
    heartbeat = null;
    emit('close');
    if (may('disconnect')) return reconnect(now, now - openedAt);
    self.over = true;
    emit('end');
  }

  function end() {
    if (self.state !== CLOSED) {
      emit('outgoing::end', true);
      return finish();
    }
    self.over = true;
    if (!retry) return;
    retry = null;
    recovery.reset();
    emit('end');
  }

  const self = {
    // What the client shows of it; `over`: neither connected nor about to be.
    state: CLOSED,
    online: true,
    over: false,
    latency: 0,

    open,
    failed,
    lost,
    end,

    destroy() {
      end();
      emit('destroy');
      return true;
    },

    // When `tick` is due.
    deadline: () => Math.min(connect, heartbeat ? heartbeat.deadline : Infinity, retry ? until : Infinity),

    // The transport is open.
    opened(now) {
      if (self.state !== OPENING) return;
      connect = Infinity;
      self.latency = now - dialled;
      if (retry) emit('reconnected', told());
      retry = null;
      openedAt = now;
      if (!self.online) {
        self.online = true;
        emit('online');
      }
      enter(OPEN);
      heartbeat = createHeartbeat(settings, now);
      emit('outgoing::flush');
      emit('open');
    },

    // A message of Primus's own form came; false if it is the application's after
    // all.
    control(now, [, type, value]) {
      if (!heartbeat) return true;
      if (type === 'id') emit('incoming::id', value);
      else if (type === 'server') announced = announced || value === 'close';
      else {
        if (!heartbeat.beat(type, value, now)) return false;
        self.online = true;
        self.latency = heartbeat.latency ?? self.latency;
        if (type === 'ping') {
          emit('incoming::ping', +value);
          emit('outgoing::pong', +value);
        }
      }
      return true;
    },

    // The platform says that the network came, or went.
    network(now, online) {
      if (self.online === online) return;
      self.online = online;
      emit(online ? 'online' : 'offline');
      if (!online) {
        const ended = self.over;
        end();
        // It comes back with the network, unless it had ended before.
        self.over = ended || !may('online');
      } else if (may('online') && self.state === CLOSED && !retry && !self.over) reconnect(now, STANDS);
    },

    // The page is put away. Kept as it is, the connection would look alive to the
    // server and lose what is sent to it.
    hide(now) {
      if (self.state === OPENING) emit('outgoing::end', true);
      else lost(now, null, true);
    },

    // It is there again, with timers that stood still.
    show(now) {
      if (self.state === OPENING) self.state = CLOSED;
      else if (!retry) return;
      open(now);
    },

    // The time of `deadline` has come.
    tick(now, wall = Date.now()) {
      if (connect <= now) {
        connect = Infinity;
        emit('outgoing::end', false);
        emit('timeout');
        unconnected(now, false);
      }
      if (retry && until <= now) {
        if (trying) {
          emit('reconnect timeout', new Error('Unable to connect'), told());
          emit('outgoing::end', false);
          schedule(now);
        } else attempt(now);
      }
      if (heartbeat && heartbeat.deadline <= now) {
        const ping = heartbeat.tick(now, wall);
        if (ping) emit('outgoing::ping', wall);
        if (ping === false) {
          if (self.online) {
            self.online = false;
            emit('offline');
          }
          // Whatever the server announced, this is not the end it meant.
          announced = false;
          lost(now);
        }
      }
    }
  };
  return self;
}
