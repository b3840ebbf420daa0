'use strict';
//
// Pages in one Chromium, each with the client of another transformer, for a test with
// clients of all kinds. It prints what each page hears, as a line of JSON: [its number,
// the event, the message], and ends when its input does.
//
//     node crowd.js URL FOLDER TRANSFORMER...
//
// URL is that of the server, and FOLDER has the clients: TRANSFORMER.js.
//

const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Chromium } = require('./chromium.js');
const { pages } = require('./servers.js');

const content = (url, number) => `<!doctype html>
<script src="/client.js"></script>
<script>
    const say = (...what) => tell(JSON.stringify(what));
    const primus = new Primus(${JSON.stringify(url)}, { reconnect: { min: 20, max: 500, retries: 1000 } });
    primus.on('data', data => say('data', data))
        .on('close', () => {
            say('close');
            // Kept until the server is there again.
            primus.write('kept');
        })
        .on('end', () => say('end'));
    primus.write({ mine: ${number} });
</script>`;

async function main([url, folder, ...transformers]) {
    const browser = await Chromium.launch();
    process.stdin.resume().on('end', async () => {
        await browser.close();
        process.exit();
    });
    await Promise.all(transformers.map(async (transformer, number) => {
        const library = readFileSync(path.join(folder, `${transformer}.js`), 'utf8');
        const site = await pages({ '/': content(url, number), '/client.js': library });
        const page = await browser.page();
        page.on('Runtime.bindingCalled', ({ name, payload }) => {
            if (name === 'tell') console.log(JSON.stringify([number, ...JSON.parse(payload)]));
        });
        await page.goto(`${site.url}/`);
    }));
}

main(process.argv.slice(2));
