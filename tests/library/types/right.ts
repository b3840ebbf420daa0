// Right uses of the client's types.

import Client, { Primus } from 'primus-library';
import type { Attempt, PrimusOptions } from 'primus-library';

interface Up { say: string }
interface Down { said: string; at: number }

const options: PrimusOptions = {
  reconnect: { min: 100, max: 5000, retries: 3, factor: 1.5, 'reconnect timeout': 1000 },
  timeout: false,
  pingTimeout: 45000,
  ping: 25000,
  pong: 10000,
  strategy: ['disconnect', 'online'],
  manual: true,
  websockets: false,
  network: false,
  queueSize: 10,
  transport: { transports: ['polling'], protocol: 3, doubleEncoding: true, withCredentials: true, extraHeaders: { a: 'b' } },
  ofAPlugin: { anything: 1 }
};
const sockjs: PrimusOptions = { transport: { transports: ['xhr-streaming', 'eventsource'], timeout: 5000, server: '001' } };

const client = new Client<Down, Up>('http://localhost:8080', options);
const others: Client<Down, Up>[] = [Primus<Down, Up>(options), Client.connect<Down, Up>({ url: 'x', strategy: 'online, timeout' }), new Primus<Down, Up>(new URL('http://x'))];

client.on('data', (message, raw) => {
  const at: number = message.at + 1;
  const text: string = typeof raw === 'string' ? raw : String(raw.byteLength);
  others[0].write({ say: text + at });
});
client.once('reconnect scheduled', (attempt: Attempt) => attempt.scheduled + attempt.attempt);
client.on('reconnect failed', (error, attempt) => [error.message, attempt.retries]);
client.on('error', ({ message, status, code }) => `${message} ${status} ${code}`);
client.on('readyStateChange', (state) => state === 'opening');
client.on('outgoing::flush', () => client.buffer.length);
client.on('outgoing::url', (address) => { address.query += '&more=1'; });
client.on('an event of a plugin', (anything: { a: 1 }) => anything.a);

const sent: boolean = client.open().write({ say: 'hello' });
client.end({ say: 'bye' }).destroy();
client.transform('incoming', (packet) => { packet.data = 1; });
client.transform('outgoing', (packet, next) => next(undefined, false));
client.id((id) => id.length);
client.off('data').removeAllListeners('open').removeListener('close', () => {});
client.pipe(process).end();
const url: string = client.uri({ protocol: 'ws', query: true });
const port: number = client.uri({ protocol: 'ws', object: true }).port;
const state: 1 | 2 | 3 = client.readyState;
const merged: { a: number } & { b: string } = client.merge({ a: 1 }, { b: '' });
const untyped = new Client();
untyped.write(['anything', 1]);
untyped.on('data', (message) => message.whatever.it.is);
const emitter = new Client.EventEmitter();
emitter.on('x', (a: string) => a).emit('x', 'y');

declare const process: { write(message: unknown): boolean; end(): void };
export { sockjs, sent, url, port, state, merged };
