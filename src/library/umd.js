(function (name, create, libraries) {
  const host = typeof module === 'object' && module.exports ? module : null;
  const Primus = create(host);
  libraries.forEach((library) => library(Primus));
  if (host) module.exports = Primus.default = Primus[name] = Primus;
  else if (typeof define === 'function' && define.amd) define([], () => Primus);
  if (!host) globalThis[name] = Primus;
})(__NAME__, __CREATE__, [__LIBRARIES__]);
