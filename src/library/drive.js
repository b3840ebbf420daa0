// Joins the machine to the clock and to the client: lets it know what happened,
// and does what comes of it, in order, even when listeners call back meanwhile.

const now = () => performance.now();

function drive(primus) {
  const events = [];
  const machine = createMachine(primus.options, primus.recovery, (...event) => events.push(event));
  let running;
  let destroyed;
  let timer;

  function run() {
    if (running) return;
    running = true;
    try {
      while (events[0]) primus.emit(...events.shift());
      // Gives its memory back.
      events.length = 0;
      if (destroyed) free(primus);
    } finally {
      running = false;
      // A listener failed: what comes after it is not lost.
      if (events[0]) setTimeout(run);
    }
  }

  function input(kind, ...what) {
    if (destroyed) return false;
    destroyed = kind === 'destroy';
    const answer = machine[kind](now(), ...what);
    const { state, online, latency, over } = machine;
    Object.assign(primus, { readyState: state, online, latency, writable: !over, readable: !over });
    // Has the machine's deadline kept.
    const due = machine.deadline();
    clearTimeout(timer);
    timer = due < Infinity && setTimeout(input, Math.ceil(Math.min(due - now(), LONGEST)), 'tick');
    run();
    return answer;
  }

  // Shows its state.
  input('deadline');
  return input;
}

function free(primus) {
  watchPage(primus, 'removeEventListener');
  primus.removeAllListeners();
  clear(primus);
}
