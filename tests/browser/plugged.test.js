'use strict';
// A server of this crate with all plugins, and pages: with the client that it gives to
// them, and with that of the npm package and its own client halves.

const assert = require('node:assert/strict');
const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Chromium } = require('./chromium.js');
const { visit } = require('./servers.js');

const load = createRequire(path.join(process.env.PRIMUS_MODULES, 'package.json'));
const urls = JSON.parse(process.env.PRIMUS_PLUGGED);
const TRANSFORMERS = ['websockets', 'engine.io', 'sockjs'];

let browser;
before(async () => { browser = await Chromium.launch(); });
after(() => browser.close());

const html = heads => `<!doctype html><title>plugins</title>${heads.map(src => `<script src="${src}"></script>`).join('')}<script>tell(JSON.stringify(["loaded"]))</script>`;

async function loaded(context, content) {
    const page = await visit(browser, context, content);
    await page.told('loaded');
    return page;
}

/** What a page does with all halves of ours. */
async function useAll(url, room) {
    const next = (from, event) => new Promise(done => from.once(event, (...args) => done(args)));
    const said = from => next(from, 'data').then(([data]) => data);
    const hits = [];
    const options = { reconnect: { min: 20, max: 100 }, analytics: { report: hit => hits.push(hit.eventAction) } };
    const got = {};

    const client = new Primus(url, options);
    const other = new Primus(url, { mirage: 'the other' });
    [[got.mirage]] = await Promise.all([next(client, 'mirage'), next(other, 'open')]);
    got.ack = await client.sendAck('ask', 'who', [1]);
    client.emit('there', { two: [2] });
    got.back = await next(client, 'back');
    client.on('question', (...args) => args.pop()('answer'));
    client.send('call me');
    got.heard = await next(client, 'heard');
    got.request = await client.request('x');
    got.ids = [(await client.sendAck('who am i'))[0] === got.mirage, await other.sendAck('who am i')];

    for (const each of [client, other]) {
        each.write({ do: 'join', room });
        await said(each);
    }
    const heard = [said(client), said(other)];
    other.write({ do: 'write', room, what: { to: 'the room' } });
    got.room = await Promise.all(heard);
    const news = [next(client, 'news'), next(other, 'news')];
    client.write({ do: 'send', room, what: 1 });
    got.events = await Promise.all(news);

    const stream = client.substream('foo');
    stream.write([0]);
    got.stream = await said(stream);
    got.inside = await stream.sendAck('ask', 'inside');
    const channel = client.channel('news');
    got.greeting = await said(channel);
    channel.write('today');
    got.channel = await said(channel);
    const all = next(channel, 'news');
    channel.write('all');
    got.all = await all;
    const sums = client.resource('sums');
    [, got.methods] = await next(sums, 'ready');
    got.sum = await sums.call('add', 1, 2);

    const greeted = said(channel);
    const back = next(client, 'reconnected');
    client.write({ do: 'away' });
    await back;
    got.again = [await greeted, await sums.call('add', 3, 4)];
    client.destroy();
    other.destroy();
    got.hits = [...new Set(hits)];
    return got;
}

for (const transformer of TRANSFORMERS) {
    test(`all halves of this crate, as its server gives them: ${transformer}`, async context => {
        const url = urls[`all-${transformer}`];
        const page = await loaded(context, html([`${url}/primus/primus.js`]));
        const { mirage, hits, ...got } = await page.evaluate(useAll, url, `page ${transformer}`);
        assert.match(mirage, /^[\da-f]{16}$/);
        assert.deepEqual(got, {
            ack: ['who', [1]],
            back: [{ two: [2] }],
            heard: ['answer'],
            request: { got: 'x' },
            ids: [true, ['the other']],
            room: [{ to: 'the room' }, { to: 'the room' }],
            events: [[1], [1]],
            stream: { echo: [0] },
            inside: ['inside'],
            greeting: 'hi',
            channel: { echo: 'today' },
            all: ['for all'],
            methods: ['add'],
            sum: [3],
            again: ['hi', [7]]
        });
        for (const hit of ['open', 'there', 'write', 'close', 'reconnect-start', 'reconnected']) assert.ok(hits.includes(hit), `${hits}`);
        assert.deepEqual(page.problems, []);
    });
}

/** What a page does with the history of rooms: `cut` says how often it is thrown off. */
async function comeBack(url, cuts) {
    const next = (from, event) => new Promise(done => from.once(event, (...args) => done(args)));
    const options = { reconnect: { min: 10, max: 50, retries: Infinity } };
    const [client, other] = [new Primus(url, options), new Primus(url, options)];
    const got = [], told = [], seen = [];
    client.on('data', data => got.push(data));
    client.on('recovered', (room, whole, count) => told.push([room, whole, count]));
    other.on('data', data => seen.push(data));
    // What is asked behind the first word is answered behind the answer.
    for (const each of [client, other]) await new Promise(done => each.id(done));
    const write = async what => {
        const heard = next(other, 'data');
        other.write({ do: 'write', room: 'news', what });
        await heard;
    };

    const there = next(client, 'data');
    await write('there');
    await there;
    client.end();
    await write('missed');
    await write('missed, too');
    const back = next(client, 'recovered');
    client.open();
    await back;
    const first = { got: got.splice(0), told: told.splice(0) };
    for (let n = 0; n < cuts; n++) {
        const again = next(client, 'recovered');
        client.write({ do: 'away' });
        for (const part of [1, 2, 3]) await write(n * 3 + part);
        await again;
    }
    await write('last');
    while (got.at(-1) !== 'last') await next(client, 'data');
    const torn = told.filter(([, whole]) => !whole);
    client.destroy();
    other.destroy();
    return { first, got, torn };
}

