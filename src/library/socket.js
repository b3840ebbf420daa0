// WebSockets, whoever makes them: the platform, or the `ws` package under Node.js
// before 22.

// The constructor; an error where there is none.
function webSocket({ WebSocket = globalThis.WebSocket }) {
  if (WebSocket) return WebSocket;
  try {
    return host.require('ws');
  } catch {
    throw new Error('There is no WebSocket on this platform: install the package `ws`, or use Node.js 22 or later');
  }
}

// Opens one and calls `on.open()`, `on.message(data)`, and once `on.close(error)`.
// It has `send`, `ready()` and `drop()`.
function openSocket(url, transport, on) {
  const Socket = webSocket(transport);
  // The platform's takes no further options.
  const socket = Socket === globalThis.WebSocket
    ? new Socket(url, transport.protocols || [])
    : new Socket(url, transport.protocols || [], transport);
  let open = false;
  let failure;

  const over = (error) => {
    if (socket.onclose === nothing) return;
    socket.drop();
    on.close(error);
  };

  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    open = true;
    on.open();
  };
  socket.onmessage = ({ data }) => on.message(data);
  socket.onclose = ({ code }) => over(open ? failure : new Error(`The WebSocket was closed before it was open (${code})`));
  socket.onerror = (event) => {
    // That of Node.js 20 to 22 does not close after a refused handshake.
    if (!open) over(refusal(asError(event)));
    // Browsers say nothing of it.
    else if (event.error || event.message) failure = asError(event);
  };

  // Nothing more is heard of it.
  socket.drop = () => {
    socket.onopen = socket.onmessage = socket.onclose = nothing;
    // `ws` throws what nobody hears.
    socket.onerror = nothing;
    try {
      socket.close();
    } catch {}
  };
  socket.ready = () => socket.readyState === 1;
  return socket;
}

function nothing() {}

// `ws` has the status only in the text.
function refusal(error) {
  const status = /response: (\d{3})/.exec(error.message);
  if (status && !error.status) error.status = +status[1];
  return error;
}
