'use strict';
// What a browser does to a page, and what becomes of the page's connections.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { after, before, test } = require('node:test');
const { Chromium, within } = require('./chromium.js');
const { client, example, pages, wire } = require('./servers.js');

const by = (transformer, transport) => ({
    name: `${transformer} by ${transport}`, transformer, options: { transport: { transports: [transport], timeout: 20_000 } }
});
// Those that say goodbye by a request, which the poll that stands is answered upon.
const POLLED = [by('engine.io', 'polling'), by('socket.io', 'xhr-polling')];
const WAYS = [
    { name: 'websockets', transformer: 'websockets', options: {} },
    { name: 'engine.io', transformer: 'engine.io', options: {} },
    ...POLLED,
    ...['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'].map(transport => by('sockjs', transport)),
    by('socket.io', 'websocket')
];

// Those that send by requests.
const SENT = [...POLLED, by('sockjs', 'xhr-streaming')];

let browser;
before(async () => {
    // Hidden pages have their timers slowed down to one a minute after minutes;
    // here after seconds.
    browser = await Chromium.launch('--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/2');
});
after(() => browser.close());

async function open(context, { transformer, options }, ...echoOptions) {
    const echo = await example('echo', '--port', '0', '--transformer', transformer, ...echoOptions);
    const between = await wire(echo.url);
    // Not of the page's first time, which may come before or after `open`.
    const before = `addEventListener('pageshow', ({ persisted }) => {
        const came = performance.getEntriesByType('navigation')[0].type;
        if (persisted || came === 'back_forward') {
            tell(JSON.stringify(['pageshow', persisted, performance.now()]));
        }
    });
    let beat = performance.now();
    let slowest = 0;
    setInterval(() => {
        slowest = Math.max(slowest, performance.now() - beat);
        beat = performance.now();
    }, 100);`;
    const site = await pages({
        '/': client(between.url, { options, before }),
        '/away': '<title>away</title>elsewhere'
    });
    const page = await browser.page();
    context.after(async () => {
        await page.close();
        site.stop();
        between.stop();
        await echo.stop();
    });
    await page.goto(`${site.url}/`);
    await page.told('open');
    return { page, between, site, echo };
}

async function echoes(page, text) {
    await page.evaluate(text => { primus.write(text); }, text);
    assert.deepEqual(await page.told('data'), ['data', text]);
}

for (const way of WAYS) {
    test(`a page that is put away ends its connection, and is connected soon after it comes back: ${way.name}`, async context => {
        const { page, between, site } = await open(context, way);
        await echoes(page, 'before');
        const told = POLLED.includes(way) ? 'request' : 'end';
        let shown;
        for (let times = 1, kept = false; !kept; times += 1) {
            const ended = within(once(between, told), 'the end');
            await page.goto(`${site.url}/away`);
            await ended;
            await page.back();
            [, kept, shown] = await page.told('pageshow');
            await page.told('open');
            // Chromium lets go of a page in which a script still runs when it is put
            // away ("JavaScriptExecution"), as on a busy machine; it is loaded again.
            assert.ok(kept || times < 20, 'the page was kept');
        }
        const passed = await page.evaluate(shown => performance.now() - shown, shown);
        assert.ok(passed < 1000, `open after ${passed} ms`);
        await echoes(page, 'after');
        assert.deepEqual(page.problems, []);
    });

    test(`a page that is closed ends its connection at once: ${way.name}`, async context => {
        const { page, between } = await open(context, way);
        const told = POLLED.includes(way) ? 'request' : 'end';
        const ended = within(once(between, told), 'the end', 5_000);
        await page.goto('about:blank');
        await ended;
    });
}

for (const way of SENT) {
    test(`what was written last arrives, however long it is: ${way.name}`, async context => {
        const { page, site } = await open(context, way);
        const other = await browser.page();
        context.after(() => other.close());
        await other.goto(`${site.url}/`);
        await other.told('open');
        // More than the 64 KiB that a browser lets a page leave behind.
        await page.evaluate(() => {
            primus.write('x'.repeat(200_000));
            primus.end('broadcast:1:7');
        });
        assert.deepEqual(await other.told('data'), ['data', 'x'.repeat(7)]);
    });
}

test('pages that are hidden for minutes stay connected', async context => {
    // The server pings every two seconds; timers fire once a second, and after a while once a minute.
    const opened = await Promise.all(WAYS.map(way => open(
        context, { ...way, options: { ...way.options, pingTimeout: 5000 } }, '--ping-interval', '2000'
    )));
    const front = await browser.page();
    await front.show();
    await Promise.all(opened.map(({ page }) => page.evaluate(() => new Promise(resolve => {
        const look = () => document.hidden && resolve();
        document.addEventListener('visibilitychange', look);
        look();
    }))));
    // When it begins to slow them down is the browser's affair, so the pages are asked.
    await Promise.all(opened.map(async ({ page }) => {
        const started = Date.now();
        let slowest = 0;
        while (slowest < 40_000) {
            assert.ok(Date.now() - started < 240_000, `a timer was no later than ${slowest} ms in four minutes`);
            await new Promise(resolve => setTimeout(resolve, 2000));
            slowest = await page.evaluate('Math.max(slowest, performance.now() - beat)');
        }
    }));
    for (const { page } of opened) {
        await page.show();
        await echoes(page, 'awake');
        const lost = page.all.filter(([event]) => /^(close|end|offline|reconnect)/.test(event));
        assert.deepEqual(lost, []);
    }
    await front.close();
});

for (const way of WAYS) {
    test(`two tabs do not wait for each other: ${way.name}`, async context => {
        const { page, site } = await open(context, way);
        const other = await browser.page();
        context.after(() => other.close());
        await other.goto(`${site.url}/`);
        await other.told('open');
        // A held poll of the one would keep the other's from being answered.
        for (let round = 0; round < 3; round += 1) {
            const start = Date.now();
            await Promise.all([echoes(page, `one ${round}`), echoes(other, `two ${round}`)]);
            assert.ok(Date.now() - start < 5_000);
        }
    });
}

for (const way of SENT) test(`a message is delivered once, also when its connection had been idle until the server closed it: ${way.name}`, async context => {
    // The browser repeats a POST that goes out on a connection which is closed at
    // the same time; a kept one is closed after six seconds.
    const { page, echo } = await open(context, way);
    // No more than six connections are made to one port.
    const ways = await Promise.all(Array.from({ length: 24 }, () => wire(echo.url)));
    context.after(() => ways.forEach(way => way.stop()));
    await page.evaluate((urls, options) => {
        window.counts = {};
        window.others = urls.map((url, at) => {
            const other = new Primus(url, options);
            other.on('data', () => { counts[at] = (counts[at] ?? 0) + 1; });
            // The first POST opens the connection that is kept.
            other.on('open', () => other.write('first'));
            return other;
        });
    }, ways.map(way => way.url), way.options);
    await page.evaluate(() => Promise.all(others.map((other, at) => new Promise(resolve => {
        other.once('data', () => setTimeout(() => { other.write('second'); }, 5_800 + at * 15));
        other.on('data', () => { if (counts[at] === 2) resolve(); });
    }))));
    // Whatever was repeated has come when another has been there and back.
    await page.evaluate(() => Promise.all(others.map(other => new Promise(resolve => {
        other.on('data', data => { if (data === 'third') resolve(); });
        other.write('third');
    }))));
    assert.deepEqual(await page.evaluate(() => Object.values(counts)), Array(24).fill(3));
    assert.deepEqual(page.problems, []);
});
