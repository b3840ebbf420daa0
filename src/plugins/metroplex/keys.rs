//! The names of keys.

/// The keys of a namespace.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// With the colon.
    prefix: String,
}

impl Keys {
    pub fn of(namespace: &str) -> Self {
        Keys { prefix: format!("{namespace}:") }
    }

    /// The set of the addresses of all servers.
    pub fn servers(&self) -> String {
        format!("{}servers", self.prefix)
    }

    /// The hash of all sparks: where each is.
    pub fn sparks(&self) -> String {
        format!("{}sparks", self.prefix)
    }

    /// A server's sign of life.
    pub fn alive(&self, address: &str) -> String {
        format!("{}{address}", self.prefix)
    }

    /// The six keys that scripts are given, in the order in which they take them: all
    /// servers, the sign of life of this one, its sparks, where all sparks are, which
    /// process has the address, and which other one wants it.
    pub fn of_server(&self, address: &str) -> [String; 6] {
        let alive = self.alive(address);
        let own = |name: &str| format!("{alive}:{name}");
        let [set, boot, rival] = [own("sparks"), own("boot"), own("rival")];
        [self.servers(), alive, set, self.sparks(), boot, rival]
    }
}
