'use strict';

// Readings kept and drawn: one a second for two minutes.
const SPAN = 120;
const element = id => document.getElementById(id);
const plots = new Map();

const primus = new Primus();

primus.on('open', () => show('open', 'live'));
primus.on('reconnect scheduled', attempt => {
    show('waiting', `reconnecting in ${Math.max(1, Math.round(attempt.scheduled / 1000))} s`);
});
primus.on('reconnect', () => show('waiting', 'reconnecting'));
// Without a network the client ends, and comes back with it.
primus.on('end', () => (primus.online ? show('closed', 'disconnected') : show('waiting', 'offline')));
primus.on('data', message => {
    if (message.host) {
        element('host').textContent = message.host;
        plots.forEach(plot => { plot.readings.length = 0; });
        message.history.forEach(take);
    } else {
        take(message);
    }
    if (!document.hidden) requestAnimationFrame(draw);
});
document.addEventListener('visibilitychange', () => requestAnimationFrame(draw));

function show(state, text) {
    element('state').dataset.state = state;
    element('state').textContent = text;
}

/** A reading: `{ at, values: { name: { value, most, unit } }, clients, skipped }`. */
function take({ at, values, clients, skipped }) {
    for (const [name, { value, most, unit }] of Object.entries(values)) {
        const plot = plots.get(name) ?? add(name);
        Object.assign(plot, { most, unit });
        plot.readings.push({ at, value });
        if (plot.readings.length > SPAN) plot.readings.shift();
    }
    const people = clients === 1 ? '1 page is watching' : `${clients} pages are watching`;
    element('foot').textContent = `${people} · ${skipped} readings skipped for slow ones`;
}

function add(name) {
    const item = element('plot').content.firstElementChild.cloneNode(true);
    item.querySelector('h2').textContent = name;
    element('plots').append(item);
    const plot = { item, readings: [], most: 1, unit: '' };
    plots.set(name, plot);
    return plot;
}

function draw() {
    for (const [name, { item, readings, most, unit }] of plots) {
        if (readings.length === 0) continue;
        const { at: now, value } = readings.at(-1);
        // A point's place is its time: what was skipped is a gap of its length.
        const points = readings.map(one =>
            `${(SPAN - 1 - (now - one.at) / 1000).toFixed(1)} ${(100 - 100 * one.value / most).toFixed(1)}`);
        const line = `M${points.join('L')}`;
        const first = points[0].split(' ')[0];
        item.querySelector('.line').setAttribute('d', line);
        item.querySelector('.area').setAttribute('d', `${line}V100H${first}Z`);
        const text = `${format(value)} ${unit}`;
        item.querySelector('output').textContent = text;
        item.querySelector('.scale span').textContent = `0 – ${format(most)} ${unit}`;
        item.querySelector('svg').setAttribute('aria-label', `${name}: ${text}`);
    }
}

function format(value) {
    return value.toLocaleString(undefined, { maximumFractionDigits: value < 10 ? 1 : 0 });
}
