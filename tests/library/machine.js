'use strict';

//
// Takes scripts of steps from stdin through the machine of the client, and prints
// what came of each: see `src/client/machine/tests/javascript.rs`.
//

const fs = require('node:fs');
const path = require('node:path');

const source = (name) => fs.readFileSync(path.join(__dirname, '../../src/library', name), 'utf8');
const files = ['recovery.js', 'heartbeat.js', 'machine.js'].map(source).join('\n');
const { createMachine, createRecovery, control } = new Function(`${files}\nreturn { createMachine, createRecovery, control };`)();

const events = {
  readyStateChange: (state) => ('end' === state ? 'closed' : state),
  open: () => 'OPEN',
  'outgoing::flush': () => 'flush',
  'outgoing::open': () => 'dial',
  'outgoing::end': (polite) => (polite ? 'bye' : 'drop'),
  // Goes without saying.
  'outgoing::reconnect': () => [],
  'incoming::ping': () => [],
  'outgoing::ping': (time) => `send primus::ping::${time}`,
  'outgoing::pong': (time) => `send primus::pong::${time}`,
  'reconnect scheduled': ({ attempt, scheduled }) => `scheduled ${attempt} ${scheduled}ms`,
  reconnect: ({ attempt }) => `reconnect ${attempt}`,
  reconnected: ({ attempt }) => `reconnected ${attempt}`,
  'reconnect timeout': (_, { attempt }) => `reconnect-timeout ${attempt}`,
  'reconnect failed': () => 'reconnect-failed',
  'incoming::id': (id) => `id ${id}`
};

const word = (event, ...args) => (events[event] ? events[event](...args) : event);

// The arguments of a step, as the machine wants them.
function taken(machine, now, [kind, what]) {
  if ('failed' === kind) return machine.failed(now, Object.assign(new Error('no'), { status: what }));
  if ('control' === kind) return machine.control(now, control(what));
  return machine[kind](now, what);
}

// Times begin at something, as those of a page do.
const BEGIN = 5000;

function run({ settings, steps }, reconnect) {
  let out = [];
  const machine = createMachine(settings, createRecovery(reconnect), (...event) => out.push(word(...event)));
  return steps.map(([at, step]) => {
    out = [];
    const answer = taken(machine, at + BEGIN, step);
    const deadline = machine.deadline();
    return {
      effects: out.flat(),
      data: 'control' === step[0] && false === answer,
      deadline: Infinity === deadline ? null : deadline - BEGIN,
      online: machine.online,
      over: machine.over
    };
  });
}

const { scripts, reconnect } = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(scripts.map((script) => run(script, reconnect))));
