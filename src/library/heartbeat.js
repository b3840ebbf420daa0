// Primus's own messages, and the client's side of the heartbeat.
//
// Since Primus 7 the server pings; with older servers (`ping` is set) the
// client does, and waits for the pong.

// A verdict that is so late says that the page, not the server, stood still.
const LATE = 1000;
// How long the server may still be silent then.
const GRACE = 10000;

// What a message of Primus's own says, after the whole: its type and its value;
// nothing of any other.
function control(text) {
  return typeof text === 'string' && text.startsWith('primus::') && /^primus::(ping|pong|id|server):.?(.*)$/s.exec(text);
}

const after = (now, span) => (span || span === 0 ? now + Math.max(1, span) : Infinity);

function createHeartbeat({ pingTimeout, ping, pong }, opened) {
  const pings = ping !== undefined;
  const pause = pings ? ping : pingTimeout;
  let due = after(opened, pause);
  // Our ping that has no answer yet: when, and what it says.
  let pinged;
  let sent;
  let graced;

  const self = {
    deadline: due,

    // A ping or pong came; false if it is none of ours.
    beat(type, value, now) {
      if ((type === 'ping') === pings) return false;
      if (pinged && +value === sent) self.latency = now - pinged;
      pinged = 0;
      due = after(now, pause);
      // The timer need not be told of a later deadline; it finds out.
      self.deadline = Math.min(self.deadline, due);
      return true;
    },

    // The deadline has come: true for a ping to be sent, false when the connection
    // is lost.
    tick(now, wall) {
      const pinging = now >= due && pings && !pinged;
      if (now >= due) {
        // What came while the timer slept is not handled yet; once in a row.
        graced = !graced && now - self.deadline > LATE;
        if (pinging) [pinged, sent] = [now, wall];
        else if (!graced) return false;
        due = after(now, pinging ? pong : Math.min(pings ? pong : pingTimeout, GRACE));
      }
      self.deadline = due;
      return pinging || null;
    }
  };
  return self;
}
