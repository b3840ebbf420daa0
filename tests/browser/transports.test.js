'use strict';
// The transports of sockjs in pages of another origin, and which of them is left
// where a proxy is in the way.

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { after, before, test } = require('node:test');
const { Chromium } = require('./chromium.js');
const { client, echoing, fake, proxy, visit } = require('./servers.js');

const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];

let browser;
before(async () => { browser = await Chromium.launch(); });
after(() => browser.close());

const server = (context, ...options) => echoing(context, '--transformer', 'sockjs', ...options);
const open = (context, content, headers) => visit(browser, context, content, headers);

// With time enough for a busy machine.
const forced = (transport, options) => ({ options: { ...options, transport: { transports: transport, timeout: 20_000, ...options?.transport } } });

async function echoes(page, ...values) {
    await page.evaluate(values => { values.forEach(value => primus.write(value)); }, values);
    for (const value of values) assert.deepEqual((await page.told('data'))[1], value);
}

const carrier = page => page.evaluate(() => primus.socket.transport);

for (const transport of TRANSPORTS) {
    test(`messages come back as they were sent: ${transport}`, async context => {
        const { url } = await server(context);
        const page = await open(context, client(url, forced(transport)));
        await page.told('open');
        assert.equal(await carrier(page), transport);
        await echoes(page, { hello: ['world', 1.5, null, true] }, 'Zürich 🎉 \u2028', 0, '100 %41 %', 'é🎉'.repeat(60_000));
        await echoes(page, ...Array.from({ length: 200 }, (_, n) => n));
        await page.evaluate(() => { primus.end(); });
        await page.told('end');
        assert.deepEqual(page.problems, []);
        assert.ok(!page.all.some(([event]) => /^(error|reconnect)/.test(event)), JSON.stringify(page.all));
    });

    test(`more than one answer takes: ${transport}`, async context => {
        const { url } = await server(context, '--transport', 'response_limit=20000');
        const page = await open(context, client(url, forced(transport)));
        await page.told('open');
        for (let round = 0; round < 20; round += 1) await echoes(page, `${round} ${'é'.repeat(5_000)}`, round);
        assert.ok(!page.all.some(([event]) => /^(error|reconnect)/.test(event)), JSON.stringify(page.all));
    });

    test(`a strict policy of contents is kept: ${transport}`, async context => {
        const { url } = await server(context);
        const policy = `default-src 'none'; script-src 'self' ${url}; connect-src ${url} ${url.replace('http', 'ws')}`;
        const page = await open(context, {
            '/': `<script src="${url}/primus/primus.js"></script><script src="/page.js"></script>`,
            '/page.js': `const primus = new Primus('${url}', { transport: { transports: '${transport}', timeout: 20000 } });
                primus.on('data', data => tell(JSON.stringify(['data', data])));
                primus.write('allowed');`
        }, { 'Content-Security-Policy': policy });
        assert.deepEqual(await page.told('data'), ['data', 'allowed']);
        assert.deepEqual(page.problems, []);
    });

    test(`what is written while the server is away arrives when it is back: ${transport}`, async context => {
        const first = await server(context);
        const reconnect = { min: 50, max: 200, retries: 100 };
        const page = await open(context, client(first.url, forced(transport, { reconnect })));
        await page.told('open');
        await first.kill();
        await page.told('reconnect scheduled');
        await page.evaluate(() => { primus.write('meanwhile'); });
        await server(context, '--port', first.port);
        await page.told('reconnected');
        assert.deepEqual(await page.told('data'), ['data', 'meanwhile']);
        // An EventSource of its own would go on asking, three seconds later.
        assert.deepEqual(page.problems, []);
    });

    test(`a browser that goes offline and online again: ${transport}`, async context => {
        const { url } = await server(context);
        const page = await open(context, client(url, forced(transport, { reconnect: { min: 50, max: 200 } })));
        await page.told('open');
        const network = offline => page.send('Network.emulateNetworkConditions', {
            offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1
        });
        await network(true);
        await page.told('offline');
        await network(false);
        await page.told('open');
        await echoes(page, 'again');
    });

    test(`cookies go to another origin only when they are to: ${transport}`, async context => {
        const { url } = await server(context);
        for (const withCredentials of [true, false]) {
            const before = "document.cookie = 'who=me';";
            const page = await open(context, client(url, { before, ...forced(transport, { transport: { withCredentials } }) }));
            await page.told('open');
            await page.evaluate(() => { primus.write('headers'); });
            const [, { cookie }] = await page.told('data');
            // A WebSocket always has them.
            assert.equal(cookie, withCredentials || transport === 'websocket' ? 'who=me' : undefined);
        }
    });
}

