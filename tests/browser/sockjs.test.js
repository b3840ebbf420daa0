'use strict';
// The client of SockJS, and Primus's that is made of it, in pages: each transport
// that a browser of today has.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { messages } = require('../interop/driver/sockjs.js');
const { Chromium } = require('./chromium.js');
const { example, pages } = require('./servers.js');

const load = createRequire(path.join(process.env.PRIMUS_CLIENTS, 'package.json'));
const script = readFileSync(load.resolve('sockjs-client/dist/sockjs.js'), 'utf8');

// Whether a page of another origin can use it.
const ANYWHERE = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling', 'jsonp-polling'];
const IN_FRAMES = ['iframe-eventsource', 'iframe-htmlfile', 'iframe-xhr-polling'];
const AT_HOME = ['htmlfile', 'xhr-streaming'];

// What browsers that are told to wait for nothing give a transport to begin.
const PATIENT = { timeout: 20_000 };

let browser;
before(async () => { browser = await Chromium.launch(); });
after(() => browser.close());

/** A server, and a page with a client of its own; `home`: of the server's origin. */
async function open(context, transports, { home = false, flags = [], writes = [] } = {}) {
    const site = await pages({ '/': '<!doctype html><body></body>', '/sockjs.js': script });
    context.after(() => site.stop());
    const server = await example('echo', '--port', '0', '--transformer', 'sockjs', '--parser', 'raw',
        '--ping-interval', '0', '--transport', `sockjs_url=${site.url}/sockjs.js`, ...flags);
    context.after(() => server.stop().catch(() => {}));
    const page = await browser.page();
    context.after(() => page.close());
    await page.goto(home ? `${server.url}/primus/` : `${site.url}/`);
    await page.evaluate(script);
    await page.evaluate((url, options, writes) => {
        const heard = (...what) => tell(JSON.stringify(what));
        window.socket = new SockJS(`${url}/primus`, null, options);
        socket.onopen = () => {
            heard('open', socket.transport);
            writes.forEach(text => socket.send(text));
        };
        socket.onmessage = ({ data }) => heard('data', data);
        socket.onheartbeat = () => heard('heartbeat');
        socket.onclose = ({ code, reason }) => heard('close', code, reason);
    }, server.url, { transports, ...PATIENT }, writes);
    return { page, server };
}

/** Sends messages of all kinds, which come back in order. */
async function exchange(page) {
    // What a script cannot pass on as text is none that a test could compare.
    const texts = messages().filter(text => text.isWellFormed());
    const wrong = await page.evaluate(texts => new Promise(resolve => {
        const wrong = [];
        let at = 0;
        const { onmessage } = socket;
        socket.onmessage = ({ data }) => {
            if (data !== texts[at++]) wrong.push([data.slice(0, 80), texts[at - 1].slice(0, 80)]);
            if (at < texts.length) return;
            socket.onmessage = onmessage;
            resolve(wrong);
        };
        texts.forEach(text => socket.send(text));
    }), texts);
    assert.deepEqual(wrong, []);
}

async function whole(page, transport) {
    assert.deepEqual(await page.told('open'), ['open', transport]);
    for (const text of ['early', 'too']) assert.deepEqual(await page.told('data'), ['data', text]);
    await exchange(page);
    await page.evaluate(() => socket.send('broadcast:50:100'));
    for (let n = 0; n < 50; n++) assert.deepEqual(await page.told('data'), ['data', 'x'.repeat(100)]);
    await page.evaluate(() => socket.send('close'));
    assert.deepEqual(await page.told('data'), ['data', 'primus::server::close']);
    assert.deepEqual(await page.told('close'), ['close', 1000, 'Normal closure']);
    // The page in a frame asks for what browsers no longer grant.
    assert.deepEqual(page.problems.filter(problem => !problem.startsWith('document.domain')), []);
}

const WRITES = ['early', 'too'];

for (const transport of [...ANYWHERE, ...IN_FRAMES]) {
    test(`messages of all kinds, from another origin: ${transport}`, async context => {
        const { page } = await open(context, [transport], { writes: WRITES });
        await whole(page, transport);
    });
}

