// Messages of rooms that survive a short cut: the server says where each stands, is told
// that when the connection is another, and says again what was missed.
function (primus, options) {
  const KEY = 'primus-history';
  const MOST_IDS = 16;
  const MOST_MESSAGES = 1000;
  const MOST_EARLY = 20000;
  const LONGEST = 64;
  const TORN = 2;
  const { OPEN } = Primus;
  const { knownRooms = 1000 } = options;

  const name = unique();
  // Where it is in rooms, and what it shows when it comes back: those it heard from last at
  // the end.
  const rooms = new Map();
  // Ids of its sparks, and of messages that may come more than once.
  const sparks = [];
  const seen = new Set();
  // Of those that came without a place, which they get later.
  const early = new Set();
  // Some rooms were forgotten.
  let more = false;
  let greeted = false;
  // What is inside of a message is being handled.
  let inside = false;

  primus.reserved.events.recovered = 1;

  function unique() {
    const bytes = Uint8Array.from({ length: 20 }, () => Math.random() * 256);
    // Which Node.js has since version 20.
    globalThis.crypto?.getRandomValues(bytes);
    return Array.from(bytes, (byte) => (byte % 36).toString(36)).join('');
  }

  // Leaves out the oldest of a map or set that has too many.
  const trim = (kept, most) => kept.size > most && kept.delete(kept.keys().next().value);

  const tell = (room, whole, count) => primus._raise('recovered', [room, whole, count]);

  // A ticket is good until there is another one.
  function place(room, epoch, offset, ticket = rooms.get(room)?.[3]) {
    rooms.delete(room);
    rooms.set(room, [room, epoch, offset, ticket]);
    more = trim(rooms, Math.max(knownRooms, 1)) || more;
  }

  const isPlace = (at) => Array.isArray(at) && typeof at[0] === 'string' && typeof at[1] === 'string' &&
    Number.isSafeInteger(at[2]) && at[2] >= 0;

  // Whether a message has not come before.
  function isNew(id, at) {
    let is = true;
    const torn = [];
    for (const [room, epoch, offset] of at.filter(isPlace)) {
      const [, last, upTo] = rooms.get(room) ?? [];
      if (last === epoch && offset <= upTo) {
        is = false;
        continue;
      }
      if (last != null && (last !== epoch || offset > upTo + 1)) torn.push(room);
      place(room, epoch, offset);
    }
    if (typeof id === 'string' && id.length <= LONGEST) {
      is = is && !seen.has(id) && !early.has(id);
      const [ids, most] = at.length ? [seen, MOST_MESSAGES] : [early, MOST_EARLY];
      ids.add(id);
      trim(ids, most);
    }
    torn.forEach((room) => tell(room, false, 0));
    return is;
  }

  function report(reports) {
    for (const [room, epoch, offset, how, count, ticket] of reports.filter(isPlace)) {
      place(room, epoch, offset, ticket ?? undefined);
      if (how) tell(room, how !== TORN, count);
    }
  }

  const heard = {
    message(id, at, ...data) {
      if (!Array.isArray(at) || !isNew(id, at) || !data.length) return;
      inside = true;
      try {
        primus.transforms(primus, primus, 'incoming', data[0]);
      } finally {
        inside = false;
      }
    },
    hello(spark, reports) {
      if (typeof spark === 'string' && spark.length <= LONGEST && sparks[0] !== spark) {
        sparks.unshift(spark);
        sparks.splice(MOST_IDS);
      }
      if (Array.isArray(reports)) report(reports);
    },
    rooms(reports) {
      if (Array.isArray(reports)) report(reports);
    },
    left(names) {
      if (Array.isArray(names)) names.forEach((room) => rooms.delete(room));
    }
  };

  primus.on('outgoing::url', (address) => {
    const mine = `_history=${name}`;
    address.query = address.query ? `${address.query}&${mine}` : mine;
  });

  // Before the transforms, which are for what is inside; and no more than data there.
  primus.transform('incoming', function ({ data }) {
    const list = this === primus && !inside && data?.[KEY];
    if (!Array.isArray(list) || !Object.hasOwn(heard, list[0]) || Object.keys(data).length !== 1) return true;
    heard[list[0]](...list.slice(1));
    return false;
  });

  primus._tap(() => {
    const open = primus.readyState === OPEN;
    if (open === greeted) return;
    greeted = open;
    if (!open) return;
    // Before what waits for the connection.
    const waiting = primus.buffer;
    primus.buffer = [];
    primus._write({ [KEY]: ['hello', sparks, [...rooms.values()], more] });
    primus.buffer = primus.buffer.concat(waiting);
  });
}
