'use strict';
// A server with several transformers: which of them a page speaks, and which is left
// where a proxy is in the way of WebSockets.

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { after, before, test } = require('node:test');
const { Chromium } = require('./chromium.js');
const { client, echoing, proxy, visit } = require('./servers.js');

let browser;
before(async () => { browser = await Chromium.launch(); });
after(() => browser.close());

const server = (context, ...options) => echoing(context, '--transformer', 'websockets,engine.io,sockjs', ...options);
const open = (context, content) => visit(browser, context, content);

async function by(page) {
    await page.evaluate(() => { primus.write('transformer'); });
    return (await page.told('data'))[1];
}

test('the first is spoken, and what is written while the server is away arrives when it is back', async context => {
    const first = await server(context);
    const page = await open(context, client(first.url, { options: { reconnect: { min: 50, max: 200, retries: 100 } } }));
    await page.told('open');
    assert.equal(await by(page), 'websockets');
    await first.kill();
    await page.told('reconnect scheduled');
    await page.evaluate(() => { primus.write('meanwhile'); });
    await server(context, '--port', first.port);
    await page.told('reconnected');
    assert.deepEqual(await page.told('data'), ['data', 'meanwhile']);
    // One of the others may have been quicker to find it.
    assert.match(await by(page), /^(websockets|engine\.io|sockjs)$/);
});

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

for (const [what, upgrade] of Object.entries(upgrades)) {
    test(`a proxy is in the way that ${what}`, async context => {
        const { url } = await server(context, '--ping-interval', '1000');
        const way = await proxy(url, { upgrade });
        context.after(way.stop);
        const options = { timeout: 9000, reconnect: { min: 50, max: 200, retries: 100 } };
        const page = await open(context, client(way.url, { options }));
        await page.told('open');
        // That of the heartbeat is lost.
        if (what.startsWith('takes')) await page.told('reconnected');
        assert.equal(await by(page), 'engine.io');
    });
}
