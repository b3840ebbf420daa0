// Several transports: the first that the server, and what is between, lets speak. The
// rules are those of the Rust client, `transformers/several/mod.rs`, except that a page cannot tell
// when nobody is there to connect to.

// How long one is tried that is not the last, in ms.
const PATIENCE = 5000;

// Has the transport of a line do something.
const have = (line, event, what) => line?.via[event][0].fn.call(line, what);

function begin() {
  // Which was open last, and which was lost without having been heard.
  const known = this._known = this._known || {};
  const rank = ([name]) => (name === known.doubtful) * 2 - (name === known.works);
  const all = TRANSPORTS.filter(([, , requests]) => requests || this.options.websockets !== false);
  tryNext(this, known, (all.length ? all : [...TRANSPORTS]).sort((one, other) => rank(one) - rank(other)), []);
}

// A line is what a transport takes for the client: what it tells is looked at before
// the client hears of it.
function tryNext(primus, known, left, failures) {
  const [[name, via], ...others] = left;
  const line = Object.create(primus);
  let timer;
  let openedAt;
  // It was heard, or is lost and judged.
  let heard;

  function doubt() {
    known.doubtful = name;
    known.works = null;
  }

  function failed(cause) {
    const error = asError(cause);
    const refused = error.status === 401 || error.status === 403;
    failures.push([name, error]);
    line.stop();
    have(line, 'outgoing::end', false);
    if (others[0] && !refused) tryNext(primus, known, others, failures);
    else primus.emit('incoming::end', refused ? error : whole(failures));
  }

  Object.assign(line, {
    via,
    socket: null,
    transport: { ...primus.transport, ...primus.transport[name] },
    stop: () => clearTimeout(timer),

    // The client leaves: if not politely, it has not heard the heartbeat.
    leave(polite) {
      line.stop();
      if (openedAt && !heard && !polite) doubt();
      have(line, 'outgoing::end', polite);
    },

    emit(event, ...what) {
      if (primus._line !== line) return false;
      if (event === 'incoming::data') heard = true;
      else if (event === 'incoming::open') {
        line.stop();
        openedAt = now();
        known.works = name;
        if (known.doubtful === name) known.doubtful = null;
      } else if (/^incoming::(end|error)$/.test(event)) {
        if (!openedAt) return failed(what[0]);
        if (event === 'incoming::end') {
          if (!heard && now() - openedAt < STANDS) doubt();
          heard = true;
        }
      }
      return primus.emit(event, ...what);
    }
  });
  primus._line = line;
  const late = () => failed(new Error('it did not open in its share of the time'));
  if (others[0]) timer = setTimeout(late, Math.min(PATIENCE, (primus.options.timeout || Infinity) / left.length));
  have(line, 'outgoing::open');
  if (primus._line === line) primus.socket = line.socket;
}

// What is told of all that failed.
function whole(failures) {
  const [[, first]] = failures;
  if (failures.every(([, error]) => error.status === first.status && (first.status || !failures[1]))) return first;
  return new Error(`No transformer could be opened: ${failures.map(([name, { message }]) => `${name}: ${message}`).join('; ')}`);
}

const TRANSPORT = own(prototype._own, {
  'outgoing::open': begin,
  'outgoing::data'(packet) { have(this._line, 'outgoing::data', packet); },

  'outgoing::end'(polite) {
    const line = this._line;
    this._line = null;
    line?.leave(polite);
  }
});
