//! One side of memberships.

/// The other half of a membership: the number of the room or seat, and where it
/// stands in the list there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub of: u32,
    pub at: u32,
}

/// The memberships of a room, or of a member. A room for one is common, and needs no
/// memory of its own for its list.
pub(super) enum Links {
    One([Link; 1]),
    Many(Vec<Link>),
}

impl Default for Links {
    fn default() -> Self {
        Links::Many(Vec::new())
    }
}

impl Links {
    pub fn as_slice(&self) -> &[Link] {
        match self {
            Links::One(one) => one,
            Links::Many(many) => many,
        }
    }

    /// The one in this place, to change it.
    pub fn get_mut(&mut self, at: u32) -> Option<&mut Link> {
        match self {
            Links::One(one) => one.get_mut(at as usize),
            Links::Many(many) => many.get_mut(at as usize),
        }
    }

    /// The place of the next one. There are fewer than numbers to give.
    pub fn next(&self) -> u32 {
        self.as_slice().len() as u32
    }

    /// Adds one at the end.
    pub fn push(&mut self, link: Link) {
        match self {
            Links::Many(many) if many.is_empty() => *self = Links::One([link]),
            Links::One([first]) => *self = Links::Many(vec![*first, link]),
            Links::Many(many) => many.push(link),
        }
    }

    /// Takes one out, which is there; the last one comes to its place.
    pub fn take(&mut self, at: u32) -> Link {
        let link = match self {
            Links::One([one]) => {
                let link = *one;
                *self = Links::default();
                return link;
            }
            Links::Many(many) => {
                let link = many.swap_remove(at as usize);
                if many.len() * 4 < many.capacity() {
                    many.shrink_to(many.len() * 2);
                }
                link
            }
        };
        if let [only] = self.as_slice() {
            *self = Links::One([*only]);
        }
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_comes_to_an_empty_place() {
        let link = |of| Link { of, at: 0 };
        let of = |links: &Links| links.as_slice().iter().map(|link| link.of).collect::<Vec<_>>();
        let mut links = Links::default();
        assert_eq!((links.next(), links.get_mut(0)), (0, None));
        for n in 0..20 {
            assert_eq!(links.next(), n);
            links.push(link(n));
        }
        assert_eq!(links.take(3), link(3));
        assert_eq!(of(&links)[..5], [0, 1, 2, 19, 4]);
        assert_eq!(links.take(18), link(18));
        for _ in 0..17 {
            links.take(0);
        }
        assert!(matches!(links, Links::One(_)));
        links.get_mut(0).unwrap().of = 7;
        assert_eq!(links.take(0), link(7));
        assert!(of(&links).is_empty());
        assert_eq!(size_of::<Links>(), size_of::<Vec<Link>>());
    }
}
