'use strict';
// What the browser client costs beside that of the npm package `primus` 8.0.9:
// the same server, the same Node.js and Chromium, one after the other. Not a test:
// the figures depend on the machine, their ratios hardly.
//
//     node tests/library/bench.js target/release/examples/echo
//
// It wants the packages of `../interop/node-server` (`npm ci` there), and
// `chromium`.

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const { tmpdir } = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const ROUNDS = 7;
const PACKAGES = path.join(__dirname, '../interop/node-server/node_modules');

// The two clients have the same `ws` under Node.js: the one that is installed today, and
// the one that Primus 8.0.9 was made with, which makes a microtask of each message.
const TODAY = path.join(PACKAGES, 'engine.io/node_modules');
const version = folder => require(path.join(folder, 'ws/package.json')).version;

// What is measured in a process of its own: it prints its figure.
const WORK = {
    async receive(client) {
        return cpu(done => {
            let count = 0;
            client.on('data', () => { if (++count === 100_000) done(); });
            client.write('broadcast:100000:20');
        });
    },
    async echo(client) {
        return cpu(done => {
            let left = 50_000;
            client.on('data', () => {
                left -= 1;
                if (left >= 64) client.write({ number: left });
                if (left === 0) done();
            });
            for (let at = 0; at < 64; at += 1) client.write({ number: at });
        });
    },
    // From the first byte to `open`, in microseconds.
    async open(_, Primus, url) {
        const times = [];
        for (let at = 0; at < 200; at += 1) {
            const start = process.hrtime.bigint();
            const client = new Primus(url, { strategy: false });
            await new Promise(resolve => client.on('open', resolve));
            times.push(Number(process.hrtime.bigint() - start) / 1000);
            client.end();
        }
        return median(times);
    }
};

/** Milliseconds of this process's CPU until `work` is done. */
async function cpu(work) {
    const before = process.cpuUsage();
    await new Promise(work);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
}

function median(numbers) {
    return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

async function child([file, work, url]) {
    const Primus = require(file);
    const client = new Primus(url, { strategy: false });
    await new Promise(resolve => client.on('open', resolve));
    console.log(await WORK[work](client, Primus, url));
    process.exit(0);
}

function measure(file, work, url, packages) {
    const options = { env: { ...process.env, NODE_PATH: packages }, encoding: 'utf8' };
    return Number(execFileSync(process.execPath, [__filename, '--child', file, work, url], options));
}

/** Bytes of the heap of a page for each of 200 clients that are idle. */
async function heap(browser, file, url) {
    const site = http.createServer((request, response) => {
        const isScript = request.url === '/client.js';
        response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
        response.end(isScript ? require('node:fs').readFileSync(file) : '<script src="/client.js"></script>');
    });
    site.listen(0, '127.0.0.1');
    await once(site, 'listening');
    const page = await browser.page();
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    const used = async () => {
        for (let at = 0; at < 3; at += 1) await page.send('HeapProfiler.collectGarbage');
        return (await page.send('Runtime.getHeapUsage')).usedSize;
    };
    const connect = count => page.evaluate((url, count) => {
        window.clients ??= [];
        const opened = Array.from({ length: count }, () => new Promise(resolve => {
            const client = new Primus(url);
            client.on('open', resolve);
            window.clients.push(client);
        }));
        return Promise.all(opened).then(() => count);
    }, url, count);
    await connect(1);
    const before = await used();
    await connect(200);
    const each = (await used() - before) / 200;
    await page.close();
    site.close();
    site.closeAllConnections();
    return each;
}

/** How many connections 1,000 clients make after their server was gone for two
 * seconds, until all are back. */
async function reconnects(file, url) {
    const script = `
        const Primus = require(${JSON.stringify(file)});
        let open = 0;
        for (let at = 0; at < 1000; at += 1) {
            new Primus(${JSON.stringify(url)}).on('open', () => { if (++open % 1000 === 0) console.log(open); });
        }`;
    const sockets = new Set();
    let made = 0;
    const target = new URL(url);
    const backend = process.env.BENCH_BACKEND;
    const listen = async () => {
        const server = net.createServer(near => {
            made += 1;
            const far = net.connect(Number(backend), '127.0.0.1');
            for (const socket of [near, far]) {
                sockets.add(socket);
                socket.on('error', () => {}).on('close', () => { sockets.delete(socket); near.destroy(); far.destroy(); });
            }
            near.pipe(far);
            far.pipe(near);
        });
        server.listen(Number(target.port), '127.0.0.1', 4096);
        await once(server, 'listening');
        return server;
    };
    const first = await listen();
    const process_ = spawn(process.execPath, ['-e', script], {
        env: { ...process.env, NODE_PATH: PACKAGES }, stdio: ['ignore', 'pipe', 'inherit']
    });
    const lines = readline.createInterface({ input: process_.stdout });
    await once(lines, 'line');
    made = 0;
    first.close();
    for (const socket of sockets) socket.destroy();
    await new Promise(resolve => setTimeout(resolve, 2000));
    const second = await listen();
    await once(lines, 'line');
    process_.kill();
    second.close();
    for (const socket of sockets) socket.destroy();
    return made;
}

async function main([echo]) {
    if (!echo) throw new Error('usage: node bench.js PATH/OF/examples/echo');
    // Before anything is started that would outlive a package that is missing.
    const Primus = require(path.join(PACKAGES, 'primus'));
    const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
    const server = spawn(echo, ['--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(readline.createInterface({ input: server.stdout }), 'line');
    const url = line.match(/http:\/\/\S+/)[0];
    const ours = path.join(folder, 'ours.js');
    writeFileSync(ours, await (await fetch(`${url}/primus/primus.js`)).text());
    const npm = path.join(folder, 'npm.js');
    const made = new Primus(http.createServer(), { transformer: 'websockets' });
    writeFileSync(npm, made.library());

    const show = (name, unit, mine, theirs) => {
        const ratio = (mine / theirs).toFixed(2);
        console.log(`${name.padEnd(44)} ${mine.toFixed(0).padStart(8)} ${theirs.toFixed(0).padStart(8)} ${unit.padEnd(8)} ${ratio}`);
    };
    console.log(`${''.padEnd(44)} ${'ours'.padStart(8)} ${'npm'.padStart(8)} ${''.padEnd(8)} ratio`);
    const names = { receive: '  receive 100,000 small messages, CPU', echo: '  echo 50,000, CPU', open: '  from nothing to open' };
    for (const packages of [TODAY, PACKAGES]) {
        console.log(`ws ${version(packages)}:`);
        for (const [work, name] of Object.entries(names)) {
            const [mine, theirs] = [[], []];
            for (let round = 0; round < ROUNDS; round += 1) {
                mine.push(measure(ours, work, url, packages));
                theirs.push(measure(npm, work, url, packages));
            }
            show(name, work === 'open' ? 'us' : 'ms', median(mine), median(theirs));
        }
    }
    const { Chromium } = require('../browser/chromium.js');
    const browser = await Chromium.launch();
    show('heap of a page, each of 200 idle clients', 'bytes', await heap(browser, ours, url), await heap(browser, npm, url));
    await browser.close();
    process.env.BENCH_BACKEND = new URL(url).port;
    const free = net.createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const front = `http://127.0.0.1:${free.address().port}`;
    free.close();
    show('connections of 1,000 clients after a restart', '', await reconnects(ours, front), await reconnects(npm, front));
    made.destroy({ close: false });
    server.kill();
    rmSync(folder, { recursive: true, force: true });
    process.exit(0);
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--child') child(rest);
else main([first, ...rest]);
