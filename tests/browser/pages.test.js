'use strict';
// The pages of the examples, used as people do. With PRIMUS_PICTURES naming a
// folder their pictures are left there.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Chromium } = require('./chromium.js');
const { example, pages } = require('./servers.js');

let browser;
before(async () => { browser = await Chromium.launch(); });
after(() => browser.close());

const MARKUP = '<img src=x onerror="tell(1)"><b>bold</b>';

async function picture(page, name) {
    if (process.env.PRIMUS_PICTURES) await page.screenshot(path.join(process.env.PRIMUS_PICTURES, `${name}.png`));
}

async function open(context, url, how) {
    const page = await browser.page(how);
    context.after(() => page.close());
    await page.goto(url);
    return page;
}

async function start(context, name, ...options) {
    const server = await example(name, ...options);
    context.after(() => server.stop());
    return server;
}

/** Types into a field, by its label or placeholder's element, and presses a key. */
async function type(page, id, text, key) {
    await page.evaluate(id => {
        document.getElementById(id).focus();
        document.getElementById(id).select();
    }, id);
    await page.send('Input.insertText', { text });
    if (key) {
        const event = { key, code: key, windowsVirtualKeyCode: 13, text: '\r' };
        await page.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
        await page.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
    }
}

async function join(context, url, name, how) {
    const page = await open(context, url, how);
    await type(page, 'name', name, 'Enter');
    await page.until(() => !document.getElementById('room').hidden);
    return page;
}

const texts = page => page.evaluate(() => [...document.querySelectorAll('#log .text')].map(one => one.textContent));
const sees = (page, text) => page.until(text => [...document.querySelectorAll('#log li:not(.pending) .text')]
    .some(one => one.textContent === text), text);
const people = (page, names) => page.until(names => names === JSON.stringify(
    [...document.querySelectorAll('#people .name')].map(one => one.textContent).sort()), JSON.stringify(names));

test('two people chat; markup stays text; who closes the page is gone at once', async context => {
    const { url } = await start(context, 'chat', '127.0.0.1:0');
    const ada = await join(context, url, 'Ada');
    const bob = await join(context, url, MARKUP.slice(0, 32), { phone: true, dark: true });
    await people(ada, [MARKUP.slice(0, 32), 'Ada'].sort());
    await type(ada, 'text', 'Good morning', 'Enter');
    await sees(bob, 'Good morning');
    await type(bob, 'text', MARKUP, 'Enter');
    await sees(ada, MARKUP);
    await type(ada, 'text', 'Shall we look at the readings of the new sensors? They came in last night.', 'Enter');
    await sees(bob, 'Shall we look at the readings of the new sensors? They came in last night.');
    assert.equal(await ada.evaluate(() => document.querySelectorAll('#log img, #log b, #people b').length), 0);
    await picture(ada, 'chat-wide');
    await picture(bob, 'chat-phone-dark');
    await bob.evaluate(() => { location.href = 'about:blank'; }).catch(() => {});
    await people(ada, ['Ada']);
    assert.deepEqual([ada.problems, bob.problems, bob.all], [[], [], []]);
});

test('a chat that loses its server goes on where it was', async context => {
    const server = await example('chat', '127.0.0.1:0');
    const ada = await join(context, server.url, 'Ada');
    await type(ada, 'text', 'before', 'Enter');
    await sees(ada, 'before');
    await server.kill();
    await ada.until(() => document.getElementById('state').dataset.state === 'waiting');
    await type(ada, 'text', 'meanwhile', 'Enter');
    await picture(ada, 'chat-waiting');
    await start(context, 'chat', `127.0.0.1:${server.port}`);
    await sees(ada, 'meanwhile');
    assert.deepEqual((await texts(ada)).sort(), ['before', 'meanwhile']);
    assert.deepEqual(ada.problems, []);
});

test('a chat is used by the keyboard alone, and says no in words', async context => {
    const { url } = await start(context, 'chat', '127.0.0.1:0');
    const page = await open(context, url);
    await picture(page, 'chat-join');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'name');
    await type(page, 'name', 'Eve');
    await type(page, 'topic', '   ', 'Enter');
    await page.until(() => document.getElementById('join-error').textContent.includes('1 to 32'));
    await type(page, 'topic', 'plans', 'Enter');
    await page.until(() => document.getElementById('title').textContent === '#plans');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, textarea, ol, aside')]
        .filter(one => !one.hidden && one.offsetParent)
        .filter(one => !(one.textContent.trim() || one.labels?.length || one.getAttribute('aria-label'))).length);
    assert.equal(unnamed, 0);
});

