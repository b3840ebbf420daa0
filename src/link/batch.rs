//! Commands that are sent together, as the bytes that Redis reads.

use std::sync::OnceLock;

/// A script in Lua that Redis runs as a whole. Kept in a `static`:
///
/// ```
/// use primus::link::Script;
///
/// static TAKE: Script = Script::new("return redis.call('GETDEL', KEYS[1])");
/// ```
#[derive(Debug)]
pub struct Script {
    body: &'static str,
    hash: OnceLock<String>,
}

impl Script {
    /// A script with this source.
    pub const fn new(body: &'static str) -> Self {
        Script { body, hash: OnceLock::new() }
    }

    /// What Redis knows it by once it has seen it.
    pub(super) fn hash(&self) -> &str {
        self.hash.get_or_init(|| redis::Script::new(self.body).get_hash().to_owned())
    }
}

/// Commands that are sent together, in this order; other servers' commands may be
/// carried out in between unless the batch is [atomic](Self::atomic).
///
/// ```
/// use primus::link::Batch;
///
/// let batch = Batch::new().cmd(&["SADD", "room", "one"]).cmd(&["SCARD", "room"]).atomic();
/// assert_eq!(batch.len(), 2);
/// ```
///
/// Commands that block (`BLPOP`, `XREAD` with `BLOCK`), that change the connection
/// (`SELECT`, `SUBSCRIBE`, `MULTI`, `HELLO`) or say nothing (`CLIENT REPLY`) do not
/// belong here: all share one connection, and count on its replies.
#[derive(Debug, Default)]
#[must_use = "it is sent by a link"]
pub struct Batch {
    steps: Vec<Step>,
    bytes: usize,
    atomic: bool,
}

/// One command.
#[derive(Debug)]
pub(super) enum Step {
    Command(Vec<u8>),
    Script {
        script: &'static Script,
        /// The number of keys, the keys and the arguments.
        count: usize,
        rest: Vec<u8>,
    },
}

impl Batch {
    /// An empty one.
    pub fn new() -> Self {
        Batch::default()
    }

    /// With one more command: its name and its arguments, text or bytes.
    pub fn cmd<A: AsRef<[u8]>>(mut self, command: &[A]) -> Self {
        self.add(command);
        self
    }

    /// [`cmd`](Self::cmd) in a loop. An empty command is left out.
    pub fn add<A: AsRef<[u8]>>(&mut self, command: &[A]) {
        if command.is_empty() {
            return;
        }
        let mut bytes = Vec::with_capacity(wire_size(command) + 16);
        put_count(&mut bytes, command.len());
        put_all(&mut bytes, command);
        self.push(Step::Command(bytes));
    }

    /// With a `PUBLISH`.
    pub fn publish(self, channel: &str, payload: &[u8]) -> Self {
        self.cmd(&[b"PUBLISH", channel.as_bytes(), payload])
    }

    /// With one more command, a script with its keys and arguments. It goes by its hash
    /// once this connection has sent it, and whole again where Redis has forgotten it.
    pub fn script<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        mut self,
        script: &'static Script,
        keys: &[K],
        args: &[A],
    ) -> Self {
        let number = keys.len().to_string();
        let mut rest = Vec::with_capacity(wire_size(keys) + wire_size(args) + 16);
        put(&mut rest, number.as_bytes());
        put_all(&mut rest, keys);
        put_all(&mut rest, args);
        self.push(Step::Script { script, count: 1 + keys.len() + args.len(), rest });
        self
    }

    /// All or nothing, with nothing in between (`MULTI` and `EXEC`). One command that
    /// fails does not take back those before it, though: Redis has no roll-back.
    pub fn atomic(mut self) -> Self {
        self.atomic = true;
        self
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The bytes that it takes on the wire, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_atomic(&self) -> bool {
        self.atomic
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn push(&mut self, step: Step) {
        self.bytes += match &step {
            Step::Command(bytes) => bytes.len(),
            Step::Script { rest, .. } => 64 + rest.len(),
        };
        self.steps.push(step);
    }
}

impl Step {
    /// Appends the command as Redis reads it; a script whole, or by its hash.
    pub(super) fn write(&self, whole: bool, out: &mut Vec<u8>) {
        match self {
            Step::Command(bytes) => out.extend_from_slice(bytes),
            Step::Script { script, count, rest } => {
                put_count(out, 2 + count);
                let how: [&[u8]; 2] = match whole {
                    true => [b"EVAL", script.body.as_bytes()],
                    false => [b"EVALSHA", script.hash().as_bytes()],
                };
                put_all(out, &how);
                out.extend_from_slice(rest);
            }
        }
    }

    /// The command's name, for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Step::Command(bytes) => {
                // `*3\r\n$7\r\nPUBLISH\r\n…`
                let name = bytes.split(|&byte| byte == b'\n').nth(2).unwrap_or_default();
                String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
            }
            Step::Script { .. } => "EVAL".to_owned(),
        }
    }
}

/// What a command takes as Redis reads it, about.
fn wire_size<A: AsRef<[u8]>>(args: &[A]) -> usize {
    args.iter().map(|arg| arg.as_ref().len() + 12).sum()
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(format!("*{count}\r\n").as_bytes());
}

fn put_all<A: AsRef<[u8]>>(out: &mut Vec<u8>, args: &[A]) {
    for arg in args {
        put(out, arg.as_ref());
    }
}

fn put(out: &mut Vec<u8>, arg: &[u8]) {
    out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
    out.extend_from_slice(arg);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    static ONE: Script = Script::new("return 1");

    fn written(batch: &Batch, whole: bool) -> String {
        let mut out = Vec::new();
        batch.steps().iter().for_each(|step| step.write(whole, &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_command_is_an_array_of_its_parts() {
        let batch = Batch::new().cmd(&["SET", "key", "", "é"]).publish("news", b"a\r\nb");
        let expected = "*4\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n$2\r\né\r\n\
                        *3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$4\r\na\r\nb\r\n";
        assert_eq!(written(&batch, false), expected);
        assert_eq!((batch.len(), batch.bytes()), (2, expected.len()));
        let names: Vec<_> = batch.steps().iter().map(Step::name).collect();
        assert_eq!(names, ["SET", "PUBLISH"]);
    }

    #[test]
    fn a_script_goes_whole_or_by_its_hash() {
        let batch = Batch::new().script(&ONE, &["k"], &["x", "y"]);
        let rest = "$1\r\n1\r\n$1\r\nk\r\n$1\r\nx\r\n$1\r\ny\r\n";
        let whole = format!("*6\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n{rest}");
        assert_eq!(written(&batch, true), whole);
        let hash = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
        let short = format!("*6\r\n$7\r\nEVALSHA\r\n$40\r\n{hash}\r\n{rest}");
        assert_eq!(written(&batch, false), short);
    }

    #[test]
    fn nothing_is_no_command() {
        let batch = Batch::new().cmd::<&str>(&[]);
        assert!(batch.is_empty() && batch.bytes() == 0);
    }
}
