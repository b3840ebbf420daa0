'use strict';
// The library in pages of another origin: how it is loaded, and what it is told.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { Chromium } = require('./chromium.js');
const { client, echoing, visit } = require('./servers.js');

const TRANSFORMERS = ['websockets', 'engine.io', 'sockjs', 'socket.io'];
// Only text goes over these.
const TEXT = ['sockjs', 'socket.io'];
const PARSERS = ['json', 'ejson', 'binary', 'msgpack'];

let browser;
before(async () => { browser = await Chromium.launch(); });
after(() => browser.close());

const open = (context, content, headers) => visit(browser, context, content, headers);

for (const transformer of TRANSFORMERS) {
    for (const parser of TEXT.includes(transformer) ? PARSERS.slice(0, 2) : PARSERS) {
        test(`a script tag gives a client that echoes: ${transformer}, ${parser}`, async context => {
            const { url } = await echoing(context, '--transformer', transformer, '--parser', parser);
            const page = await open(context, client(url));
            await page.told('open');
            // A long message comes in frames that are cut inside characters.
            const values = [{ hello: ['world', 1.5, null, true] }, 'Zürich 🎉 \u2028', 0, 'é🎉'.repeat(60_000)];
            await page.evaluate(values => values.forEach(value => primus.write(value)), values);
            for (const value of values) assert.deepEqual((await page.told('data'))[1], value);
            await page.evaluate(() => primus.end());
            await page.told('end');
            assert.deepEqual(page.problems, []);
        });
    }

    test(`a module gives a client that echoes: ${transformer}`, async context => {
        const { url } = await echoing(context, '--transformer', transformer);
        const page = await open(context, `<script type="module">
            import Primus, { Primus as named } from '${url}/primus/primus.mjs';
            const primus = new Primus('${url}');
            primus.on('data', data => tell(JSON.stringify(['data', data, named === Primus])));
            primus.write('early');
        </script>`);
        assert.deepEqual(await page.told('data'), ['data', 'early', true]);
        assert.deepEqual(page.problems, []);
    });

    test(`a strict policy of contents is kept: ${transformer}`, async context => {
        const { url } = await echoing(context, '--transformer', transformer);
        const socket = url.replace('http', 'ws');
        const policy = `default-src 'none'; script-src 'self' ${url}; connect-src ${url} ${socket}`;
        const page = await open(context, {
            '/': `<script src="${url}/primus/primus.js"></script><script src="/page.js"></script>`,
            '/page.js': `const primus = new Primus('${url}');
                primus.on('data', data => tell(JSON.stringify(['data', data])));
                primus.write('allowed');`
        }, { 'Content-Security-Policy': policy });
        assert.deepEqual(await page.told('data'), ['data', 'allowed']);
        assert.deepEqual(page.problems, []);
    });

    test(`what is written while the server is away arrives when it is back: ${transformer}`, async context => {
        const first = await echoing(context, '--transformer', transformer);
        const options = { reconnect: { min: 50, max: 200, retries: 100 } };
        const page = await open(context, client(first.url, { options }));
        await page.told('open');
        // An end of the server's own would keep clients from coming back.
        await first.kill();
        await page.told('reconnect scheduled');
        await page.evaluate(() => primus.write('meanwhile'));
        await echoing(context, '--transformer', transformer, '--port', first.port);
        await page.told('reconnected');
        assert.deepEqual(await page.told('data'), ['data', 'meanwhile']);
    });

    test(`a browser that goes offline and online again: ${transformer}`, async context => {
        const { url } = await echoing(context, '--transformer', transformer);
        const page = await open(context, client(url, { options: { reconnect: { min: 50, max: 200 } } }));
        await page.told('open');
        const network = offline => page.send('Network.emulateNetworkConditions', {
            offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1
        });
        await network(true);
        await page.told('offline');
        await network(false);
        await page.told('open');
        await page.evaluate(() => primus.write('again'));
        assert.deepEqual(await page.told('data'), ['data', 'again']);
    });
}

for (const transformer of TRANSFORMERS) {
    test(`a refusal is an error and no loop: ${transformer}`, async context => {
        const { url } = await echoing(context, '--transformer', transformer, '--authorization', 'user:secret');
        const page = await open(context, client(url, { options: { reconnect: { min: 1, max: 1 } } }));
        await page.told('end');
        assert.ok(!page.all.some(([event]) => /^(open|reconnect)/.test(event)), JSON.stringify(page.all));
        assert.ok(page.all.some(([event]) => event === 'error'), JSON.stringify(page.all));
    });
}
