//! Which transformers a server, or a client, is to have.

use std::fmt;
use std::sync::Arc;

use super::connect::Dials;
use super::custom::CustomTransformer;
use super::port::{Mounted, Port};
use super::several::{Candidate, Several};
use super::{Given, Kind, Script, options};
use crate::error::{Error, Result};
use crate::parsers::Parser;

/// The names of transformers: one, a list, or `all`, which stands for those of the
/// crate that are not named beside it.
///
/// Made of a text with names and commas or spaces between them, or of a list of texts; case does
/// not matter.
///
/// ```
/// use primus::{Primus, transformers::Transformers};
///
/// let several = ["engine.io", "websockets"];
/// let primus = Primus::builder().transformer(several).build()?;
/// assert_eq!(primus.client_options().transformers(), several);
/// assert_eq!(Transformers::from("engine.io, websockets"), Transformers::from(several));
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Transformers(Vec<String>);

/// The name that stands for all that are not named.
const ALL: &str = "all";

impl Transformers {
    fn split(text: &str) -> impl Iterator<Item = String> {
        let between = |c: char| c == ',' || c.is_whitespace();
        text.split(between).filter(|name| !name.is_empty()).map(str::to_owned)
    }

    /// Those of a spec document that are known here; the error of the first, if none
    /// is.
    pub(crate) fn known(names: &[String]) -> Result<Self> {
        let known = names.iter().filter(|name| Kind::of_name(name).is_ok());
        let known = Transformers(known.cloned().collect());
        match names.first() {
            Some(first) if known.0.is_empty() => Kind::of_name(first).map(|_| known),
            _ => Ok(known),
        }
    }
}

impl fmt::Debug for Transformers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl From<&str> for Transformers {
    fn from(names: &str) -> Self {
        Transformers(Self::split(names).collect())
    }
}

impl From<String> for Transformers {
    fn from(names: String) -> Self {
        Self::from(&*names)
    }
}

impl From<&String> for Transformers {
    fn from(names: &String) -> Self {
        Self::from(&**names)
    }
}

impl<S: AsRef<str>, const N: usize> From<[S; N]> for Transformers {
    fn from(names: [S; N]) -> Self {
        Self::from(&names[..])
    }
}

impl<S: AsRef<str>> From<Vec<S>> for Transformers {
    fn from(names: Vec<S>) -> Self {
        Self::from(&names[..])
    }
}

impl<S: AsRef<str>> From<&[S]> for Transformers {
    fn from(names: &[S]) -> Self {
        Transformers(names.iter().flat_map(|name| Self::split(name.as_ref())).collect())
    }
}

/// One of the crate's own, by one of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub kind: Kind,
    pub name: &'static str,
}

/// Those that were chosen, in the order in which clients are to try them, and behind
/// them those of the application's own.
#[derive(Clone, Default)]
pub(crate) struct Chosen {
    own: Vec<Named>,
    custom: Vec<Arc<dyn CustomTransformer>>,
}

impl Chosen {
    /// Those with these names.
    ///
    /// # Errors
    /// [`Error::Option`] for a name that is none, and for two of one protocol, which
    /// no request could tell apart.
    pub fn of(wanted: &Transformers) -> Result<Self> {
        let is_all = |name: &String| name.eq_ignore_ascii_case(ALL);
        let named = wanted.0.iter().filter(|name| !is_all(name));
        let named: Vec<_> = named.map(|name| Kind::of_name(name)).collect::<Result<_>>()?;
        let rest = Kind::ALL.into_iter().filter(|kind| named.iter().all(|(own, _)| own != kind));
        let mut own: Vec<Named> = Vec::new();
        let mut named = named.iter();
        for name in &wanted.0 {
            if is_all(name) {
                let rest = rest.clone().filter(|kind| own.iter().all(|named| named.kind != *kind));
                let rest: Vec<_> = rest.map(|kind| Named { kind, name: kind.name() }).collect();
                own.extend(rest);
            } else if let Some(&(kind, name)) = named.next() {
                if let Some(same) = own.iter().find(|named| named.kind == kind) {
                    let same = same.name;
                    let text = format!(
                        "the transformers `{same}` and `{name}` are one protocol: name one of them"
                    );
                    return Err(Error::Option(text));
                }
                own.push(Named { kind, name });
            }
        }
        Ok(Chosen { own, custom: Vec::new() })
    }

    /// Adds those of the application's own.
    ///
    /// # Errors
    /// [`Error::Option`] for a name that cannot be one or is taken, and when there is
    /// none at all.
    pub fn with(mut self, custom: Vec<Arc<dyn CustomTransformer>>) -> Result<Self> {
        for transformer in custom {
            let name = transformer.name();
            let is_word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            let is_free = !name.eq_ignore_ascii_case(ALL)
                && Kind::of_name(name).is_err()
                && self.names().all(|known| !known.eq_ignore_ascii_case(name));
            if !is_word || name.contains([',', ':', '"', '\\']) || !is_free {
                let text = format!("a transformer of your own cannot be named {name:?}");
                return Err(Error::Option(text));
            }
            self.custom.push(transformer);
        }
        if self.own.is_empty() && self.custom.is_empty() {
            return Err(Error::Option("`transformer` names none".into()));
        }
        Ok(self)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let own = self.own.iter().map(|named| named.name);
        own.chain(self.custom.iter().map(|custom| custom.name()))
    }

