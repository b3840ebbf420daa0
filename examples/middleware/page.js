'use strict';

const element = id => document.getElementById(id);
const primus = new Primus({ reconnect: { max: 2000, retries: 1000 } });

primus.on('open', () => show('open', 'connected'));
primus.on('reconnect scheduled', () => show('waiting', 'reconnecting'));
primus.on('end', () => (primus.online ? show('closed', 'disconnected') : show('waiting', 'offline')));
primus.on('data', ({ method, path, from, upgrade }) => {
    const item = document.createElement('li');
    item.textContent = `${method} ${path} from ${from}${upgrade ? ', for a WebSocket' : ''}`;
    element('log').prepend(item);
    if (element('log').children.length > 20) element('log').lastChild.remove();
});

function show(state, text) {
    element('state').dataset.state = state;
    element('state').textContent = text;
}

element('door').addEventListener('click', async () => {
    const close = element('door').getAttribute('aria-pressed') !== 'true';
    await fetch(close ? '/close' : '/open', { method: 'POST' });
    element('door').setAttribute('aria-pressed', String(close));
    element('door').textContent = close ? 'Open the door' : 'Close the door';
});
element('again').addEventListener('click', () => primus.write('again'));
