'use strict';

const element = id => document.getElementById(id);
const log = element('log');

// Who we are. The next server knows nothing of it, so it is said again whenever a
// connection opens.
let me = null;
let isIn = false;
// The server that we are on.
let here = null;
// The addresses of all of them, to tell who has come and who has gone.
let known = null;
// What we have said and not yet seen come back, oldest first: it is said again on the
// next connection, and whoever has heard it already knows it by its id.
const pending = [];
const heard = new Set();
const session = Math.random().toString(36).slice(2);
let count = 0;

const primus = new Primus();

primus.on('open', () => {
    show('open', 'connected');
    if (me) enter();
});
primus.on('close', () => { isIn = false; });
primus.on('reconnect scheduled', attempt => {
    show('waiting', `reconnecting in ${Math.max(1, Math.round(attempt.scheduled / 1000))} s`);
});
primus.on('reconnect', () => show('waiting', 'reconnecting'));
// Without a network the client ends, and comes back with it.
primus.on('end', () => (primus.online ? show('closed', 'disconnected') : show('waiting', 'offline')));
primus.on('servers', servers);
primus.on('said', said);
// What was said while we were not connected comes again, before what is new.
primus.on('recovered', (room, whole) => {
    if (!whole) note('Some messages were missed.');
});

function show(state, text) {
    element('state').dataset.state = state;
    element('state').textContent = text;
}

function enter() {
    primus.send('enter', me, refusal => {
        element('door-error').textContent = refusal ?? '';
        if (refusal) {
            me = null;
            return;
        }
        isIn = true;
        if (!element('door').hidden) {
            element('door').hidden = true;
            element('room').hidden = false;
            element('title').textContent = me;
            element('text').focus();
        }
        pending.forEach(({ message }) => primus.send('say', message));
    });
}

// Everything that comes from others goes through `textContent`: whatever they
// write stays text.
function node(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

/** Makes the children of `list` those of `items`, by their keys. What is there
 * already stays, and with it the keyboard's focus. */
function fill(list, items, make, update) {
    const old = new Map([...list.children].map(child => [child.dataset.key, child]));
    items.forEach(([key, item], place) => {
        let child = old.get(key);
        if (!child) {
            child = make(key);
            child.dataset.key = key;
        }
        old.delete(key);
        update(child, item);
        if (list.children[place] !== child) list.insertBefore(child, list.children[place] ?? null);
    });
    for (const gone of old.values()) gone.remove();
}

const place = address => address.replace(/^https?:\/\//, '');

/** Who is on which server: `{ here, joined, servers: [{ address, people }] }`. */
function servers(all) {
    if (here && here !== all.here) note(`You are on ${place(all.here)} now.`);
    here = all.here;
    const addresses = new Set(all.servers.map(({ address }) => address));
    if (known && all.joined) {
        for (const one of addresses) if (!known.has(one)) note(`The server ${place(one)} has come.`);
        for (const one of known) if (!addresses.has(one)) note(`The server ${place(one)} has gone.`);
    }
    if (all.joined) known = addresses;
    element('alone').hidden = all.joined;
    const ours = ({ address }) => address === here;
    const ordered = [...all.servers.filter(ours), ...all.servers.filter(one => !ours(one))];
    fill(element('servers'), ordered.map(one => [one.address, one]), serverItem, updateServer);
    const names = new Set(all.servers.flatMap(({ people }) => people));
    names.delete(me);
    const to = element('to').value;
    // Who is being written to stays, even while they reconnect.
    if (to) names.add(to);
    const options = [['', 'everybody'], ...[...names].sort().map(name => [`to ${name}`, name])];
    fill(element('to'), options, key => node('option', { value: key.slice(3) }), (option, text) => { option.textContent = text; });
    element('to').value = to;
    mark();
}

function serverItem(address) {
    const list = node('ul', { className: 'people', ariaLabel: `On ${place(address)}` });
    return node('li', { className: 'card server' },
        node('h3', {}, place(address), node('span', { className: 'count' })), list);
}

function updateServer(item, { address, people }) {
    const isHere = address === here;
    item.classList.toggle('here', isHere);
    const count = people.length === 1 ? '1 person' : `${people.length} people`;
    item.querySelector('.count').textContent = isHere ? `${count} · you are here` : count;
    fill(item.querySelector('.people'), people.map(name => [`to ${name}`, name]), personItem, () => {});
}

function personItem(key) {
    const name = key.slice(3);
    const button = node('button', { type: 'button', title: `Write to ${name}` }, name);
    button.addEventListener('click', () => {
        element('to').value = element('to').value === name || name === me ? '' : name;
        mark();
        element('text').focus();
    });
    return node('li', {}, button);
}

/** Shows with the people who is being written to. */
function mark() {
    const to = element('to').value;
    for (const button of document.querySelectorAll('.people button')) {
        button.setAttribute('aria-pressed', String(to !== '' && button.textContent === to));
    }
}

/** A message: `{ id, from, to, text, server }`. */
function said(message) {
    if (heard.has(message.id)) return;
    heard.add(message.id);
    if (heard.size > 1000) heard.delete(heard.values().next().value);
    const mine = pending.findIndex(one => one.message.id === message.id);
    if (mine >= 0) pending.splice(mine, 1)[0].item.remove();
    append(message, place(message.server));
}

function append({ from, to, text }, server) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    const who = node('div', { className: 'who' }, to ? `${from} → ${to}` : from,
        node('span', { className: 'from' }, server));
    const item = node('li', { className: to ? 'private' : '' }, who, node('div', { className: 'text' }, text));
    // What has not come back stays below.
    log.insertBefore(item, pending[0]?.item ?? null);
    if (atEnd) log.scrollTop = log.scrollHeight;
    return item;
}

function note(text) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    log.append(node('li', { className: 'note' }, text));
    if (atEnd) log.scrollTop = log.scrollHeight;
}

element('door-form').addEventListener('submit', event => {
    event.preventDefault();
    me = element('name').value.trim();
    if (primus.readyState === Primus.OPEN) enter();
});

element('say-form').addEventListener('submit', event => {
    event.preventDefault();
    const text = element('text').value.trim();
    if (text === '') return;
    element('text').value = '';
    const message = { id: `${session}-${++count}`, to: element('to').value, text };
    const item = append({ ...message, from: me }, 'on its way');
    item.classList.add('pending');
    log.append(item);
    pending.push({ message, item });
    log.scrollTop = log.scrollHeight;
    if (isIn) primus.send('say', message);
});

element('to').addEventListener('change', mark);

// Whoever stands in front of the servers chooses one again.
element('anew').addEventListener('click', () => {
    primus.end();
    primus.open();
});
