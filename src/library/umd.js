(function (name, create) {
  const host = typeof module === 'object' && module.exports ? module : null;
  const Primus = create(host);
  if (host) module.exports = Primus.default = Primus[name] = Primus;
  else if (typeof define === 'function' && define.amd) define([], () => Primus);
  if (!host) globalThis[name] = Primus;
})(__NAME__, __CREATE__);
