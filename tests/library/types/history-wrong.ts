// Wrong uses of what the history of rooms adds: each line after a mark is an error.

import Client from 'primus-library';

const client = new Client<string, string>('http://localhost:8080');

// @ts-expect-error: a number
new Client('x', { knownRooms: '100' });
// @ts-expect-error: a room has a name
client.on('recovered', (room: number) => room);
// @ts-expect-error: a number
client.on('recovered', (room, whole, count: string) => count);