test('who is not logged in is refused, and comes in after logging in', async context => {
    const { url } = await start(context, 'auth', '127.0.0.1:0');
    const page = await open(context, url);
    await page.evaluate(() => connect());
    await page.until(() => document.getElementById('error').textContent !== '');
    await type(page, 'user', 'ada');
    await type(page, 'password', 'wrong', 'Enter');
    await page.until(() => document.getElementById('error').textContent.startsWith('That is not'));
    await type(page, 'password', 'lovelace', 'Enter');
    await page.until(() => document.getElementById('greeting').textContent.startsWith('Hello ada'));
    await picture(page, 'auth-wide');
    await page.evaluate(() => document.getElementById('logout').click());
    await page.until(() => !document.getElementById('login').hidden);
    assert.deepEqual(page.problems, []);
});

test('layers are seen at work', async context => {
    const { url } = await start(context, 'middleware', '127.0.0.1:0');
    const page = await open(context, url, { phone: true });
    // Who is connected is told of the requests of others.
    const other = await open(context, url);
    await other.until(() => document.getElementById('state').dataset.state === 'open');
    const state = wanted => page.until(wanted => document.getElementById('state').dataset.state === wanted, wanted);
    await state('open');
    await page.evaluate(() => document.getElementById('door').click());
    await page.until(() => document.getElementById('door').textContent === 'Open the door');
    await page.evaluate(() => document.getElementById('again').click());
    await state('waiting');
    await page.evaluate(() => document.getElementById('door').click());
    await state('open');
    await other.until(() => document.getElementById('log').textContent.includes('for a WebSocket'));
    assert.deepEqual([page.problems, other.problems], [[], []]);
    // Only what is in front is painted.
    await page.show();
    await picture(page, 'middleware-phone');
    await other.show();
    await picture(other, 'middleware-wide');
});

test('the lines of the README work as they are', async context => {
    const readme = readFileSync(path.join(__dirname, '../../README.md'), 'utf8');
    const [, lines] = /```html\n([^]*?)```/.exec(readme);
    const { url } = await start(context, 'echo', '--port', '0');
    const site = await pages({ '/': lines.replaceAll('http://127.0.0.1:8080', url) });
    context.after(() => site.stop());
    const page = await open(context, site.url);
    await page.until(() => document.body?.textContent.includes('hello'));
    assert.deepEqual(page.problems, []);
});

test('a dashboard shows readings as they come', async context => {
    const { url } = await start(context, 'dashboard', '127.0.0.1:0');
    const wide = await open(context, url);
    const phone = await open(context, url, { phone: true, dark: true });
    for (const page of [wide, phone]) {
        await page.show();
        await page.until(() => document.querySelectorAll('.plot .line[d*=L]').length >= 3);
        await page.until(() => document.getElementById('foot').textContent.startsWith('2 pages'));
        assert.equal(await page.evaluate(() => document.getElementById('state').dataset.state), 'open');
        assert.deepEqual(page.problems, []);
        await picture(page, page === wide ? 'dashboard-wide' : 'dashboard-phone-dark');
    }
});

