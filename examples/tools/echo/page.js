'use strict';

const TRANSFORMERS = ['websockets', 'engine.io', 'sockjs', 'browserchannel', 'socket.io'];
const PARSERS = ['json', 'ejson', 'binary', 'msgpack'];
// Events that are shown by their names; frames have lines of their own.
const EVENTS = [
    'open', 'reconnect scheduled', 'reconnect', 'reconnected', 'reconnect timeout', 'reconnect failed',
    'timeout', 'online', 'offline', 'error', 'close', 'end', 'readyStateChange'
];
// Lines kept.
const LINES = 500;

const element = id => document.getElementById(id);
const counts = { sent: 0, received: 0, reconnects: 0 };
let primus = null;

element('transformer').append(...TRANSFORMERS.map(name => new Option(name)));
element('parser').append(...PARSERS.map(name => new Option(name)));

/** Loads the client for a transformer and a parser, and tells where its server listens. */
async function load(transformer, parser) {
    const answer = await fetch(`/playground/${transformer}/${parser}`);
    if (!answer.ok) throw new Error(await answer.text());
    const { port } = await answer.json();
    await new Promise((resolve, reject) => {
        const script = document.createElement('script');
        script.src = `/playground/${transformer}/${parser}.js`;
        script.onload = resolve;
        script.onerror = () => reject(new Error('the client cannot be loaded'));
        document.head.append(script);
    });
    return `${location.protocol}//${location.hostname}:${port}`;
}

element('connect').addEventListener('submit', async event => {
    event.preventDefault();
    primus?.destroy();
    element('connect-error').textContent = '';
    try {
        connect(await load(element('transformer').value, element('parser').value));
    } catch (error) {
        element('connect-error').textContent = error.message;
    }
});

function connect(url) {
    const client = primus = new Primus(url);
    Object.keys(counts).forEach(name => { counts[name] = 0; });
    show('waiting', 'connecting');
    line('event', `new Primus("${url}")`);
    for (const name of EVENTS) {
        client.on(name, (...given) => line('event', [name, ...given.map(brief)].filter(Boolean).join(' ')));
    }
    client.on('outgoing::data', frame => { counts.sent += 1; line('out', text(frame)); });
    client.on('incoming::data', frame => { counts.received += 1; line('in', text(frame)); });
    client.on('data', measured);
    client.on('open', () => {
        show('open', 'open');
        client.id(id => { element('id').textContent = id; });
    });
    client.on('reconnected', () => { counts.reconnects += 1; });
    client.on('reconnect scheduled', attempt => show('waiting', `again in ${Math.round(attempt.scheduled)} ms`));
    client.on('end', () => {
        // Without a network the client ends, and comes back with it.
        if (!client.online) return show('waiting', 'offline');
        show('closed', 'ended');
        enable(false);
    });
    enable(true);
}

function brief(given) {
    if (given instanceof Error) return given.message;
    if (given && typeof given === 'object') {
        return 'scheduled' in given ? `attempt ${given.attempt} in ${Math.round(given.scheduled)} ms` : '';
    }
    return given === undefined ? '' : String(given);
}

/** A frame as text; bytes as hexadecimal digits. */
function text(frame) {
    if (typeof frame === 'string') return frame;
    const bytes = frame instanceof ArrayBuffer ? new Uint8Array(frame)
        : ArrayBuffer.isView(frame) ? new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength) : null;
    if (!bytes) return String(frame);
    const shown = [...bytes.subarray(0, 256)].map(byte => byte.toString(16).padStart(2, '0')).join(' ');
    return bytes.length > 256 ? `${shown} … (${bytes.length} bytes)` : shown;
}

function line(kind, what) {
    const log = element('log');
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const item = document.createElement('li');
    item.dataset.kind = kind;
    const mark = { out: '↑', in: '↓', event: '·' }[kind];
    const time = new Date().toISOString().slice(11, 23);
    for (const [name, content] of [['time', time], ['mark', mark], ['what', what]]) {
        const part = document.createElement(name === 'time' ? 'time' : 'span');
        part.className = name;
        part.textContent = content;
        item.append(part);
    }
    log.append(item);
    if (log.children.length > LINES) log.firstChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
    for (const [name, count] of Object.entries(counts)) element(name).textContent = count;
}

function show(state, word) {
    element('state').dataset.state = state;
    element('state').textContent = word;
}

function enable(on) {
    for (const id of ['end', 'send', 'burst', 'cut', 'offline']) element(id).disabled = !on;
    offline(false);
}

// The server sends everything back; the time that this takes is the latency.
const waiting = [];

function write(message) {
    waiting.push(performance.now());
    primus.write(message);
}

function measured() {
    const sent = waiting.shift();
    if (sent !== undefined) element('latency').textContent = `${(performance.now() - sent).toFixed(1)} ms`;
}

function writeTimes(times) {
    let message;
    try {
        message = JSON.parse(element('message').value);
    } catch (error) {
        element('write-error').textContent = error.message;
        return;
    }
    element('write-error').textContent = '';
    for (let at = 0; at < times; at += 1) write(message);
}

element('write').addEventListener('submit', event => {
    event.preventDefault();
    writeTimes(1);
});
element('burst').addEventListener('click', () => writeTimes(100));
element('end').addEventListener('click', () => primus.end());
element('cut').addEventListener('click', () => primus.write('reconnect'));
element('clear').addEventListener('click', () => element('log').replaceChildren());

function offline(isOff) {
    element('offline').setAttribute('aria-pressed', String(isOff));
    element('offline').textContent = isOff ? 'Go online' : 'Go offline';
}

// What the browser says when the network goes and comes back.
element('offline').addEventListener('click', () => {
    const isOff = element('offline').getAttribute('aria-pressed') !== 'true';
    offline(isOff);
    window.dispatchEvent(new Event(isOff ? 'offline' : 'online'));
});
