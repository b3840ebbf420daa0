'use strict';
// Pages by https, whose clients come by wss and https.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const https = require('node:https');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Chromium } = require('./chromium.js');
const { client, example } = require('./servers.js');

let browser, folder, files, options;

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'primus-tls-'));
    const [cert, key] = files = ['cert.pem', 'key.pem'].map(name => path.join(folder, name));
    execFileSync('openssl', [
        'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-days', '90', '-keyout', key, '-out', cert, '-subj', '/CN=localhost',
        '-addext', 'basicConstraints=critical,CA:FALSE',
        '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'
    ], { stdio: 'ignore' });
    options = { cert: readFileSync(cert), key: readFileSync(key) };
    // The key of this one certificate is trusted, and no other.
    const spki = execFileSync('sh', ['-c',
        `openssl x509 -in '${cert}' -pubkey -noout | openssl pkey -pubin -outform der`]);
    const pin = createHash('sha256').update(spki).digest('base64');
    browser = await Chromium.launch(`--ignore-certificate-errors-spki-list=${pin}`);
});

after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
});

/** The echo server by https, until the end of a test. */
async function secure(context, ...more) {
    const [cert, key] = files;
    const echo = await example('echo', '--port', '0', '--tls-cert', cert, '--tls-key', key, ...more);
    context.after(() => echo.stop());
    assert.match(echo.url, /^https:/);
    return echo;
}

/** A page by https with this content, until the end of a test. */
async function visit(context, content) {
    const site = https.createServer(options, (request, response) => {
        response.setHeader('Content-Type', 'text/html; charset=utf-8');
        response.end(content);
    });
    await new Promise(resolve => site.listen(0, '127.0.0.1', resolve));
    const page = await browser.page();
    context.after(async () => {
        await page.close();
        site.closeAllConnections();
        site.close();
    });
    await page.goto(`https://127.0.0.1:${site.address().port}/`);
    return page;
}

const VALUES = [{ hello: ['world', 1.5, null] }, 'Zürich 🎉', 'é🎉'.repeat(60_000)];

for (const [name, transformer, given, schemes] of [
    ['websockets', 'websockets', {}, ['wss']],
    ['engine.io, which goes over to a WebSocket', 'engine.io', {}, ['https', 'wss']],
    ['engine.io by polling', 'engine.io', { transport: { transports: ['polling'] } }, ['https']],
    ['sockjs', 'sockjs', {}, ['https', 'wss']],
    ['sockjs by a stream', 'sockjs', { transport: { transports: ['xhr-streaming'] } }, ['https']],
    ['sockjs by polling', 'sockjs', { transport: { transports: ['xhr-polling'] } }, ['https']],
    ['socket.io', 'socket.io', {}, ['https', 'wss']],
    ['socket.io by polling', 'socket.io', { transport: { transports: ['xhr-polling'] } }, ['https']]
]) {
    test(`a page by https gives a client that echoes: ${name}`, async context => {
        for (const compression of [[], ['--compression']]) {
            const { url } = await secure(context, '--transformer', transformer, ...compression);
            const seen = new Set();
            const page = await visit(context, client(url, { options: given }));
            page.on('Network.requestWillBeSent', ({ request }) => seen.add(new URL(request.url).protocol));
            page.on('Network.webSocketCreated', ({ url }) => seen.add(new URL(url).protocol));
            // From here on nothing is missed.
            const loaded = page.once('Page.loadEventFired');
            await page.send('Page.reload');
            await loaded;
            await page.told('open');
            await page.evaluate(values => values.forEach(value => primus.write(value)), VALUES);
            for (const value of VALUES) assert.deepEqual((await page.told('data'))[1], value);
            await page.evaluate(() => primus.end());
            await page.told('end');
            assert.deepEqual(page.problems, []);
            for (const scheme of schemes) assert(seen.has(`${scheme}:`), `${[...seen]} without ${scheme}`);
            assert(!seen.has('http:') && !seen.has('ws:'), `${[...seen]}`);
        }
    });
}

test('a certificate that is not trusted is refused', async context => {
    const { url } = await secure(context);
    const strict = await Chromium.launch();
    context.after(() => strict.close());
    const page = await strict.page();
    const { errorText } = await page.send('Page.navigate', { url: `${url}/` });
    assert.match(errorText, /CERT_AUTHORITY_INVALID/);
});
