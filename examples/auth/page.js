'use strict';

const element = id => document.getElementById(id);
let primus = null;

function connect() {
    // A refusal is for good here: who is not logged in need not try again.
    primus = new Primus({ strategy: 'disconnect, online' });
    primus.on('open', () => show('open', 'connected'));
    primus.on('reconnect scheduled', () => show('waiting', 'reconnecting'));
    primus.on('error', () => { element('error').textContent = 'The server lets you in once you have logged in.'; });
    primus.on('end', () => {
        show('closed', 'not connected');
        inside(false);
    });
    primus.on('data', greeting => {
        element('greeting').textContent = greeting;
        inside(true);
    });
}

function inside(isIn) {
    element('login').hidden = isIn;
    element('inside').hidden = !isIn;
    element(isIn ? 'logout' : 'user').focus();
}

function show(state, text) {
    element('state').dataset.state = state;
    element('state').textContent = text;
}

element('login').addEventListener('submit', async event => {
    event.preventDefault();
    element('error').textContent = '';
    const login = { user: element('user').value, password: element('password').value };
    const answer = await fetch('/login', { method: 'POST', body: JSON.stringify(login) });
    if (answer.ok) connect();
    else element('error').textContent = 'That is not the name and the password of a member.';
});

element('logout').addEventListener('click', async () => {
    await fetch('/logout', { method: 'POST' });
    primus.end();
});
