// The transformer `browserchannel`: requests that send, one at a time, and one that
// waits for what there is to tell; what either brings is numbered, so that nothing
// is lost with a connection.
//
// Options, in `transport`: `withCredentials`, `extraHeaders`.

// How long the server may be silent, and what was written last may take, in ms.
const SILENCE = 45000;
const LAST_TIMEOUT = 30000;
// A request that waits for so long and that the server knows nothing of is lost.
const UNKNOWN = 3000;
// How much goes into one request, in bytes.
const MOST = 2 ** 20;

// `base` is the address up to what is asked for; `incoming::open`, `incoming::data`
// and once `incoming::end` are emitted on `to`. A socket with `send`, `ready` and
// `drop`.
function createChannel(base, query, auth, options, to) {
  const requests = createRequests(auth, options);
  const waiting = [];
  // What the session is called; the numbers of the next request that sends, of the
  // next that is sent, and of the last that has come.
  let sid;
  let rid = Math.floor(Math.random() * 1e5);
  let ofs = 0;
  let aid = -1;
  // The request that waits, since when it does, and how long it may be silent.
  let back;
  let since;
  let watch;
  let timer;
  let posting;
  // The application is no longer interested; nothing is left.
  let ending;
  let over;

  const at = (page, rest) => `${base}/${page}?${query && query + '&'}VER=8&${rest}&zx=${unique()}&t=1`;
  const own = (rest) => at('bind', `SID=${encodeURIComponent(sid)}&${rest}`);

  async function begin() {
    const stays = probe();
    try {
      const rest = read(await requests.ask(at('bind', `RID=${rid++}`), 'count=0'));
      if (rest || !sid) throw new Error(NOT_SPOKEN);
    } catch (error) {
      return close(error);
    }
    if (over) leave();
    else listen(await stays);
  }

  // Whether answers come piece by piece: of two pieces the second comes later.
  async function probe() {
    const probing = createRequests(auth, options);
    let stays = false;
    const hear = (text, piece) => {
      stays = text + piece === '11111';
      if (stays) probing.abort();
      return text + piece;
    };
    try {
      await probing.ask(at('test', 'TYPE=xmlhttp'), undefined, false, hear);
    } catch { /* It was only a question. */ }
    return stays;
  }

  async function listen(stays) {
    for (let tries = 0, idle = 0; !over && !ending;) {
      let told;
      let wrong;
      since = now();
      back = createRequests(auth, options);
      heard();
      try {
        await back.ask(own(`RID=rpc&CI=${stays ? 0 : 1}&AID=${aid}&TYPE=xmlhttp`), undefined, false, (text, piece) => {
          heard();
          try {
            return read(text + piece, () => {
              told = true;
              tries = 0;
            });
          } catch (error) {
            wrong = error;
            throw error;
          }
        });
        // That an array was cut off matters not: it comes again.
      } catch (error) {
        if (wrong || error.status || tries === RETRIES) return close(error);
        await later(tries++);
      }
      idle = told || now() - since > 100 ? 0 : idle + 1;
      await pause(idle);
    }
  }

  function heard() {
    clearTimeout(watch);
    if (!over && !ending) watch = setTimeout(back.abort, SILENCE);
  }

  // Hands on what is in the chunks that are whole; the rest. The length of a chunk
  // comes before it.
  function read(text, told) {
    for (let head; (head = /^(\d{1,9})\n/.exec(text.slice(0, 10)));) {
      const [before, length] = head;
      const end = before.length + +length;
      if (text.length < end) return text;
      const arrays = JSON.parse(text.slice(before.length, end));
      if (!Array.isArray(arrays) || !arrays.every(Array.isArray)) throw new Error(NOT_SPOKEN);
      arrays.forEach(receive);
      told?.();
      text = text.slice(end);
    }
    if (!/^\d{0,9}$/.test(text)) throw new Error(NOT_SPOKEN);
    return text;
  }

  function receive([number, data]) {
    if (!Number.isInteger(number)) throw new Error(NOT_SPOKEN);
    if (number <= aid) return;
    if (number !== aid + 1) throw new Error('The server has left something out');
    aid = number;
    const type = typeof data === 'string' ? 'message' : `${data?.[0]}`;
    if (!sid) {
      if (type !== 'c' || !data[1]) throw new Error(NOT_SPOKEN);
      sid = `${data[1]}`;
      if (!over) guard(() => to.emit('incoming::open'));
    } else if (type === 'message') {
      over || ending || guard(() => to.emit('incoming::data', data));
    } else if (type === 'stop') {
      sid = '';
      close();
    }
  }

  async function post() {
    if (posting || !sid || over) return;
    posting = true;
    while (waiting.length) {
      const maps = take(waiting, MOST, (text) => encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, '\ufffd')));
      const body = `count=${maps.length}&ofs=${ofs}${maps.map((map, n) => `&req${n}__S=${map}`).join('')}`;
      for (let tries = 0; ; tries++) {
        try {
          answered(await requests.ask(own(`RID=${rid}&AID=${aid}`), body, ending));
          break;
        } catch (error) {
          // If it was heard all the same, it is not heard twice.
          if (error.status || tries === RETRIES) return close(error);
          await later(tries);
        }
        if (over) return;
      }
      rid++;
      ofs += maps.length;
    }
    posting = false;
    if (ending) close();
  }

  // The server says whether somebody waits, whom it may have lost without our notice.
  function answered(text) {
    const [, status] = /^\d+\n(\[.*\])$/.exec(text.trim()) || [];
    if (!status) throw new Error(NOT_SPOKEN);
    if (!JSON.parse(status)[0] && now() - since > UNKNOWN) back.abort();
  }

  // It ends the session when it comes, whatever came before.
  function leave() {
    createRequests(auth, options).ask(own(`RID=${rid}&TYPE=terminate`), undefined, true).catch(() => {});
  }

  function close(error) {
    if (over) return;
    over = true;
    clearTimeout(watch);
    clearTimeout(timer);
    back?.abort();
    // One that is about to be opened is ended when it is.
    if (sid) {
      requests.abort();
      if (!error?.status) leave();
    }
    if (!ending) guard(() => to.emit('incoming::end', error));
  }

  begin();
  return {
    ready: () => !!sid && !over,

    // What is written in one go is sent in one request.
    send(packet) {
      if (typeof packet !== 'string') return to.emit('incoming::error', new Error('Only text goes over browserchannel'));
      waiting.push(packet);
      queueMicrotask(post);
    },

    // Nothing is told of it any more. If it is polite, what was written goes out
    // before.
    drop(polite) {
      if (ending) return;
      ending = true;
      if (!polite || !sid || over) return close();
      clearTimeout(watch);
      back?.abort();
      timer = setTimeout(close, LAST_TIMEOUT);
      post();
    }
  };
}

const NOT_SPOKEN = 'The server does not speak browserchannel';

// How often a request is tried again that the network has failed.
const RETRIES = 3;
// Before that: the first time at once.
const later = (tries) => new Promise((go) => setTimeout(go, tries && 2 ** tries * (400 + Math.random() * 200)));

function open() {
  const to = this.uri({ protocol: 'http', query: true, object: true });
  const base = address({ ...to, pathname: to.pathname.replace(/\/+$/, ''), query: '', auth: '' });
  const query = to.query.replace(/(^|&)_primuscb=[^&]*/, '');
  this.socket = createChannel(base, query, to.auth, { ...this.transport }, this);
}

const TRANSPORT = transport(open);
