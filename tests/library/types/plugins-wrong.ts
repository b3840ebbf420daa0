// Wrong uses of what plugins add: each line after a mark is an error.

import Client from 'primus-library';

interface Up { say: string }
interface Down { said: string }
interface Sums { add(a: number, b: number, done: (sum: number) => void): void }

const client = new Client<Down, Up>('http://localhost:8080');

// @ts-expect-error: not a span
new Client('x', { ackTimeout: 'long' });
// @ts-expect-error: not a span
new Client('x', { requestTimeout: true });
// @ts-expect-error: not an id
new Client('x', { mirage: 5 });
// @ts-expect-error: no such option
new Client('x', { analytics: { categories: 'a' } });
// @ts-expect-error: a name, or false
new Client('x', { analytics: { events: { open: true } } });
// @ts-expect-error: no name
client.emit(5);
// @ts-expect-error: no name
client.send();
// @ts-expect-error: no name
client.sendAck(5, 'x');
// @ts-expect-error: an acknowledgement is a list
client.sendAck<number>('ask');
// @ts-expect-error: a promise
const answer: number = client.request<number>('sum');
// @ts-expect-error: not a span
client.request('sum', 'long');
// @ts-expect-error: who gets the answer?
client.writeAndWait('sum');
// @ts-expect-error: not a function
client.on('request', (data, respond: string) => respond);
// @ts-expect-error: read only
client.mirage = 'other';
// @ts-expect-error: no name
client.substream();
// @ts-expect-error: another message
client.substream<Down, Up>('foo').write({ said: 'x' });
// @ts-expect-error: no such member
client.substream<Down, Up>('foo').on('data', (message) => message.say);
// @ts-expect-error: streams have names, channels ids
client.substream('foo').id;
// @ts-expect-error: read only
client.streams.foo = client.substream('foo');
// @ts-expect-error: another message
client.channel<Down, Up>('news').end(5);
// @ts-expect-error: no such member
client.channel<Down, Up>('news').on('data', (message) => message.say);
// @ts-expect-error: not of a channel
client.channel('news').open();
// @ts-expect-error: no such method
client.resource<Sums>('sums').subtract(1, 2);
// @ts-expect-error: a number
client.resource<Sums>('sums').add(1, 'two', () => {});
// @ts-expect-error: names are texts
client.resource<Sums>('sums').on('ready', (name: number) => name);

export { answer };