for (const transport of AT_HOME) {
    test(`messages of all kinds, from the server's own page: ${transport}`, async context => {
        const { page } = await open(context, [transport], { home: true, writes: WRITES });
        await whole(page, transport);
    });
}

for (const transport of ['xhr-streaming', 'eventsource', 'iframe-eventsource', 'iframe-htmlfile']) {
    test(`streams end and begin again without a loss: ${transport}`, async context => {
        const { page } = await open(context, [transport], { flags: ['--transport', 'response_limit=500'] });
        await page.told('open');
        await exchange(page);
        // In a frame that nobody sees each takes a second.
        for (let n = 0; n < 8; n++) {
            await page.evaluate(n => socket.send(`${n} ${'é'.repeat(100)}`), n);
            assert.equal((await page.told('data'))[1], `${n} ${'é'.repeat(100)}`);
        }
    });
}

for (const transport of ANYWHERE.slice(1)) {
    test(`heartbeats keep a client: ${transport}`, async context => {
        const { page } = await open(context, [transport], { flags: ['--transport', 'heartbeat_delay=300'] });
        await page.told('open');
        // A poll may be over before there was time for one.
        for (let n = 0; n < 3; n++) await page.told('heartbeat');
        await page.evaluate(() => socket.send('alive'));
        assert.deepEqual(await page.told('data'), ['data', 'alive']);
    });
}

test('a client finds the best transport by itself', async context => {
    const { page } = await open(context, undefined);
    assert.deepEqual(await page.told('open'), ['open', 'websocket']);
    const without = await open(context, undefined, { flags: ['--transport', 'websocket=false'] });
    assert.deepEqual(await without.page.told('open'), ['open', 'xhr-streaming']);
});

test('who is not let in is told so', async context => {
    const { page } = await open(context, ['websocket', 'xhr-streaming', 'xhr-polling'],
        { flags: ['--authorization', 'user:secret'] });
    assert.deepEqual(await page.told('close'), ['close', 1002, 'Cannot connect to server']);
});

// An EventSource goes on asking for ever, and its client does not mind.
for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling']) {
    test(`a server that is killed is missed: ${transport}`, async context => {
        const { page, server } = await open(context, [transport]);
        await page.told('open');
        await server.kill();
        const [, code] = await page.told('close');
        assert.ok([1002, 1006].includes(code), String(code));
    });
}

/** Primus's own library, as its server would serve it. */
function library() {
    const Primus = load('primus');
    const server = http.createServer();
    const primus = new Primus(server, { transformer: 'sockjs' });
    const text = primus.library();
    primus.destroy();
    return text;
}

for (const transport of [undefined, ...ANYWHERE.slice(1)]) {
    test(`Primus 8 with what it brings of SockJS: ${transport ?? 'any transport'}`, async context => {
        const site = await pages({ '/': '<!doctype html><script src="/primus.js"></script><body></body>', '/primus.js': library() });
        context.after(() => site.stop());
        const server = await example('echo', '--port', '0', '--transformer', 'sockjs');
        context.after(() => server.stop().catch(() => {}));
        const page = await browser.page();
        context.after(() => page.close());
        await page.goto(`${site.url}/`);
        const values = [{ hello: ['world', 1.5, null, true] }, 'Zürich 🎉 \u2028', 0, 'é🎉'.repeat(60_000)];
        await page.evaluate((url, transports, values) => {
            window.primus = new Primus(url, transports ? { transport: { transports } } : {});
            for (const name of ['open', 'end', 'reconnected']) primus.on(name, () => tell(JSON.stringify([name])));
            primus.on('data', data => tell(JSON.stringify(['data', data])));
            values.forEach(value => primus.write(value));
        }, server.url, transport ? [transport] : null, values);
        await page.told('open');
        for (const value of values) assert.deepEqual((await page.told('data'))[1], value);
        await page.evaluate(() => primus.write('reconnect'));
        await page.told('reconnected');
        await page.evaluate(() => primus.write('close'));
        await page.told('end');
        assert.deepEqual(page.problems, []);
    });
}
