'use strict';
// All client halves of this crate's plugins in a page, against JavaScript servers with
// the npm plugins.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Chromium } = require('./chromium.js');
const { visit } = require('./servers.js');

const load = createRequire(path.join(process.env.PRIMUS_MODULES, 'package.json'));
const Server = load('primus');

let browser;
before(async () => { browser = await Chromium.launch(); });
after(() => browser.close());

/** A server with npm plugins, by their names. */
async function serving(context, plugins, prepare) {
    const server = http.createServer();
    const primus = new Server(server, { transformer: 'websockets' });
    for (const [name, module] of Object.entries(plugins)) primus.plugin(name, load(module));
    prepare(primus);
    await new Promise(done => server.listen(0, '127.0.0.1', done));
    context.after(() => new Promise(done => primus.destroy({ close: true }, done)));
    return `http://127.0.0.1:${server.address().port}`;
}

const emitting = context => serving(context, { emit: 'primus-emit' }, primus => {
    primus.on('connection', spark => spark.on('there', (...args) => spark.emit('back', ...args)));
});

// Both cannot be on one JavaScript server, and mirage not on the first beside this.
const emitter = context => serving(context, {
    mirage: 'mirage', emitter: 'primus-emitter', responder: 'primus-responder', substream: 'substream',
    multiplex: 'primus-multiplex', resource: 'primus-resource'
}, primus => {
    primus.channel('news').on('connection', spark => spark.on('data', data => spark.write(`news of ${data}`)));
    primus.resource('sums', { onadd: (spark, a, b, done) => done(a + b) });
    primus.on('connection', spark => {
        spark.on('ask', (question, ack) => ack(`${question}!`));
        spark.on('request', (data, done) => done({ got: data }));
        const stream = spark.substream('foo');
        stream.on('data', data => stream.write({ echo: data }));
        spark.on('away', () => spark.end(undefined, { reconnect: true }));
    });
});

const files = Object.fromEntries(['primus.js', 'primus.mjs'].map(name => [`/${name}`, readFileSync(path.join(process.env.PRIMUS_PLUGINS, name), 'utf8')]));

const forms = {
    'a script': '<script src="/primus.js"></script><script>tell(JSON.stringify(["loaded"]))</script>',
    'a module': '<script type="module">import Primus from "/primus.mjs"; window.Primus = Primus; tell(JSON.stringify(["loaded"]));</script>'
};

/** What the page does with them. */
async function use(emitting, emitter) {
    const next = (from, event) => new Promise(done => from.once(event, (...args) => done(args)));
    const reported = [];
    const options = { reconnect: { min: 20, max: 100 }, analytics: { report: hit => reported.push(hit.eventAction) } };
    const got = {};

    const first = new Primus(emitting, { ...options, mirage: 'known' });
    first.emit('there', 1, { two: [2] });
    got.emit = await next(first, 'back');
    got.reported = reported.slice();
    first.destroy();

    const client = window.client = new Primus(emitter, options);
    [got.mirage] = await next(client, 'mirage');
    got.ack = await client.sendAck('ask', 'who');
    got.request = await client.request('x');
    const stream = client.substream('foo');
    stream.write([0]);
    [got.stream] = await next(stream, 'data');
    const news = client.channel('news');
    news.write('today');
    [got.news] = await next(news, 'data');
    const sums = client.resource('sums');
    [, got.methods] = await next(sums, 'ready');
    got.sum = await sums.call('add', 1, 2);

    const failed = client.sendAck('nobody').catch(error => error.message);
    client.send('away');
    got.failed = await failed;
    news.write('then');
    [got.then] = await next(news, 'data');
    got.again = await sums.call('add', 3, 4);
    got.data = client.listeners('data').length;
    client.destroy();
    got.over = [news.write('x'), stream.write('x'), await client.request('x').catch(error => error.message)];
    return got;
}

for (const [form, head] of Object.entries(forms)) {
    test(`all client halves at once: ${form}`, async context => {
        const urls = await Promise.all([emitting(context), emitter(context)]);
        const page = await visit(browser, context, { '/': `<!doctype html><title>plugins</title>${head}`, ...files });
        await page.told('loaded');
        const { mirage, ...got } = await page.evaluate(use, ...urls);
        assert.match(mirage, /^[\da-f]{16}$/);
        assert.deepEqual(got, {
            emit: [1, { two: [2] }],
            reported: ['there', 'open'],
            ack: ['who!'],
            request: { got: 'x' },
            stream: { echo: [0] },
            news: 'news of today',
            methods: ['add'],
            sum: [3],
            failed: 'The connection has ended',
            then: 'news of then',
            again: [7],
            data: 0,
            over: [false, false, 'The connection has ended']
        });
        assert.deepEqual(page.problems, []);
    });
}
