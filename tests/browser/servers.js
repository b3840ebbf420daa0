'use strict';
// What the pages under test are served by: the crate's examples, and a small
// server of pages.

const { spawn } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');
const { EventEmitter, once } = require('node:events');
const readline = require('node:readline');
const path = require('node:path');
const { within } = require('./chromium.js');

/** Starts an example of the crate; `url` says where it listens. */
async function example(name, ...options) {
    const child = spawn(path.join(process.env.PRIMUS_EXAMPLES, name), options, {
        stdio: ['ignore', 'pipe', 'inherit']
    });
    const lines = readline.createInterface({ input: child.stdout });
    const [line] = await within(once(lines, 'line'), `the first line of ${name}`);
    const url = line.match(/https?:\/\/\S+/)?.[0];
    if (!url) throw new Error(`${name} said: ${line}`);
    const end = async signal => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        child.kill(signal);
        await within(gone, `the end of ${name}`);
    };
    return { url, port: new URL(url).port, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

/** Has an HTTP server listen; `url` says where. */
async function listen(server) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
        url: `http://127.0.0.1:${server.address().port}`,
        stop() {
            server.closeAllConnections();
            server.close();
        }
    };
}

/** Serves pages: an object of paths and HTML, or functions that answer. */
async function pages(content, headers = {}) {
    const server = http.createServer((request, response) => {
        const found = content[new URL(request.url, 'http://pages').pathname];
        if (typeof found === 'function') return found(request, response);
        const type = /\.m?js\b/.test(request.url) ? 'text/javascript' : 'text/html; charset=utf-8';
        response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': type, ...headers });
        response.end(found);
    });
    return listen(server);
}

/** A way to a server that tells what goes over it: `request` with the first line
 * of each, `end` when a connection of the browser's has ended. */
async function wire(url) {
    const wire = new EventEmitter();
    const sockets = new Set();
    const server = net.createServer(near => {
        const far = net.connect(new URL(url).port, '127.0.0.1');
        for (const socket of [near, far]) {
            sockets.add(socket);
            socket.on('error', () => {});
            socket.on('close', () => { sockets.delete(socket); near.destroy(); far.destroy(); });
        }
        near.on('data', bytes => {
            const line = /^(?:GET|POST|OPTIONS) \S+/.exec(bytes.toString('latin1'));
            if (line) wire.emit('request', line[0]);
            far.write(bytes);
        });
        far.on('data', bytes => near.write(bytes));
        near.on('end', () => far.end());
        near.on('close', () => wire.emit('end'));
        far.on('end', () => near.end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return Object.assign(wire, {
        url: `http://127.0.0.1:${server.address().port}`,
        stop() {
            server.close();
            for (const socket of sockets) socket.destroy();
        }
    });
}

/** A proxy of the kind that knows no WebSockets: it gives the socket of each to
 * `upgrade`, keeps answers to paths that match `holds` until they are whole, and
 * has `answers` of its own for the last words of paths. */
async function proxy(url, { upgrade = socket => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'), holds = /^$/, answers = {} } = {}) {
    const server = http.createServer((request, response) => {
        const { method, headers } = request;
        const own = answers[new URL(request.url, url).pathname.split('/').pop()];
        if (own) {
            response.setHeader('Access-Control-Allow-Origin', '*');
            return own(response);
        }
        const far = http.request(new URL(request.url, url), { method, headers }, async answer => {
            response.writeHead(answer.statusCode, answer.headers);
            if (!holds.test(request.url)) return answer.pipe(response);
            const whole = [];
            answer.on('data', bytes => whole.push(bytes)).on('end', () => response.end(Buffer.concat(whole)));
        });
        far.on('error', () => response.destroy());
        response.on('close', () => far.destroy());
        request.pipe(far);
    });
    server.on('upgrade', (request, socket) => upgrade(socket.on('error', () => {}), request));
    return listen(server);
}

/** A server of sockjs with nothing but an event source, which `answer` answers;
 * counts how often. */
async function fake(context, answer) {
    const library = await example('echo', '--port', '0', '--transformer', 'sockjs');
    const { stop, ...server } = await proxy(library.url, {
        answers: { 'info': response => response.end('{}'), 'eventsource': response => {
            server.count += 1;
            response.setHeader('Content-Type', 'text/event-stream');
            answer(response);
        } }
    });
    context.after(async () => {
        stop();
        await library.stop();
    });
    return Object.assign(server, { count: 0 });
}

/** Starts the server of echoes, until the end of a test. */
async function echoing(context, ...options) {
    const echo = await example('echo', '--port', '0', ...options);
    context.after(() => echo.stop().catch(() => {}));
    return echo;
}

/** Opens a page with this content, until the end of a test. */
async function visit(browser, context, content, headers) {
    const site = await pages(typeof content === 'string' ? { '/': content } : content, headers);
    const page = await browser.page();
    context.after(async () => {
        await page.close();
        site.stop();
    });
    await page.goto(`${site.url}/`);
    return page;
}

/** A page with a client that tells its events. */
function client(url, { options = {}, head = '', before = '' } = {}) {
    return `<!doctype html><html><head><title>client</title>
<script src="${url}/primus/primus.js"></script>${head}</head><body><script>
    const events = ['open', 'close', 'end', 'reconnect', 'reconnected', 'reconnect scheduled',
        'offline', 'online', 'error', 'timeout', 'reconnect timeout', 'reconnect failed'];
    ${before}
    const primus = new Primus(${JSON.stringify(url)}, ${JSON.stringify(options)});
    for (const name of events) {
        primus.on(name, given => tell(JSON.stringify([name, given instanceof Error ? given.message : null])));
    }
    primus.on('data', data => tell(JSON.stringify(['data', data])));
</script></body></html>`;
}

module.exports = { client, echoing, example, fake, pages, proxy, visit, wire };
