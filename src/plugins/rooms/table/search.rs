//! Who gets what is written to rooms.

use std::hash::Hash;

use super::Table;

impl<M: Clone + Eq + Hash, A: Clone> Table<M, A> {
    /// Those who are in any of the rooms of these very names, each once.
    pub fn members<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Vec<M> {
        let rooms = names.into_iter().filter_map(|name| self.names.get(name).copied()).collect();
        self.collect(rooms, &[])
    }

    /// Those for whom a message to rooms of these names is, each once and without
    /// the `except`ed: the members of these rooms, and of those whose names stand
    /// for one of them.
    pub fn recipients<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
        except: &[M],
    ) -> Vec<M> {
        let rooms = self.targets(names);
        self.collect(rooms, except)
    }

    /// [`recipients`](Self::recipients), as `make` makes of them what a message is
    /// given to. That of a whole room is kept.
    pub fn audience<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
        except: &[M],
        make: impl FnOnce(&mut dyn Iterator<Item = &M>) -> A,
    ) -> A {
        let rooms = self.targets(names);
        if let ([number], []) = (&*rooms, except) {
            let (room, seats) = (&mut self.rooms[*number], &self.seats);
            let members = room.members.as_slice();
            let make = || make(&mut members.iter().map(|link| &seats[link.of].member));
            return room.audience.get_or_insert_with(make).clone();
        }
        make(&mut self.collect(rooms, except).iter())
    }

    /// [`audience`](Self::audience) of the room of this very name, if a message to it is for
    /// its members and for nobody else.
    pub fn audience_of_one(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut dyn Iterator<Item = &M>) -> A,
    ) -> Option<A> {
        let room = self.names.get(name)?;
        let alone = self.targets([name]) == [*room];
        alone.then(|| self.audience([name], &[], make))
    }

    /// Everybody who is in a room, without the `except`ed.
    pub fn everybody(&mut self, except: &[M]) -> Vec<M> {
        let search = self.begin(except);
        let all = self.seats.iter().filter(|seat| seat.search != search);
        all.map(|seat| seat.member.clone()).collect()
    }

    /// The rooms that get what is written to these names, each once.
    fn targets<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
        let mut rooms = Vec::new();
        for name in names {
            rooms.extend(self.names.get(name));
            // Compared with all that there are, so the name may not be of any length.
            let wildcards = self.wildcards.as_ref().filter(|_| self.check(name).is_ok());
            if let Some(wildcards) = wildcards {
                wildcards.find(name, |room| rooms.push(room));
            }
        }
        if rooms.len() > 1 {
            rooms.sort_unstable();
            rooms.dedup();
        }
        rooms
    }

    /// Begins a search that has come by those already.
    fn begin(&mut self, except: &[M]) -> u64 {
        self.search += 1;
        for member in except {
            if let Some(number) = self.numbers.get(member) {
                self.seats[*number].search = self.search;
            }
        }
        self.search
    }

    fn collect(&mut self, rooms: Vec<u32>, except: &[M]) -> Vec<M> {
        let search = self.begin(except);
        let mut found = Vec::new();
        for room in rooms {
            for link in self.rooms[room].members.as_slice() {
                let seat = &mut self.seats[link.of];
                if std::mem::replace(&mut seat.search, search) != search {
                    found.push(seat.member.clone());
                }
            }
        }
        found
    }
}