    /// The parser as it is to be used, if all can carry its messages.
    ///
    /// # Errors
    /// As [`Kind::check_parser`].
    pub fn check_parser(&self, parser: Parser) -> Result<Parser> {
        let mut parser = parser;
        for named in &self.own {
            parser = named.kind.check_parser(parser)?;
        }
        for custom in self.custom.iter().filter(|custom| !custom.takes_bytes()) {
            parser = super::check_text_parser(custom.name(), parser)?;
        }
        Ok(parser)
    }

    /// Their servers.
    ///
    /// # Errors
    /// [`Error::Option`] for the value of an option that cannot be used.
    pub fn port(&self, given: &Given) -> Result<Port> {
        let own = each(&self.own, given, |Named { kind, name }, given| {
            let (transformer, unknown) = kind.server(name, given)?;
            Ok((Mounted { name, kind, transformer }, owned(unknown)))
        })?;
        Ok(Port::new(own, self.custom.clone()))
    }

    /// Their clients.
    ///
    /// # Errors
    /// [`Error::Option`] for the value of an option that cannot be used.
    pub fn client(&self, given: &Given) -> Result<Arc<dyn Dials>> {
        let mut all = each(&self.own, given, |Named { kind, name }, given| {
            let (dials, unknown) = kind.client(given)?;
            Ok((Candidate { name, dials }, owned(unknown)))
        })?;
        match all.pop() {
            None => Err(Error::Option("`transformer` names none".into())),
            Some(only) if all.is_empty() => Ok(only.dials),
            Some(last) => {
                all.push(last);
                Ok(Arc::new(Several::new(all)))
            }
        }
    }

    /// Without those that cannot carry what this parser makes, and the parser as it is
    /// to be used: what a client can speak.
    ///
    /// # Errors
    /// As [`Kind::check_parser`], if that is none.
    pub fn speaking(mut self, parser: Parser) -> Result<(Self, Parser)> {
        let first = self.own.first().copied();
        self.own.retain(|named| named.kind.check_parser(parser.clone()).is_ok());
        if let (Some(first), true) = (first, self.own.is_empty()) {
            first.kind.check_parser(parser.clone())?;
        }
        let parser = self.check_parser(parser)?;
        Ok((self, parser))
    }

    /// What browsers have of them, by their names; nothing of those of the
    /// application's own.
    pub fn scripts(&self) -> impl Iterator<Item = (&'static str, Script)> {
        self.own.iter().map(|named| (named.name, named.kind.script()))
    }
}

fn owned(unknown: Vec<&str>) -> Vec<String> {
    unknown.into_iter().map(str::to_owned).collect()
}

/// Makes something of each, with the options that are for it; those that nobody knows
/// are told of.
fn each<T>(
    own: &[Named],
    given: &Given,
    make: impl Fn(Named, &Given) -> Result<(T, Vec<String>)>,
) -> Result<Vec<T>> {
    let mut made = Vec::new();
    // How many did not know it, of each option.
    let mut unknown = vec![0; given.len()];
    for named in own {
        let (places, options): (Vec<_>, Vec<_>) = options_for(named.kind, given).unzip();
        let (one, strange) = make(*named, &options)?;
        made.push(one);
        let is_strange = |at: &usize| strange.contains(&options[*at].0);
        (0..options.len()).filter(is_strange).for_each(|at| unknown[places[at]] += 1);
    }
    for ((name, _), unknown) in given.iter().zip(unknown) {
        let asked = own.iter().filter(|named| is_for(named.kind, name).is_some()).count();
        if unknown == asked {
            let own: Vec<_> = own.iter().map(|named| named.name).collect();
            options::warn(&own.join(", "), &[name]);
        }
    }
    Ok(made)
}

/// The options that are for a protocol, and where each is among all: those for whoever
/// knows them, and those that name it, as in `engine.io:transports`.
fn options_for(kind: Kind, given: &Given) -> impl Iterator<Item = (usize, (String, String))> {
    given.iter().enumerate().filter_map(move |(at, (name, value))| {
        Some((at, (is_for(kind, name)?.to_owned(), value.clone())))
    })
}

/// The name of an option without that of the protocol, if it is for this one.
fn is_for(kind: Kind, option: &str) -> Option<&str> {
    match option.split_once(':') {
        Some((name, rest)) => {
            Kind::of_name(name.trim()).ok().filter(|(of, _)| *of == kind).map(|_| rest)
        }
        None => Some(option),
    }
}
