// WebSockets, whoever makes them: the platform, or the `ws` package under Node.js
// before 22.

function fromNode() {
  try {
    return host.require('ws');
  } catch {
    throw new Error('No WebSocket here: install the package `ws`');
  }
}

// Opens one and calls `opened()`, `message(data)`, and once `closed(error)`. Adds
// `ready()` and `drop()`, after which nothing more is heard of it.
function openSocket(url, transport, { opened, message, closed }) {
  const { WebSocket } = globalThis;
  const Socket = transport.WebSocket || WebSocket || fromNode();
  // The platform's takes no further options.
  const socket = new Socket(url, transport.protocols, Socket === WebSocket ? undefined : transport);
  let open;
  let failure;

  const over = (error) => {
    socket.drop();
    closed(error);
  };

  return Object.assign(socket, {
    binaryType: 'arraybuffer',
    onmessage: ({ data }) => message(data),
    onopen() {
      open = true;
      opened();
    },
    onclose: ({ code }) => over(open ? failure : new Error(`Closed before it was open: ${code}`)),
    onerror(event) {
      // That of Node.js 20 to 22 does not close after a refused handshake.
      if (!open) over(asError(event));
      // Browsers say nothing of it.
      else if (event.error || event.message) failure = asError(event);
    },
    ready: () => socket.readyState === 1,
    drop() {
      // `ws` throws what nobody hears.
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = nothing;
      socket.close();
    }
  });
}

function nothing() {}
