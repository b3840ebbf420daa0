//! A `rustls` session that keeps no bytes: what comes is processed where it lies, and
//! what goes out is put where it is sent from. One that waits owns its keys and little
//! more.

use std::borrow::Cow;
use std::io::IoSlice;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    AppDataRecord, ConnectionState, EncodeError, EncryptError, UnbufferedStatus,
};
use rustls::{CommonState, Error};

/// What a record takes more than what it holds, in the usual suites of both versions.
const OVERHEAD: usize = 32;

/// See the module.
pub(super) enum Session {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What is to be said.
#[derive(Clone, Copy)]
pub(super) enum Say<'a> {
    /// Nothing: it is about what has come.
    Nothing,
    Bytes(&'a [u8]),
    /// That our direction ends.
    Bye,
}

/// How a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do.
    Goes,
    /// The peer has ended its direction.
    Closed,
    /// With more from the peer.
    Waits,
    /// It is said.
    Said,
}

/// Where a session puts what comes of a step.
pub(super) struct Out<'a> {
    /// What the peer has said.
    pub plain: &'a mut Vec<u8>,
    /// What is to be sent.
    pub records: &'a mut Vec<u8>,
}

impl Session {
    /// What both sides have.
    pub fn common(&self) -> &CommonState {
        match self {
            Session::Client(client) => client,
            Session::Server(server) => server,
        }
    }

    /// Goes one step on. `incoming` is what has come and was not processed: of it so
    /// many bytes are done with. The rest is to be given again, be it changed, with
    /// what comes behind it.
    pub fn step(
        &mut self,
        incoming: &mut [u8],
        say: Say<'_>,
        out: Out<'_>,
    ) -> (usize, Result<Step, Error>) {
        match self {
            Session::Client(client) => step(client.process_tls_records(incoming), say, out, none),
            Session::Server(server) => {
                step(server.process_tls_records(incoming), say, out, |state, plain| {
                    // There is some only where a ready configuration asks for it.
                    let ConnectionState::ReadEarlyData(mut early) = state else { return Ok(()) };
                    while let Some(record) = early.next_record() {
                        take(record?, plain);
                    }
                    Ok(())
                })
            }
        }
    }
}

fn none<State>(_: State, _: &mut Vec<u8>) -> Result<(), Error> {
    Ok(())
}

fn take(record: AppDataRecord<'_>, plain: &mut Vec<u8>) {
    plain.extend_from_slice(record.payload);
}

fn step<'c, 'i, Data>(
    UnbufferedStatus { discard, state }: UnbufferedStatus<'c, 'i, Data>,
    say: Say<'_>,
    Out { plain, records }: Out<'_>,
    early: impl FnOnce(ConnectionState<'c, 'i, Data>, &mut Vec<u8>) -> Result<(), Error>,
) -> (usize, Result<Step, Error>) {
    let work = || {
        Ok(match state? {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    take(record?, plain);
                }
                Step::Goes
            }
            ConnectionState::EncodeTlsData(mut data) => {
                append(records, 0, |room| data.encode(room).map_err(Short::from))?;
                Step::Goes
            }
            ConnectionState::TransmitTlsData(data) => {
                data.done();
                Step::Goes
            }
            ConnectionState::PeerClosed => Step::Closed,
            ConnectionState::WriteTraffic(mut traffic) => {
                match say {
                    Say::Nothing => return Ok(Step::Waits),
                    Say::Bytes(bytes) => append(records, bytes.len() + OVERHEAD, |room| {
                        traffic.encrypt(bytes, room).map_err(Short::from)
                    })?,
                    Say::Bye => append(records, OVERHEAD, |room| {
                        traffic.queue_close_notify(room).map_err(Short::from)
                    })?,
                }
                Step::Said
            }
            state @ ConnectionState::ReadEarlyData(_) => {
                early(state, plain)?;
                Step::Goes
            }
            _ => Step::Waits,
        })
    };
    (discard, work())
}

/// Why a session has not written to the room that it was given.
enum Short {
    /// It needs so much.
    Of(usize),
    /// It cannot.
    Never,
}

impl From<EncodeError> for Short {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(size) => Short::Of(size.required_size),
            EncodeError::AlreadyEncoded => Short::Never,
        }
    }
}

impl From<EncryptError> for Short {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(size) => Short::Of(size.required_size),
            EncryptError::EncryptExhausted => Short::Never,
        }
    }
}

/// Appends what is written, for which there is probably room enough.
fn append(
    records: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Short>,
) -> Result<(), Error> {
    let end = records.len();
    loop {
        records.resize(end + room, 0);
        match write(records.get_mut(end..).unwrap_or_default()) {
            Ok(written) => {
                records.truncate(end + written);
                return Ok(());
            }
            Err(Short::Of(needed)) if needed > room => room = needed,
            Err(_) => {
                records.truncate(end);
                return Err(Error::General("the keys are worn out".into()));
            }
        }
    }
}

/// Of these pieces, from a place on, as much as there is room for, in one piece.
pub(super) fn part<'a>(pieces: &'a [IoSlice<'_>], mut at: usize, mut room: usize) -> Cow<'a, [u8]> {
    if let [piece] = pieces {
        let end = piece.len().min(at + room);
        return Cow::Borrowed(piece.get(at..end).unwrap_or_default());
    }
    let mut part = Vec::new();
    for piece in pieces {
        let skipped = at.min(piece.len());
        at -= skipped;
        let end = piece.len().min(skipped + room);
        let piece = piece.get(skipped..end).unwrap_or_default();
        room -= piece.len();
        part.extend_from_slice(piece);
    }
    Cow::Owned(part)
}

impl From<UnbufferedClientConnection> for Session {
    fn from(client: UnbufferedClientConnection) -> Self {
        Session::Client(client)
    }
}

impl From<UnbufferedServerConnection> for Session {
    fn from(server: UnbufferedServerConnection) -> Self {
        Session::Server(server)
    }
}
