// What happens to the page happens to its connections. The client itself is the
// listener, which costs no function for each.

function watchPage(primus, how = 'addEventListener') {
  ['pagehide', 'pageshow', 'online', 'offline'].forEach((event) => globalThis[how]?.(event, primus));
}

function handleEvent({ type, persisted }) {
  if (type === 'pagehide') this._input('hide');
  else if (persisted) this._input('show');
  else if (type !== 'pageshow' && this.NETWORK_EVENTS) this._input('network', type === 'online');
}
