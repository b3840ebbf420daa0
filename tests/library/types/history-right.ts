// Right uses of what the history of rooms adds to the client's types.

import Client from 'primus-library';
import type { PrimusOptions } from 'primus-library';

const options: PrimusOptions = { knownRooms: 100 };
const client = new Client<string, string>('http://localhost:8080', options);
client.on('recovered', (room, whole, count) => {
  const text: string = room;
  const is: boolean = whole;
  const n: number = count;
  return [text, is, n];
});
client.once('recovered', () => {});
