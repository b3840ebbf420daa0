// Joins the machine to the clock and to the client: lets it know what happened,
// and does what comes of it, in order, even when listeners call back meanwhile.

const now = () => performance.now();

function drive(primus) {
  const effects = [];
  const machine = createMachine(primus.options, primus.recovery, (...effect) => effects.push(effect));
  let running;
  let destroyed;
  let timer;
  let due;

  const perform = {
    emit: (...event) => primus.emit(...event),

    dial(again) {
      if (again) primus.emit('outgoing::reconnect');
      primus.emit('outgoing::open');
    },

    hangup: (polite) => primus.emit('outgoing::end', polite),

    flush: () => flush(primus),

    send(type, value) {
      if (type === 'pong') primus.emit('incoming::ping', value);
      primus.emit('outgoing::' + type, value);
      primus._write(`primus::${type}::${value}`);
    },

    free() {
      clearTimeout(timer);
      primus.emit('destroy');
      primus.removeAllListeners();
      Object.assign(primus, { buffer: [], transformers: { outgoing: [], incoming: [] }, socket: null });
    }
  };

  function run() {
    if (running) return;
    running = true;
    try {
      while (effects.length) {
        const [kind, ...what] = effects.shift();
        perform[kind](...what);
      }
    } finally {
      running = false;
      // A listener failed: what comes after it is not lost.
      if (effects.length) setTimeout(run);
    }
  }

  // Has the machine's deadline kept.
  function wake() {
    const deadline = machine.deadline();
    if (timer && due <= deadline) return;
    clearTimeout(timer);
    timer = null;
    if (deadline === Infinity) return;
    due = deadline;
    timer = setTimeout(() => {
      timer = null;
      input('tick', Date.now());
    }, Math.ceil(Math.min(deadline - now(), LONGEST)));
  }

  function input(kind, ...what) {
    if (destroyed) return false;
    if (kind === 'destroy') {
      machine.end();
      effects.push(['free']);
    }
    destroyed = kind === 'destroy';
    const answer = destroyed || machine[kind](now(), ...what);
    show();
    wake();
    run();
    return answer;
  }

  function show() {
    const { state, online, latency, over } = machine;
    Object.assign(primus, { readyState: state, online, latency, writable: !over, readable: !over });
  }

  show();
  return input;
}
