//! How many of the places each address has, and may have.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

use crate::limits::Limits;

/// What counts as one client: an IPv4 address, or a /64 network of IPv6, all of
/// which an IPv6 client owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner(IpAddr);

impl Owner {
    /// The owner of an address.
    pub(crate) fn of(ip: IpAddr) -> Owner {
        match ip.to_canonical() {
            IpAddr::V6(ip) => Owner(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into()),
            ip => Owner(ip),
        }
    }

    /// Whether the default limits leave it alone.
    pub(crate) fn is_local(self) -> bool {
        // The rest of ::1 was cut off.
        is_local(self.0) || self.0 == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    }
}

/// Whether an address is of this machine or a private network (RFC 1918, 3927,
/// 4193, 6598): it may be a proxy, with the whole world behind it.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// What a place is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A TCP or Unix connection.
    Connection,
    /// A session whose client polls.
    Session,
}

/// The most places of one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    places: Option<usize>,
    sessions: Option<usize>,
    /// All there are.
    all: usize,
}

impl Bounds {
    /// Those of these limits, if there are so many places.
    pub(crate) fn new(limits: &Limits, all: usize) -> Self {
        let (places, sessions) = (limits.connections_per_address, limits.sessions_per_address);
        Bounds { places, sessions, all }
    }

    /// The most places, and the most of them that may be sessions.
    fn of(&self, owner: Owner) -> [Option<usize>; 2] {
        let default = |share: usize| (!owner.is_local()).then_some(share.max(1));
        [self.places.or(default(self.all / 2)), self.sessions.or(default(self.all / 4))]
    }
}

/// Which client has which place, as far as places are bounded.
#[derive(Debug, Default)]
pub(super) struct Shares {
    claims: HashMap<u64, (Owner, Use)>,
    counts: HashMap<Owner, Count>,
    /// Places that are about to be free, and are counted as if they were.
    leaving: HashSet<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    places: usize,
    sessions: usize,
}

impl Shares {
    /// Takes a place for an owner; false if that has its share.
    pub(super) fn claim(&mut self, id: u64, owner: Owner, usage: Use, bounds: &Bounds) -> bool {
        let [places, sessions] = bounds.of(owner);
        if places.is_none() && sessions.is_none() {
            return true;
        }
        let count = self.counts.get(&owner).copied().unwrap_or_default();
        let is_session = usage == Use::Session;
        if places.is_some_and(|most| count.places >= most)
            || is_session && sessions.is_some_and(|most| count.sessions >= most)
        {
            return false;
        }
        let count = self.counts.entry(owner).or_default();
        count.places += 1;
        count.sessions += usize::from(is_session);
        self.claims.insert(id, (owner, usage));
        true
    }

    /// Whose a place is.
    pub(super) fn owner(&self, id: u64) -> Option<Owner> {
        self.claims.get(&id).map(|(owner, _)| *owner)
    }

    /// A session goes on over a connection of its own.
    pub(super) fn connected(&mut self, id: u64) {
        if let Some((owner, usage)) = self.claims.get_mut(&id)
            && std::mem::replace(usage, Use::Connection) == Use::Session
            && let Some(count) = self.counts.get_mut(owner)
        {
            count.sessions -= 1;
        }
    }

    /// The connection in the place is about to leave it.
    pub(super) fn leaves(&mut self, id: u64) {
        self.disclaim(id);
        self.leaving.insert(id);
    }

    /// How many places are about to be free.
    pub(super) fn leaving(&self) -> usize {
        self.leaving.len()
    }

    /// The place is free.
    pub(super) fn left(&mut self, id: u64) {
        self.disclaim(id);
        self.leaving.remove(&id);
    }

    /// The place counts for no client any more.
    pub(super) fn disclaim(&mut self, id: u64) {
        let Some((owner, usage)) = self.claims.remove(&id) else { return };
        if let Some(count) = self.counts.get_mut(&owner) {
            count.places -= 1;
            count.sessions -= usize::from(usage == Use::Session);
            if count.places == 0 {
                self.counts.remove(&owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(text: &str) -> Owner {
        Owner::of(text.parse().unwrap())
    }

    fn bounds(change: impl FnOnce(&mut Limits), all: usize) -> Bounds {
        let mut limits = Limits::default();
        change(&mut limits);
        Bounds::new(&limits, all)
    }

    #[test]
    fn a_network_of_ipv6_addresses_is_one() {
        assert_eq!(owner("2001:db8::1"), owner("2001:db8::ffff:2"));
        assert_ne!(owner("2001:db8::1"), owner("2001:db8:0:1::1"));
        assert_ne!(owner("192.0.2.1"), owner("192.0.2.2"));
        assert_eq!(owner("192.0.2.1"), owner("::ffff:192.0.2.1"));
    }

    #[test]
    fn who_may_be_a_proxy_is_local() {
        for ip in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.9.9",
            "192.168.7.7",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.9.9",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(owner(ip).is_local(), "{ip}");
        }
        for ip in [
            "192.0.2.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "11.0.0.1",
            "2001:db8::1",
            "::ffff:192.0.2.1",
        ] {
            assert!(!owner(ip).is_local(), "{ip}");
        }
    }

    #[test]
    fn an_address_has_half_of_the_places_and_a_quarter_for_sessions() {
        let (mut shares, bounds) = (Shares::default(), bounds(|_| (), 8));
        let [one, other] = ["192.0.2.1", "2001:db8::1"].map(owner);
        assert!(shares.claim(0, one, Use::Session, &bounds));
        assert!(shares.claim(1, one, Use::Session, &bounds));
        assert!(!shares.claim(2, one, Use::Session, &bounds));
        assert!(shares.claim(3, one, Use::Connection, &bounds));
        assert!(shares.claim(4, one, Use::Connection, &bounds));
        assert!(!shares.claim(5, one, Use::Connection, &bounds));
        assert!(shares.claim(6, other, Use::Session, &bounds));
        // What is left is free again, however it was left.
        shares.left(4);
        shares.leaves(0);
        assert_eq!(shares.leaving(), 1);
        shares.connected(1);
        assert!(shares.claim(7, one, Use::Session, &bounds));
        assert!(shares.claim(8, one, Use::Session, &bounds));
        assert!(!shares.claim(9, one, Use::Connection, &bounds));
        (0..10).for_each(|id| shares.left(id));
        shares.left(3);
        assert!(
            shares.claims.is_empty() && shares.counts.is_empty() && shares.leaving == [].into()
        );
    }

    #[test]
    fn limits_that_are_set_are_for_all_and_others_not_for_local_ones() {
        let local = owner("127.0.0.1");
        let (mut shares, set) = (Shares::default(), bounds(|_| (), 2));
        assert!((0..100).all(|id| shares.claim(id, local, Use::Session, &set)));
        let set = bounds(|limits| limits.connections_per_address = Some(2), 100);
        assert!((0..2).all(|id| shares.claim(id, local, Use::Session, &set)));
        assert!(!shares.claim(2, local, Use::Connection, &set));
        let set = bounds(|limits| limits.sessions_per_address = Some(1), 100);
        let mut shares = Shares::default();
        assert!(shares.claim(0, local, Use::Session, &set));
        assert!(!shares.claim(1, local, Use::Session, &set));
        assert!((2..100).all(|id| shares.claim(id, local, Use::Connection, &set)));
    }
}