for (const transformer of TRANSFORMERS) {
    test(`a page that comes back gets what it missed: ${transformer}`, async context => {
        const url = urls[`history-${transformer}`];
        const page = await loaded(context, html([`${url}/primus/primus.js`]));
        const { first, got, torn } = await page.evaluate(comeBack, url, 5);
        assert.deepEqual(first.got, ['there', 'missed', 'missed, too']);
        assert.deepEqual(first.told.find(([room]) => room === 'news'), ['news', true, 2]);
        assert.deepEqual(got, [...Array.from({ length: 15 }, (_, n) => n + 1), 'last']);
        assert.deepEqual(torn, []);
        assert.deepEqual(page.problems, []);
    });
}

/** The client of the npm package for pages, with plugins by their names. */
function library(transformer, plugins) {
    const primus = new (load('primus'))(http.createServer(), { transformer, pingInterval: false });
    for (const [name, module] of Object.entries(plugins)) primus.plugin(name, load(module));
    const text = primus.library();
    primus.destroy();
    return text;
}

/** What a page does with the halves of npm, as many as go with each other. */
const uses = {
    // Functions whose source stands alone.
    emit: async function (url) {
        const next = (from, event) => new Promise(done => from.once(event, (...args) => done(args)));
        const hits = [];
        window.ga = (_, hit) => hits.push(hit.eventAction);
        const client = new Primus(url, { analytics: { category: 'test' } });
        await next(client, 'open');
        while (!client.mirage) await new Promise(done => setTimeout(done, 5));
        client.emit('there', 1, { two: 2 });
        const back = await next(client, 'back');
        const stream = client.substream('foo');
        stream.write({ m: 1 });
        const [echo] = await next(stream, 'data');
        stream.write('end it');
        await next(stream, 'end');
        const id = client.mirage;
        const again = next(client, 'reconnected');
        client.write({ do: 'away' });
        await again;
        client.emit('there', 'again');
        const last = await next(client, 'back');
        const kept = client.mirage === id;
        client.end();
        return { back, echo, last, kept, hits: [...new Set(hits)] };
    },

    emitter: async function (url) {
        const next = (from, event) => new Promise(done => from.once(event, (...args) => done(args)));
        const acked = (from, ...args) => new Promise(done => from.send(...args, (...answer) => done(answer)));
        const client = new Primus(`${url}?_mirage=known`, { use_clock_offset: true });
        await next(client, 'open');
        const ack = await acked(client, 'ask', { a: 1 });
        client.on('question', done => done('answer'));
        client.send('call me');
        const heard = await next(client, 'heard');
        const request = await new Promise(done => client.writeAndWait('x', done));
        const channel = client.channel('news');
        const [greeting] = await next(channel, 'data');
        const inside = await acked(channel, 'ask', 'inside');
        const sums = client.resource('sums');
        const [, methods] = await next(sums, 'ready');
        const sum = await new Promise(done => sums.add(1, 2, done));
        client.write({ do: 'join', room: url });
        await next(client, 'data');
        const news = next(client, 'news');
        client.write({ do: 'send', room: url, what: 'to the room' });
        const room = await news;
        channel.end();
        client.end();
        return { ack, heard, request, greeting, inside, methods, sum, room };
    }
};

const sets = {
    emit: { emit: 'primus-emit', mirage: 'mirage', substream: 'substream', analytics: 'primus-analytics' },
    emitter: { emitter: 'primus-emitter', responder: 'primus-responder', multiplex: 'primus-multiplex', resource: 'primus-resource', latency: 'primus-spark-latency' }
};

const wanted = {
    emit: {
        back: [1, { two: 2 }], echo: { echo: { m: 1 } }, last: ['again'], kept: true,
        hits: ['open', 'there', 'write', 'close', 'reconnect-start', 'reconnected']
    },
    emitter: {
        ack: [{ a: 1 }], heard: ['answer'], request: { got: 'x' }, greeting: 'hi', inside: ['inside'],
        methods: ['add'], sum: 3, room: ['to the room']
    }
};

for (const transformer of ['websockets', 'engine.io']) {
    for (const [set, plugins] of Object.entries(sets)) {
        test(`the halves of npm in its own client, ${Object.keys(plugins).join(', ')}: ${transformer}`, async context => {
            const page = await loaded(context, { '/': html(['/npm.js']), '/npm.js': library(transformer, plugins) });
            assert.deepEqual(await page.evaluate(uses[set], urls[`all-${transformer}`]), wanted[set]);
            assert.deepEqual(page.problems, []);
        });
    }
}
