//! Plugins: named extensions of a server.

pub(crate) mod client;

use crate::error::BoxError;
use crate::server::primus::Primus;

pub use client::ClientPlugin;

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
