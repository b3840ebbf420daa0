// Tells Google Analytics, or a function of the application's, what happens to the
// connection and what is sent.
function (primus, options) {
  const { category = 'primus', app = 'primus', events, report = toGoogle } = options.analytics || {};
  const TOLD = ['close', 'online', 'reconnected', 'reconnect failed', 'open'];
  let reconnecting = false;

  // It may come to the page late.
  function toGoogle(hit) {
    if (typeof globalThis.ga === 'function') globalThis.ga('send', hit);
  }

  // By another name, or not at all.
  const named = (name) => (Object.hasOwn(events || {}, name) ? events[name] : name);

  function track(name) {
    const eventAction = named(name);
    // The user has not caused it.
    if (eventAction !== false) report({ eventAction, eventCategory: category, hitType: 'event', nonInteraction: 1 });
  }

  primus._tap((event, [error]) => {
    if (TOLD.includes(event)) track(event.replace(' ', '-'));
    if (event === 'open') reconnecting = false;
    // The first attempt is the beginning.
    if (event === 'reconnect scheduled' && !reconnecting) {
      reconnecting = true;
      track('reconnect-start');
    }
    if (event === 'error' && named(event) !== false) {
      report({ hitType: 'exception', exDescription: `${error?.message ?? error}`, exFatal: true, appName: app });
    }
  });

  primus.transform('outgoing', ({ data }) => {
    const list = data?.emit ?? (data?.type === 0 && data.data);
    const name = Array.isArray(list) ? list[0] : null;
    track(typeof name === 'string' ? name : 'write');
  });
}
