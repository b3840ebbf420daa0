// When to try again after a connection was lost: the first time after `min`
// exactly, the nth time after `(1 + random) * min * factor ** (n - 1)`, at most
// `max`, `retries` times.

// The longest delay that a timer can hold.
const LONGEST = 0x7fffffff;

class Recovery {
  constructor(options) {
    this.options = {
      'reconnect timeout': 30000,
      retries: 10,
      factor: 2,
      max: Infinity,
      min: 500,
      ...options
    };
    this.reset();
  }

  // The next attempt, if there may be another.
  next() {
    const { min, max, factor, retries } = this.options;
    if (this.attempts >= retries) return null;
    const attempt = ++this.attempts;
    const grown = Math.round((1 + Math.random()) * min * factor ** (attempt - 1));
    const scheduled = attempt === 1 ? min : Math.min(grown || 0, max);
    return {
      ...this.options,
      start: this.start,
      duration: 0,
      attempt,
      backoff: true,
      scheduled: Math.max(0, Math.min(scheduled, LONGEST))
    };
  }

  reset() {
    this.attempts = 0;
    this.start = Date.now();
  }
}
