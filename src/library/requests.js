// The requests of transports that poll.

// No answer is longer, as no message is that `ws` takes. In characters.
const LONGEST_ANSWER = 100 * 2 ** 20;
// What a browser lets a page leave behind, in characters of three bytes.
const LAST_WORDS = 20000;

// Those that are given up together: `ask`, and `abort` for all that is asked.
function createRequests(auth, options) {
  const aborter = new AbortController();
  const headers = { ...options.extraHeaders };
  // `fetch` refuses addresses with a name in them.
  if (auth) headers.Authorization = 'Basic ' + toBase64(new TextEncoder().encode(auth));

  return {
    abort: () => aborter.abort(),

    // A GET, or a POST if there is a body; the text of the answer. With `hear`, it
    // gets each line as it comes, and the text is what has no end of line. The last
    // one outlives the page.
    async ask(url, body, last, hear) {
      const answer = await fetch(url, {
        method: body === undefined ? 'GET' : 'POST',
        body,
        headers,
        cache: 'no-store',
        // An answer like any other that is not right. With `error` Node.js 20 forgets the
        // signal of an answer that is read, with its next collection of garbage.
        redirect: 'manual',
        credentials: options.withCredentials ? 'include' : 'same-origin',
        keepalive: last && !(body?.length >= LAST_WORDS),
        signal: aborter.signal
      });
      const { ok, status } = answer;
      const text = answer.body ? await read(answer.body.getReader(), ok && hear) : '';
      if (ok) return text;
      throw Object.assign(new Error(`The server answered with ${status}: ${text.slice(0, 200)}`), { status });
    }
  };
}

async function read(body, hear) {
  const decoder = new TextDecoder();
  let text = '';
  while (text.length < LONGEST_ANSWER) {
    const { done, value } = await body.read();
    const piece = decoder.decode(value, { stream: !done });
    text = hear ? hear(text, piece) : text + piece;
    if (done) return text;
  }
  throw new Error('The server answered with too much');
}

// Takes from what waits as much as goes into one request, as texts; a character has
// three bytes at most.
function take(waiting, most, text) {
  const texts = [];
  let size = 0;
  for (const packet of waiting) {
    const each = text(packet);
    size += each.length * 3 + 1;
    if (texts.length && size > most) break;
    texts.push(each);
  }
  waiting.splice(0, texts.length);
  return texts;
}

// Makes a server wait that says nothing again and again, and at once.
const pause = (idle) => idle > 5 && new Promise((go) => setTimeout(go, Math.min(2 ** idle, 1000)));

// Of WebSockets, only `ws` heeds a name in the address.
function socketAddress(url, auth) {
  const login = auth && encodeURIComponent(auth).replace('%3A', ':') + '@';
  return url.replace(/^http(s?:..)/, `ws$1${login}`);
}

// What the application's listeners throw disturbs nothing else.
function guard(call) {
  try {
    call();
  } catch (error) {
    setTimeout(() => { throw error; });
  }
}

// A transport whose `open` gives a client its socket, with `send` and `drop`.
const transport = (open) => own(prototype._own, {
  'outgoing::open': open,
  'outgoing::data'(packet) { this.socket?.send(packet); },
  'outgoing::end'(polite) { this.socket?.drop(polite); }
});