// What proxies do to an upgrade.
const upgrades = {
    'refuses it': undefined,
    'drops it': socket => socket.destroy(),
    'never answers it': () => {},
    'takes it and says nothing': (socket, request) => {
        const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    }
};
// What they hold back, and what is left then.
const held = [
    [/^$/, 'xhr-streaming'],
    [/xhr_streaming/, 'eventsource'],
    [/xhr_streaming|eventsource/, 'xhr-polling']
];

async function behind(context, how) {
    const { url } = await server(context);
    const between = await proxy(url, how);
    context.after(() => between.stop());
    const page = await open(context, client(between.url, { options: { timeout: false, transport: { timeout: 2_000 } } }));
    await page.told('open');
    return page;
}

for (const [what, upgrade] of Object.entries(upgrades)) {
    test(`behind a proxy that has no WebSockets and ${what}, a stream is left`, async context => {
        const page = await behind(context, { upgrade });
        assert.equal(await carrier(page), 'xhr-streaming');
        await echoes(page, 'through', 'the proxy');
        assert.deepEqual(page.all.filter(([event]) => event !== 'data'), [['open', null]]);
    });
}

for (const [holds, left] of held) {
    test(`behind a proxy that holds ${holds} back, ${left} is left`, async context => {
        const page = await behind(context, { holds });
        assert.equal(await carrier(page), left);
        await echoes(page, 'through', 'the proxy', 'x'.repeat(200_000));
        assert.deepEqual(page.all.filter(([event]) => event !== 'data'), [['open', null]]);
    });
}

test('where all fail, it is an error and no loop', async context => {
    const { url } = await server(context);
    const between = await proxy(url, { holds: /xhr|eventsource/ });
    context.after(() => between.stop());
    const page = await open(context, client(between.url, {
        options: { transport: { transports: 'websocket,xhr-streaming,eventsource' }, strategy: 'disconnect' }
    }));
    await page.told('error');
    await page.told('end');
    assert.ok(!page.all.some(([event]) => /^(open|reconnect)/.test(event)), JSON.stringify(page.all));
    assert.deepEqual(page.problems, []);
});

// What an event source gets after the opening.
const wrong = {
    'frames that are none': 'data: a5\r\n\r\n',
    'text that is no text': 'data: a["%"]\r\n\r\n',
    'another opening': 'data: o\r\n\r\n',
    'an end with a code': 'data: c[3000,"Go away!"]\r\n\r\n'
};

for (const [what, text] of Object.entries(wrong)) {
    test(`an event source that gets ${what} ends its session, which comes back`, async context => {
        const { url } = await fake(context, response => response.write(`\r\ndata: o\r\n\r\n${text}`));
        const page = await open(context, client(url, forced('eventsource', { reconnect: { min: 20, max: 50 } })));
        await page.told('reconnected');
        assert.deepEqual(page.all.slice(0, 4).map(([event]) => event), ['open', 'error', 'close', 'reconnect scheduled']);
        assert.deepEqual(page.problems, []);
    });
}

// Each with how often it is asked: the one that ended it, and four attempts or a refusal.
for (const [status, last, count] of [[503, 'reconnect failed', 6], [401, 'end', 3]]) {
    test(`an event source that gets ${status} in the midst ends its session, and is no loop`, async context => {
        let first = true;
        const server = await fake(context, response => {
            if (!first) return response.writeHead(status).end();
            first = false;
            response.end('\r\ndata: o\r\n\r\ndata: a["1"]\r\n\r\n');
        });
        const page = await open(context, client(server.url, forced('eventsource', { reconnect: { min: 20, max: 50, retries: 4 } })));
        await page.told(last);
        assert.deepEqual(page.all.slice(0, 5).map(([event]) => event), ['open', 'data', 'error', 'close', 'reconnect scheduled']);
        assert.equal(server.count, count);
        assert.deepEqual(page.problems, []);
    });
}

test('an event source with nothing to say, at once, is not asked without a pause', async context => {
    let first = true;
    const server = await fake(context, response => {
        response.end(first ? '\r\ndata: o\r\n\r\n' : '\r\ndata: h\r\n\r\n');
        first = false;
    });
    const page = await open(context, client(server.url, forced('eventsource')));
    await page.told('open');
    await new Promise(resolve => setTimeout(resolve, 500));
    assert.ok(server.count < 30, `${server.count} requests`);
    assert.deepEqual(page.all, [['open', null]]);
});
