// Wrong uses of the client's types: each line after a mark is an error.

import Client from 'primus-library';

interface Up { say: string }
interface Down { said: string }

const client = new Client<Down, Up>('http://localhost:8080');

// @ts-expect-error: another message
client.write({ said: 'hello' });
// @ts-expect-error: another message
client.end(1);
// @ts-expect-error: no such member
client.on('data', (message) => message.say);
// @ts-expect-error: the error is no text
client.on('error', (error: string) => error);
// @ts-expect-error: no listener
client.on('open');
// @ts-expect-error: no argument
client.on('open', (message: string) => message);
// @ts-expect-error: no such direction
client.transform('sideways', () => {});
// @ts-expect-error: not a span
new Client('x', { timeout: 'long' });
// @ts-expect-error: no such strategy
new Client('x', { strategy: ['always'] });
// @ts-expect-error: no such revision
new Client('x', { transport: { protocol: 2 } });
// @ts-expect-error: no such transport
new Client('x', { transport: { transports: ['jsonp'] } });
// @ts-expect-error: no such option of the back-off
new Client('x', { reconnect: { minimum: 1 } });
// @ts-expect-error: no address
new Client(8080);
// @ts-expect-error: read only
client.readyState = 3;
// @ts-expect-error: a text
const port: number = client.uri({ protocol: 'ws' });
// @ts-expect-error: not a writable stream
client.pipe({ write: 1 });
// @ts-expect-error: no such method
client.send('x');

export { port };
