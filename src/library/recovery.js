// When to try again after a connection was lost: the first time after `min`
// exactly, the nth time after `(1 + random) * min * factor ** (n - 1)`, at most
// `max`, `retries` times.

// The longest delay that a timer can hold.
const LONGEST = 0x7fffffff;

function createRecovery(wishes) {
  const options = { 'reconnect timeout': 30000, retries: 10, factor: 2, max: Infinity, min: 500, ...wishes };
  let attempt = 0;

  const self = {
    options,
    // The delay before the last attempt.
    last: 0,

    // The next attempt, if there may be another.
    next() {
      const { min, max, factor, retries } = options;
      if (attempt >= retries) return null;
      const grown = Math.round((1 + Math.random()) * min * factor ** attempt) || 0;
      const scheduled = attempt++ ? Math.min(grown, max) : min;
      self.last = Math.min(scheduled, LONGEST);
      return { ...options, attempt, backoff: true, scheduled: self.last };
    },

    reset() {
      attempt = self.last = 0;
    }
  };
  return self;
}
