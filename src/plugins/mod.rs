//! Plugins: named extensions of a server.

use crate::error::BoxError;
use crate::server::Primus;

/// An extension that is registered with
/// [`Builder::plugin`](crate::Builder::plugin) or [`Primus::plugin`].
///
/// ```
/// use primus::{BoxError, Plugin, Primus};
///
/// /// Logs who comes.
/// struct Visitors;
///
/// impl Plugin for Visitors {
///     fn name(&self) -> &str {
///         "visitors"
///     }
///
///     fn server(&self, primus: &Primus) -> Result<(), BoxError> {
///         primus.on_connection(|spark| println!("{} from {}", spark.id(), spark.address()));
///         Ok(())
///     }
/// }
///
/// let primus = Primus::builder().plugin(Visitors).build()?;
/// assert_eq!(primus.plugins(), ["visitors"]);
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
pub trait Plugin: Send + Sync + 'static {
    /// The name by which it is known; not empty, and unique on a server.
    fn name(&self) -> &str;

    /// Called once, when the plugin is registered: installs listeners,
    /// transforms and middleware.
    ///
    /// # Errors
    /// Whatever keeps the plugin from working; it is not registered then.
    fn server(&self, primus: &Primus) -> Result<(), BoxError>;

    /// What it has for the browser client. Nothing by default. Asked when the
    /// plugin is registered.
    fn client(&self) -> Option<ClientPlugin<'_>> {
        None
    }

    /// Called when the plugin is taken out with [`Primus::plugout`]. Does
    /// nothing by default.
    fn plugout(&self, primus: &Primus) {
        let _ = primus;
    }
}

/// The browser's half of a plugin, in JavaScript.
///
/// ```
/// use primus::{BoxError, ClientPlugin, Plugin, Primus};
///
/// struct Shout;
///
/// impl Plugin for Shout {
///     fn name(&self) -> &str {
///         "shout"
///     }
///
///     fn server(&self, _: &Primus) -> Result<(), BoxError> {
///         Ok(())
///     }
///
///     fn client(&self) -> Option<ClientPlugin<'_>> {
///         Some(ClientPlugin {
///             client: "function (primus) {
///               primus.transform('outgoing', (packet) => {
///                 packet.data = String(packet.data).toUpperCase();
///               });
///             }",
///             ..ClientPlugin::default()
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
pub struct ClientPlugin<'a> {
    /// Source of `function (primus, options)`, which is called for each
    /// connection of the page before it opens. An expression: no method in
    /// shorthand, no `;` behind it.
    pub client: &'a str,
    /// Source that runs once, when the client was loaded, outside its scope, with
    /// the class as `Primus`; may be empty.
    pub library: &'a str,
}
