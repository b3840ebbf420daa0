// What only Node.js has, and only before version 22 is asked for.
const host = {
  require(name) {
    return process.getBuiltinModule('module').createRequire(import.meta.url)(name);
  }
};
const create = __CREATE__;
const Primus = create(host);

export { Primus as default, Primus as __NAME__ };
