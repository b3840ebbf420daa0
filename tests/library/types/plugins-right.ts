// Right uses of what plugins add to the client's types.

import Client from 'primus-library';
import type { AnalyticsHit, Channel, PrimusOptions, Resource, Substream } from 'primus-library';

interface Up { say: string }
interface Down { said: string }

const hits: AnalyticsHit[] = [];
const options: PrimusOptions = {
  ackTimeout: 1000,
  requestTimeout: false,
  mirage: 'known',
  analytics: { category: 'a', app: 'b', events: { open: 'opened', close: false }, report: (hit) => hits.push(hit) }
};
const client = new Client<Down, Up>('http://localhost:8080', options);
const id: string | undefined = client.mirage;
client.on('mirage', (given) => given.length);

const raised: boolean = client.emit('news', 1, { two: 2 });
client.send('news', 1).send('more', (answer: string) => answer.length).write({ say: 'x' });
const answer: Promise<[string, number]> = client.sendAck<[string, number]>('ask', 'q?');
client.sendAck('ask').then(([first]) => first.whatever);

client.on('request', (data, respond) => respond(data.whatever));
client.writeAndWait({ a: 1 }, (said) => said.whatever);
const answered: Promise<number> = client.request<number>('sum', 5000);

const stream: Substream<Down, Up> = client.substream<Down, Up>('foo');
stream.on('data', (message) => message.said.length);
stream.on('readyStateChange', (state) => state === 'open');
const written: boolean = stream.write({ say: 'x' });
stream.send('news', 1).end({ say: 'bye' });
stream.request('x').then((said) => said.whatever);
stream.pipe(client.substream('other')).end();
const open: Substream | undefined = client.streams.foo;
const over: boolean = stream.stream === null;

const channel: Channel<Down, Up> = client.channel<Down, Up>('news');
channel.on('data', (message) => message.said.length);
channel.on('reconnected', (attempt) => attempt.duration);
channel.on('request', (data, respond) => respond());
channel.end({ say: 'bye' }).sendAck('x').then(([first]) => first);

interface Sums { add(a: number, b: number, done: (sum: number) => void): void }
const sums: Resource<Sums> = client.resource<Sums>('sums');
sums.on('ready', (name, methods) => methods.includes(name));
sums.on('changed', (sum: number) => sum);
sums.add(1, 2, (sum) => sum + 1);
sums.call<[number]>('add', 1, 2).then(([sum]) => sum + 1);
client.resource('sums', false).add(1, 'anything');

export { id, raised, answer, answered, written, open, over };