test('the playground speaks every pair of transformer and parser', async context => {
    const { url } = await start(context, 'echo', '--port', '0');
    const page = await open(context, url);
    for (const transformer of ['websockets', 'engine.io', 'sockjs', 'socket.io']) {
        const text = ['sockjs', 'socket.io'].includes(transformer);
        for (const parser of ['json', 'ejson', 'binary', 'msgpack'].slice(0, text ? 2 : 4)) {
            await page.evaluate((transformer, parser) => {
                document.getElementById('transformer').value = transformer;
                document.getElementById('parser').value = parser;
                document.getElementById('open').click();
            }, transformer, parser);
            await page.until(() => document.getElementById('state').textContent === 'open');
            await page.until(() => document.getElementById('id').textContent.length > 1);
            await page.evaluate(() => document.getElementById('send').click());
            await page.until(() => document.getElementById('received').textContent !== '0'
                && document.getElementById('latency').textContent.endsWith('ms'));
        }
    }
    await page.evaluate(() => {
        document.getElementById('parser').value = 'msgpack';
        document.getElementById('open').click();
    });
    await page.until(() => document.getElementById('connect-error').textContent.includes('text only'));
    await page.evaluate(() => {
        document.getElementById('parser').value = 'json';
        document.getElementById('open').click();
    });
    await page.until(() => document.getElementById('state').textContent === 'open');
    await page.evaluate(markup => {
        document.getElementById('message').value = JSON.stringify(markup);
        document.getElementById('send').click();
    }, MARKUP);
    // Once as it goes out and once as it comes back.
    await page.until(markup => document.getElementById('log').textContent.split(markup).length > 2, '<b>bold</b>');
    assert.deepEqual([await page.evaluate(() => document.querySelectorAll('img, #log b').length), page.all], [0, []]);
    await page.evaluate(() => document.getElementById('cut').click());
    await page.until(() => document.getElementById('reconnects').textContent === '1');
    await page.evaluate(() => document.getElementById('offline').click());
    await page.until(() => document.getElementById('state').textContent !== 'open');
    await page.evaluate(() => document.getElementById('offline').click());
    await page.until(() => document.getElementById('state').textContent === 'open');
    await picture(page, 'playground-wide');
    const phone = await open(context, url, { phone: true, dark: true });
    await picture(phone, 'playground-phone-dark');
    assert.deepEqual([page.problems, phone.problems], [[], []]);
});

const cluster = (context, port = 0) => start(context, 'cluster', '--port', String(port), '--redis', process.env.PRIMUS_REDIS);
const hears = (page, text) => page.until(text => [...document.querySelectorAll('#log li:not(.pending) .text')]
    .some(one => one.textContent === text), text);
const notes = (page, text) => page.until(text => [...document.querySelectorAll('#log .note')]
    .some(one => one.textContent.includes(text)), text);
const shows = (page, counts) => page.until(counts => counts === [...document.querySelectorAll('.server')]
    .map(server => server.querySelectorAll('.people button').length).sort().join(), counts);

test('people on two servers, one of which dies and comes back', { skip: !process.env.PRIMUS_REDIS }, async context => {
    const first = await cluster(context);
    const second = await example('cluster', '--port', '0', '--redis', process.env.PRIMUS_REDIS);
    const ada = await join(context, first.url, 'Ada');
    const markup = MARKUP.slice(0, 32);
    const bob = await join(context, second.url, markup, { phone: true, dark: true });
    await shows(ada, '1,1');
    await shows(bob, '1,1');
    await type(ada, 'text', 'Is the new release on both servers?', 'Enter');
    await hears(bob, 'Is the new release on both servers?');
    await type(bob, 'text', MARKUP, 'Enter');
    await hears(ada, MARKUP);
    assert.equal(await ada.evaluate(() => document.querySelectorAll('#log img, #log b, .people b').length), 0);
    // To one, by the button with their name.
    await ada.evaluate(name => [...document.querySelectorAll('.people button')].find(one => one.textContent === name).click(), markup);
    assert.equal(await ada.evaluate(() => document.getElementById('to').value), markup);
    await type(ada, 'text', 'Only for you', 'Enter');
    await hears(bob, 'Only for you');
    assert.equal(await bob.evaluate(() => document.querySelectorAll('#log .private').length), 1);
    const unnamed = await ada.evaluate(() => [...document.querySelectorAll('button, input, select, ol, aside')]
        .filter(one => one.offsetParent)
        .filter(one => !(one.textContent.trim() || one.labels?.length || one.getAttribute('aria-label'))).length);
    assert.equal(unnamed, 0);
    await ada.show();
    await picture(ada, 'cluster-wide');
    await bob.show();
    await picture(bob, 'cluster-phone-dark');
    // It dies without a word: the others find out, and its people come back to what they missed.
    await second.kill();
    await bob.until(() => document.getElementById('state').dataset.state === 'waiting');
    await notes(ada, 'has gone');
    await type(ada, 'text', 'Said while one was away', 'Enter');
    await hears(ada, 'Said while one was away');
    await picture(bob, 'cluster-waiting');
    await cluster(context, second.port);
    await hears(bob, 'Said while one was away');
    await shows(ada, '1,1');
    assert.equal(await bob.evaluate(() => [...document.querySelectorAll('#log .note')]
        .filter(one => one.textContent.includes('missed')).length), 0);
    assert.deepEqual([ada.problems, bob.problems], [[], []]);
});
