//! What a plugin has for browsers.

/// The browser's half of a plugin, in JavaScript.
///
/// ```
/// use primus::{Plugin, Primus, Script};
///
/// struct Shout;
///
/// impl Plugin for Shout {
///     fn name(&self) -> &str {
///         "shout"
///     }
///
///     fn script(&self) -> Option<Script<'_>> {
///         Some(Script {
///             client: "function (primus) {
///               primus.transform('outgoing', (packet) => {
///                 packet.data = String(packet.data).toUpperCase();
///               });
///             }",
///             ..Script::default()
///         })
///     }
/// }
///
/// let primus = Primus::builder().plugin(Shout).build()?;
/// assert!(primus.library().contains("toUpperCase"));
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Script<'a> {
    /// Source of `function (primus, options)`, which is called for each
    /// connection of the page before it opens. An expression: no method in
    /// shorthand, no `;` behind it.
    pub client: &'a str,
    /// Source that runs once, when the client was loaded, outside its scope, with
    /// the class as `Primus`; may be empty. What several plugins bring along is
    /// there once.
    pub library: &'a str,
    /// What it adds to the types of the client, as declarations that merge with
    /// those of `primus.d.ts`; may be empty.
    pub types: &'a str,
}
