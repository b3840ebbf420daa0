'use strict';

const element = id => document.getElementById(id);
const log = element('log');

// Who we are. The server forgets it with the connection, so it is said again
// whenever a connection opens.
let me = null;
// What we have said and not yet seen come back, oldest first. It is said again
// after a reconnect: the server knows by the id what it has heard already.
const pending = [];
const session = Math.random().toString(36).slice(2);
let count = 0;
// The last message of the log, to be told apart from the next one.
let last = { from: null, at: 0 };
// The newest message seen, by the count of the server's present run: after a
// reconnect the history is asked from there.
let seen = 0;
let run = 0;
// The server has let us in on this connection.
let isJoined = false;

const primus = new Primus();

primus.on('open', () => {
    show('open', 'connected');
    if (me) enter();
});
primus.on('close', () => { isJoined = false; });
primus.on('reconnect scheduled', attempt => {
    const seconds = Math.max(1, Math.round(attempt.scheduled / 1000));
    show('waiting', `reconnecting in ${seconds} s`);
});
primus.on('reconnect', () => show('waiting', 'reconnecting'));
// Without a network the client ends, and comes back with it.
primus.on('end', () => (primus.online ? show('closed', 'disconnected') : show('waiting', 'offline')));
primus.on('topics', list => {
    element('topics-known').replaceChildren(...list.map(topic => node('option', { value: topic.name })));
    element('topics').replaceChildren(...list.map(topicItem));
});
primus.on('people', names => {
    element('people').replaceChildren(...names.sort((a, b) => a.localeCompare(b)).map(personItem));
});
primus.on('said', said);

// What the server answers to `join`.
const answers = {
    joined({ topic, run: now, messages, whole }) {
        isJoined = true;
        if (run !== now) seen = 0;
        run = now;
        element('join').hidden = true;
        element('room').hidden = false;
        element('title').textContent = `#${topic}`;
        document.title = `#${topic} – Chat`;
        if (!whole && log.children.length > 0) note('Some messages were missed.');
        messages.forEach(said);
        pending.forEach(({ id, text }) => primus.send('say', { id, text }));
        if (seen === 0) note('Nothing has been said here yet.').id = 'nothing';
        log.scrollTop = log.scrollHeight;
        element('text').focus();
    },
    refused: reason => { element('join-error').textContent = reason; }
};

function enter() {
    primus.send('join', { ...me, run, seen }, answer => {
        for (const [kind, content] of Object.entries(answer)) answers[kind](content);
    });
}

function show(state, text) {
    element('state').dataset.state = state;
    element('state').textContent = text;
}

// Everything that comes from others goes through `textContent`: whatever they
// write stays text.
function node(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

function face(name) {
    const made = node('span', { className: 'face', ariaHidden: 'true' }, [...name][0].toUpperCase());
    let hue = 0;
    for (const letter of name) hue = (hue * 31 + letter.codePointAt(0)) % 8;
    made.dataset.hue = hue;
    return made;
}

function personItem(name) {
    return node('li', { title: name }, face(name), node('span', { className: 'name' }, name));
}

function topicItem({ name, people }) {
    const button = node('button', { type: 'button' },
        node('span', {}, `#${name}`),
        node('span', { className: 'count', ariaLabel: `${people} here` }, String(people)));
    button.setAttribute('aria-current', String(name === me?.topic));
    button.addEventListener('click', () => join(me.name, name));
    return node('li', {}, button);
}

function said({ number, id, from, text, at }) {
    if (number <= seen) return;
    seen = number;
    document.getElementById('nothing')?.remove();
    const mine = pending.findIndex(one => one.id === id);
    if (mine >= 0) pending.splice(mine, 1)[0].item.remove();
    append(from, text, at);
}

function append(from, text, at) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    const more = last.from === from && at - last.at < 120_000;
    const item = node('li', { className: more ? 'more' : '' });
    if (!more) {
        const when = new Date(at);
        const clock = node('time', { dateTime: when.toISOString() },
            when.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
        item.append(face(from), node('div', { className: 'who' }, from, clock));
    }
    item.append(node('div', { className: 'text' }, text));
    last = { from, at };
    // What is not confirmed stays below.
    log.insertBefore(item, pending[0]?.item ?? null);
    if (atEnd || from === me.name) log.scrollTop = log.scrollHeight;
    else element('newest').hidden = false;
    return item;
}

function note(text) {
    last = { from: null, at: 0 };
    const item = node('li', { className: 'note' }, text);
    log.append(item);
    return item;
}

function join(name, topic) {
    if (me?.topic !== topic || me?.name !== name) {
        log.replaceChildren();
        pending.length = 0;
        seen = 0;
        last = { from: null, at: 0 };
    }
    me = { name, topic };
    isJoined = false;
    element('join-error').textContent = '';
    if (primus.readyState === Primus.OPEN) enter();
}

element('join-form').addEventListener('submit', event => {
    event.preventDefault();
    join(element('name').value.trim(), element('topic').value.trim().replace(/^#/, ''));
});

element('say-form').addEventListener('submit', event => {
    event.preventDefault();
    const text = element('text').value.trim();
    if (text === '') return;
    element('text').value = '';
    const item = node('li', { className: 'pending' }, face(me.name),
        node('div', { className: 'who' }, me.name), node('div', { className: 'text' }, text));
    const id = `${session}-${++count}`;
    pending.push({ id, text, item });
    log.append(item);
    log.scrollTop = log.scrollHeight;
    if (isJoined) primus.send('say', { id, text });
});

element('text').addEventListener('keydown', event => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    element('say-form').requestSubmit();
});

log.addEventListener('scroll', () => {
    if (log.scrollHeight - log.scrollTop - log.clientHeight < 80) element('newest').hidden = true;
});
element('newest').addEventListener('click', () => { log.scrollTop = log.scrollHeight; });

setInterval(() => {
    if (primus.readyState !== Primus.OPEN || document.hidden) return;
    const sent = performance.now();
    primus.send('ping', () => show('open', `connected · ${Math.round(performance.now() - sent)} ms`));
}, 5000);
