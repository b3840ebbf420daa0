'use strict';
// Headless Chromium over the DevTools protocol, by its pipe: no package is needed.

const { spawn, execFileSync } = require('node:child_process');
const { EventEmitter, once } = require('node:events');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const FLAGS = [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-default-apps', '--disable-extensions', '--mute-audio', '--hide-scrollbars',
    '--remote-debugging-pipe', '--no-proxy-server', 'about:blank'
];

/** How long one wait may take, even on a busy machine. */
const PATIENCE = 30_000;

/** The program, by its names in the distributions; `CHROMIUM` names another. */
function program() {
    const names = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'];
    for (const name of names.filter(Boolean)) {
        try {
            execFileSync(name, ['--version'], { stdio: 'ignore' });
            return name;
        } catch { /* the next one */ }
    }
    throw new Error('install chromium, or set PRIMUS_SKIP_BROWSER=1 to go without');
}

/** A promise with a time limit that says what did not happen. */
function within(promise, what, time = PATIENCE) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not within ${time} ms`)), time);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Chromium extends EventEmitter {
    static async launch(...flags) {
        const browser = new Chromium();
        browser.folder = mkdtempSync(path.join(tmpdir(), 'chromium-'));
        browser.process = spawn(program(), [`--user-data-dir=${browser.folder}`, ...flags, ...FLAGS], {
            stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']
        });
        browser.listen(browser.process.stdio[4]);
        await browser.send('Browser.getVersion');
        return browser;
    }

    constructor() {
        super();
        this.setMaxListeners(0);
        this.next = 1;
        this.waiting = new Map();
    }

    listen(pipe) {
        let rest = '';
        pipe.setEncoding('utf8').on('data', chunk => {
            const parts = (rest + chunk).split('\0');
            rest = parts.pop();
            for (const part of parts) this.take(JSON.parse(part));
        });
    }

    take(message) {
        if (message.id === undefined) {
            this.emit(`${message.sessionId ?? ''}:${message.method}`, message.params);
            return;
        }
        const { resolve, reject, method } = this.waiting.get(message.id);
        this.waiting.delete(message.id);
        if (message.error) reject(new Error(`${method}: ${message.error.message}`));
        else resolve(message.result);
    }

    send(method, params = {}, sessionId = undefined) {
        const id = this.next++;
        const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, method }));
        this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
        // Longer than other waits, which can say better what they were for.
        return within(answer, method, 1.5 * PATIENCE);
    }

    /** A new tab, as wide as a desktop, or a phone. */
    async page({ phone = false, dark = false } = {}) {
        const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
        const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
        const page = new Page(this, targetId, sessionId);
        await page.prepare(phone, dark);
        return page;
    }

    async close() {
        const gone = once(this.process, 'exit');
        await this.send('Browser.close').catch(() => this.process.kill());
        await gone;
        rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    }
}

class Page {
    constructor(browser, targetId, sessionId) {
        Object.assign(this, { browser, targetId, sessionId, problems: [], heard: [], all: [], listeners: new Set() });
    }

    send(method, params) {
        return this.browser.send(method, params, this.sessionId);
    }

    on(method, listener) {
        this.browser.on(`${this.sessionId}:${method}`, listener);
    }

    once(method) {
        return within(once(this.browser, `${this.sessionId}:${method}`), method);
    }

    async prepare(phone, dark) {
        this.on('Runtime.exceptionThrown', ({ exceptionDetails: { text, exception } }) => {
            this.problems.push(exception?.description ?? text);
        });
        this.on('Log.entryAdded', ({ entry }) => {
            if (entry.source === 'security') this.problems.push(entry.text);
        });
        this.on('Runtime.bindingCalled', ({ name, payload }) => {
            if (name !== 'tell') return;
            const what = JSON.parse(payload);
            this.heard.push(what);
            this.all.push(what);
            for (const listener of this.listeners) listener();
        });
        await Promise.all(['Page.enable', 'Runtime.enable', 'Log.enable', 'Network.enable'].map(name => this.send(name)));
        await this.send('Runtime.addBinding', { name: 'tell' });
        await this.send('Emulation.setDeviceMetricsOverride', phone
            ? { width: 390, height: 780, deviceScaleFactor: 2, mobile: true }
            : { width: 1200, height: 760, deviceScaleFactor: 1, mobile: false });
        await this.send('Emulation.setEmulatedMedia', {
            features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]
        });
    }

    async goto(url) {
        const loaded = this.once('Page.loadEventFired');
        const { errorText } = await this.send('Page.navigate', { url });
        if (errorText) throw new Error(`${url}: ${errorText}`);
        await loaded;
    }

    /** The value of an expression, or of a function called with arguments. */
    async evaluate(code, ...given) {
        const expression = typeof code === 'function'
            ? `(${code})(${given.map(one => JSON.stringify(one)).join(', ')})` : code;
        const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
            expression, awaitPromise: true, returnByValue: true, userGesture: true
        });
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
    }

    /** Waits until a function in the page returns something true, which it looks
     * for whenever the document changes. */
    async until(condition, ...given) {
        const call = `(${condition})(${given.map(one => JSON.stringify(one)).join(', ')})`;
        return within(this.evaluate(`new Promise(resolve => {
            const look = () => {
                const found = ${call};
                if (!found) return false;
                observer.disconnect();
                resolve(found);
                return true;
            };
            const observer = new MutationObserver(look);
            observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
            look();
        })`), String(condition));
    }

    /** Waits for what the page tells with `tell(JSON.stringify(what))`, from the
     * first thing that has not been waited for on. */
    async told(wanted) {
        const matches = typeof wanted === 'function' ? wanted : one => [].concat(one)[0] === wanted;
        const heard = () => this.heard.findIndex(matches);
        if (heard() < 0) {
            let listener;
            const found = new Promise(resolve => {
                listener = () => { if (heard() >= 0) resolve(); };
                this.listeners.add(listener);
            });
            await within(found, `${wanted} (heard: ${JSON.stringify(this.heard.slice(-20))})`)
                .finally(() => this.listeners.delete(listener));
        }
        return this.heard.splice(0, heard() + 1).at(-1);
    }

    async screenshot(file) {
        const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
        writeFileSync(file, Buffer.from(data, 'base64'));
    }

    /** Goes back in the history of the tab. */
    async back() {
        const { currentIndex, entries } = await this.send('Page.getNavigationHistory');
        await this.send('Page.navigateToHistoryEntry', { entryId: entries[currentIndex - 1].id });
    }

    /** Brings it to the front, which hides the others. */
    async show() {
        await this.send('Page.bringToFront');
    }

    async close() {
        await this.browser.send('Target.closeTarget', { targetId: this.targetId });
    }
}

module.exports = { Chromium, within };
