// What happens to the page happens to its connections.

function watchPage(primus) {
  if (typeof addEventListener !== 'function') return;
  const happens = {
    pagehide: () => primus._input('hide'),
    pageshow: ({ persisted }) => persisted && primus._input('show')
  };
  if (primus.NETWORK_EVENTS) {
    happens.online = () => primus._input('network', true);
    happens.offline = () => primus._input('network', false);
  }
  for (const event in happens) addEventListener(event, happens[event]);
  primus.once('destroy', () => {
    for (const event in happens) removeEventListener(event, happens[event]);
  });
}
