#!/usr/bin/env bash
# `fetch` of Node.js 20 with `redirect: 'error'`: while the body of an answer is read,
# the next collection of garbage makes it forget the signal that it was given. `abort`
# then does nothing: the read goes on waiting, and the connection stays open. With
# `redirect: 'follow'` it does what it should, and so does `cancel` of the reader.
#
# Versions: Node.js 20.20.2 (undici 6.24.1)
# Seen: of a read after a collection, `abort` is the end with `follow` and not with
# `error`; without a collection it is the end with both.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > seen.js <<'JS'
const { once } = require('node:events');
const http = require('node:http');

const server = http.createServer((request, response) => response.write('the beginning'));
const wait = ms => new Promise(resolve => setTimeout(resolve, ms));

async function read(reader) {
    while (!(await reader.read()).done);
}

function ask(url, redirect, readers) {
    const aborter = new AbortController();
    const asked = (async () => {
        const answer = await fetch(url, { redirect, signal: aborter.signal });
        const reader = answer.body.getReader();
        readers.push(reader);
        return read(reader);
    })();
    return { asked, abort: () => aborter.abort() };
}

// What becomes of a read.
async function given(url, redirect, collects, way) {
    const readers = [];
    const { asked, abort } = ask(url, redirect, readers);
    let state = 'goes on';
    asked.then(() => { state = 'ended'; }, () => { state = 'failed'; });
    await wait(300);
    for (let times = 0; collects && times < 5; times += 1) {
        gc();
        await wait(50);
    }
    if (way === 'abort') abort();
    else readers[0].cancel();
    await wait(500);
    return state;
}

(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}`;
    const seen = [
        await given(url, 'error', false, 'abort'),
        await given(url, 'follow', true, 'abort'),
        await given(url, 'error', true, 'abort'),
        await given(url, 'error', true, 'cancel')
    ].join(', ');
    console.log(process.version, process.versions.undici, seen);
    process.exit(seen === 'failed, failed, goes on, ended' ? 0 : 1);
})();
JS
node --expose-gc seen.js
