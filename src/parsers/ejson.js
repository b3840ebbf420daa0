// The parser `ejson`: JSON in which dates, bytes, regular expressions and the
// numbers that JSON lacks are objects with certain keys.

const WRAPPERS = /^(\$(date|binary|InfNaN|escape)|\$flags,\$regexp|\$type,\$value)$/;

const isWrapper = (value) => WRAPPERS.test(Object.keys(value).sort());

function wrap(value) {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { $InfNaN: value > 0 ? 1 : value < 0 ? -1 : 0 };
  }
  // Methods, `toJSON` among them, are not asked.
  if (typeof value === 'function') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return { $date: +value };
  if (value instanceof RegExp) return { $regexp: value.source, $flags: value.flags };
  if (value instanceof Uint8Array) return { $binary: toBase64(value) };
  if (Array.isArray(value)) return Array.from(value, wrap);
  const entries = Object.keys(value).map((key) => [key, wrap(value[key])]);
  const object = Object.fromEntries(entries);
  return isWrapper(object) ? { $escape: object } : object;
}

function unwrap(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(unwrap);
  if (!isWrapper(value)) return unwrapEach(value);
  if ('$date' in value) return new Date(value.$date);
  if ('$InfNaN' in value) return value.$InfNaN / 0;
  if ('$binary' in value) return fromBase64(value.$binary);
  if ('$regexp' in value) return new RegExp(value.$regexp, value.$flags);
  if ('$escape' in value) return unwrapEach(value.$escape);
  throw new TypeError(`The message has a type that is not known here: ${value.$type}`);
}

// The object itself is taken as it is.
function unwrapEach(object) {
  return Object.fromEntries(Object.keys(object).map((key) => [key, unwrap(object[key])]));
}

function encoder(data, done) {
  done(null, JSON.stringify(wrap(data)));
}

function decode(packet) {
  if (typeof packet !== 'string') throw new TypeError('The message is no text');
  return unwrap(JSON.parse(packet));
}
