//! Who is in which room.
//!
//! A membership stands in two lists, that of the room and that of the member, and
//! each of the two knows where the other is: sixteen bytes, and to take it out
//! moves one entry of each list. A room is there as long as it has a member, a
//! member as long as it is in a room.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

mod links;
mod search;
mod slab;
mod wildcard;

use links::{Link, Links};
use slab::Slab;
use wildcard::Wildcards;

/// What one member may have.
#[derive(Clone, Copy, Debug)]
pub(in crate::plugins) struct Bounds {
    /// Rooms.
    pub rooms: usize,
    /// Those of them whose names have wildcards.
    pub wildcards: usize,
    /// Bytes of a name.
    pub name: usize,
}

/// Why somebody cannot join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugins) enum Refused {
    /// The name is empty.
    NoName,
    /// The name is longer than so many bytes.
    LongName(usize),
    /// It is in so many rooms already.
    Rooms(usize),
    /// It is in so many rooms with wildcards already.
    Wildcards(usize),
}

/// The rooms and their members, which are of type `M`. `A` is what a message for
/// several members is given to; each room keeps the one of its members until
/// somebody comes or goes.
pub(in crate::plugins) struct Table<M, A> {
    names: HashMap<Arc<str>, u32>,
    rooms: Slab<Room<A>>,
    numbers: HashMap<M, u32>,
    seats: Slab<Seat<M>>,
    wildcards: Option<Wildcards>,
    bounds: Bounds,
    /// The last search for members.
    search: u64,
    /// What is to be dropped where no lock is held: the last handle of something
    /// may be among it.
    pub dropped: Dropped<M, A>,
}

struct Room<A> {
    name: Arc<str>,
    members: Links,
    audience: Option<A>,
}

struct Seat<M> {
    member: M,
    rooms: Links,
    wildcards: usize,
    /// The last search that came by.
    search: u64,
}

/// See [`Table::dropped`].
pub(in crate::plugins) struct Dropped<M, A> {
    members: Vec<M>,
    audiences: Vec<A>,
}

impl<M, A> Default for Dropped<M, A> {
    fn default() -> Self {
        Dropped { members: Vec::new(), audiences: Vec::new() }
    }
}

/// Gives back memory that is no longer needed.
fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.len() * 4 < map.capacity() {
        map.shrink_to(map.len() * 2);
    }
}

impl<M: Clone + Eq + Hash, A: Clone> Table<M, A> {
    /// Nobody is in a room. Names have `wildcards` or not.
    pub fn new(wildcards: bool, bounds: Bounds) -> Self {
        Table {
            names: HashMap::new(),
            rooms: Slab::default(),
            numbers: HashMap::new(),
            seats: Slab::default(),
            wildcards: wildcards.then(Wildcards::default),
            bounds,
            search: 0,
            dropped: Dropped::default(),
        }
    }

    /// Whether a room may have this name.
    pub fn check(&self, name: &str) -> Result<(), Refused> {
        match name.len() {
            0 => Err(Refused::NoName),
            length if length > self.bounds.name => Err(Refused::LongName(self.bounds.name)),
            _ => Ok(()),
        }
    }

    /// Puts a member into rooms: into all of them, or into none if one refuses.
    /// Gives those in which it was not.
    pub fn join<'a>(
        &mut self,
        member: &M,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Arc<str>>, Refused> {
        let mut joined = Vec::new();
        for name in names {
            match self.join_one(member, name) {
                Ok(new) => joined.extend(new),
                Err(refused) => {
                    joined.iter().for_each(|name| drop(self.leave(member, name)));
                    return Err(refused);
                }
            }
        }
        Ok(joined)
    }

    fn join_one(&mut self, member: &M, name: &str) -> Result<Option<Arc<str>>, Refused> {
        self.check(name)?;
        let wild = self.wildcards.is_some() && wildcard::is_wild(name);
        let (seat, room) = (self.numbers.get(member).copied(), self.names.get(name).copied());
        if let (Some(seat), Some(room)) = (seat, room)
            && self.place(seat, room).is_some()
        {
            return Ok(None);
        }
        let now = seat.map(|seat| &self.seats[seat]);
        let (rooms, wildcards) = now.map_or((0, 0), |seat| (seat.rooms.next(), seat.wildcards));
        if rooms as usize >= self.bounds.rooms {
            return Err(Refused::Rooms(self.bounds.rooms));
        }
        if wild && wildcards >= self.bounds.wildcards {
            return Err(Refused::Wildcards(self.bounds.wildcards));
        }
        // More than there are numbers for.
        let full = Refused::Rooms(rooms as usize);
        let room = room.or_else(|| self.new_room(name)).ok_or(full)?;
        let Some(seat) = seat.or_else(|| self.new_seat(member)) else {
            self.remove_if_empty(room);
            return Err(full);
        };
        Ok(Some(self.link(room, seat, wild)))
    }

    fn new_room(&mut self, name: &str) -> Option<u32> {
        let name: Arc<str> = name.into();
        let room = Room { name: name.clone(), members: Links::default(), audience: None };
        let number = self.rooms.insert(room)?;
        if let Some(wildcards) = &mut self.wildcards
            && wildcard::is_wild(&name)
        {
            wildcards.insert(&name, number);
        }
        self.names.insert(name, number);
        Some(number)
    }

    fn new_seat(&mut self, member: &M) -> Option<u32> {
        let seat =
            Seat { member: member.clone(), rooms: Links::default(), wildcards: 0, search: 0 };
        let number = self.seats.insert(seat)?;
        self.numbers.insert(member.clone(), number);
        Some(number)
    }

