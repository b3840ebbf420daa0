// Primus's own messages, and the client's side of the heartbeat.
//
// Since Primus 7 the server pings; with older servers (`ping` is set) the
// client does, and waits for the pong.

// A verdict that is so late says that the page, not the server, stood still.
const LATE = 1000;
// How long the server may still be silent then.
const GRACE = 10000;

// What a message of Primus's own says; null for any other.
function control(text) {
  if (typeof text !== 'string' || !text.startsWith('primus::')) return null;
  const end = text.indexOf(':', 8);
  const type = text.slice(8, end);
  return end > 0 && /^(ping|pong|id|server)$/.test(type) ? { type, value: text.slice(end + 2) } : null;
}

class Heartbeat {
  // `options` are those of the client: `pingTimeout`, or `ping` and `pong`; ms,
  // or false for never.
  constructor(options, now) {
    this.options = options;
    this.pings = options.ping !== undefined;
    this.opened = now;
    this.heard = false;
    this.pinged = null;
    this.graced = false;
    this.rearm(now, this.pings ? options.ping : options.pingTimeout);
    this.deadline = this.due;
  }

  rearm(now, span) {
    this.due = span === false || span == null ? Infinity : now + Math.max(1, span);
  }

  // A ping or pong came: what is to be answered, or null if it is none of ours.
  beat(type, value, now) {
    if ((type === 'ping') === this.pings) return null;
    const beat = { latency: null };
    if (this.pings) {
      if (this.pinged && +value === this.pinged.wall) beat.latency = now - this.pinged.now;
      this.pinged = null;
      this.rearm(now, this.options.ping);
    } else {
      this.heard = true;
      beat.answer = +value;
      this.rearm(now, this.options.pingTimeout);
    }
    // The timer need not be told of a later deadline; it finds out.
    this.deadline = Math.min(this.deadline, this.due);
    return beat;
  }

  // The deadline has come: true for a ping to be sent, false when the connection
  // is lost.
  tick(now, wall) {
    let ping = null;
    if (now >= this.due) {
      const late = now - this.deadline > LATE;
      // What came while the timer slept is not handled yet; once in a row.
      const excused = late && !this.graced;
      this.graced = excused;
      if (this.pings && !this.pinged) {
        ping = true;
        this.pinged = { now, wall };
        this.rearm(now, this.options.pong);
      } else if (excused) {
        this.rearm(now, Math.min(this.pings ? this.options.pong : this.options.pingTimeout, GRACE));
      } else {
        return false;
      }
    }
    this.deadline = this.due;
    return ping;
  }
}