    fn link(&mut self, room_number: u32, seat_number: u32, wild: bool) -> Arc<str> {
        let (room, seat) = (&mut self.rooms[room_number], &mut self.seats[seat_number]);
        let (in_room, in_seat) = (room.members.next(), seat.rooms.next());
        room.members.push(Link { of: seat_number, at: in_seat });
        seat.rooms.push(Link { of: room_number, at: in_room });
        seat.wildcards += usize::from(wild);
        self.dropped.audiences.extend(room.audience.take());
        room.name.clone()
    }

    /// Where a member's seat is, and where this room stands there.
    fn find(&self, member: &M, name: &str) -> Option<(u32, u32)> {
        let seat = *self.numbers.get(member)?;
        let room = *self.names.get(name)?;
        self.place(seat, room).map(|at| (seat, at))
    }

    /// Where a room stands in the list of a seat.
    fn place(&self, seat: u32, room: u32) -> Option<u32> {
        let in_room = self.rooms[room].members.as_slice();
        let in_seat = self.seats[seat].rooms.as_slice();
        // The shorter list is looked through.
        if in_room.len() < in_seat.len() {
            return in_room.iter().find(|link| link.of == seat).map(|link| link.at);
        }
        in_seat.iter().position(|link| link.of == room).map(|at| at as u32)
    }

    /// Takes a member out of a room; gives the room's name if it was in.
    pub fn leave(&mut self, member: &M, name: &str) -> Option<Arc<str>> {
        let (seat, at) = self.find(member, name)?;
        let name = self.unlink(seat, at);
        self.rise_if_done(seat);
        Some(name)
    }

    /// Takes a member out of all rooms whose names are like this one, which has
    /// wildcards.
    pub fn leave_like(&mut self, member: &M, pattern: &str) -> Vec<Arc<str>> {
        self.leave_where(member, |name| wildcard::matches(pattern, name))
    }

    /// Takes a member out of all rooms.
    pub fn leave_all(&mut self, member: &M) -> Vec<Arc<str>> {
        self.leave_where(member, |_| true)
    }

    fn leave_where(&mut self, member: &M, leaves: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        let Some(seat) = self.numbers.get(member).copied() else { return Vec::new() };
        let mut left = Vec::new();
        // From the end, for what comes to an empty place has been looked at then.
        for at in (0..self.seats[seat].rooms.next()).rev() {
            let room = self.seats[seat].rooms.as_slice()[at as usize].of;
            if leaves(&self.rooms[room].name) {
                left.push(self.unlink(seat, at));
            }
        }
        self.rise_if_done(seat);
        left.reverse();
        left
    }

    /// Takes all members out of a room, and gives them with its name.
    pub fn empty(&mut self, name: &str) -> Option<(Arc<str>, Vec<M>)> {
        let room = *self.names.get(name)?;
        let (name, mut out) = (self.rooms[room].name.clone(), Vec::new());
        for at in (0..self.rooms[room].members.next()).rev() {
            let Link { of: seat, at } = self.rooms[room].members.as_slice()[at as usize];
            out.push(self.seats[seat].member.clone());
            self.unlink(seat, at);
            self.rise_if_done(seat);
        }
        out.reverse();
        Some((name, out))
    }

    /// Ends a membership, given as the place in the list of a seat.
    fn unlink(&mut self, seat_number: u32, at: u32) -> Arc<str> {
        let seat = &mut self.seats[seat_number];
        let link = seat.rooms.take(at);
        if let Some(moved) = seat.rooms.get_mut(at).copied()
            && let Some(other) = self.rooms[moved.of].members.get_mut(moved.at)
        {
            other.at = at;
        }
        let room = &mut self.rooms[link.of];
        room.members.take(link.at);
        if let Some(moved) = room.members.get_mut(link.at).copied()
            && let Some(other) = self.seats[moved.of].rooms.get_mut(moved.at)
        {
            other.at = link.at;
        }
        let room = &mut self.rooms[link.of];
        self.dropped.audiences.extend(room.audience.take());
        let name = room.name.clone();
        if self.wildcards.is_some() && wildcard::is_wild(&name) {
            self.seats[seat_number].wildcards -= 1;
        }
        self.remove_if_empty(link.of);
        name
    }

    fn remove_if_empty(&mut self, number: u32) {
        if self.rooms[number].members.next() > 0 {
            return;
        }
        let Some(room) = self.rooms.remove(number) else { return };
        self.names.remove(&room.name);
        shrink(&mut self.names);
        if let Some(wildcards) = &mut self.wildcards {
            wildcards.remove(&room.name, number);
        }
    }

    /// Lets go of a member that is in no room any more.
    fn rise_if_done(&mut self, number: u32) {
        if self.seats[number].rooms.next() == 0
            && let Some(seat) = self.seats.remove(number)
        {
            let key = self.numbers.remove_entry(&seat.member);
            shrink(&mut self.numbers);
            self.dropped.members.extend(key.map(|(member, _)| member));
            self.dropped.members.push(seat.member);
        }
    }

    /// The rooms of a member.
    pub fn rooms_of(&self, member: &M) -> Vec<Arc<str>> {
        let seat = self.numbers.get(member).map(|number| &self.seats[*number]);
        let rooms = seat.iter().flat_map(|seat| seat.rooms.as_slice());
        rooms.map(|link| self.rooms[link.of].name.clone()).collect()
    }

    /// Whether a member is in the room of this very name.
    pub fn is_in(&self, member: &M, name: &str) -> bool {
        self.find(member, name).is_some()
    }

    /// All rooms.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.rooms.iter().map(|room| room.name.clone()).collect()
    }

    /// Whether nobody is in a room.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// What one member may have.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// How many are in the room of this very name.
    pub fn count(&self, name: &str) -> usize {
        self.names.get(name).map_or(0, |room| self.rooms[*room].members.as_slice().len())
    }
}

#[cfg(test)]
mod tests;
