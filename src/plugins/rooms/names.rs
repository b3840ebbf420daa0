//! What rooms and connections can be named by.

use crate::server::Spark;

/// The name of a room, or several: text, or an array, a slice or a `Vec` of texts.
pub trait Names {
    /// Adds them to a list.
    fn add_to(self, names: &mut Vec<String>);
}

/// Who is left out: a spark, an id, or an array, a slice or a `Vec` of either.
pub trait Ids {
    /// Adds their ids to a list.
    fn add_to(self, ids: &mut Vec<String>);
}

macro_rules! one {
    ($Trait:ident: $($T:ty => |$it:ident| $text:expr;)*) => {
        $(impl $Trait for $T {
            fn add_to(self, list: &mut Vec<String>) {
                let $it = self;
                list.push($text);
            }
        })*
    };
}

macro_rules! many {
    ($Trait:ident) => {
        impl<T: $Trait, const N: usize> $Trait for [T; N] {
            fn add_to(self, list: &mut Vec<String>) {
                self.into_iter().for_each(|one| one.add_to(list));
            }
        }

        impl<T: $Trait> $Trait for Vec<T> {
            fn add_to(self, list: &mut Vec<String>) {
                self.into_iter().for_each(|one| one.add_to(list));
            }
        }

        impl<T> $Trait for &[T]
        where
            for<'a> &'a T: $Trait,
        {
            fn add_to(self, list: &mut Vec<String>) {
                self.iter().for_each(|one| one.add_to(list));
            }
        }

        impl<T> $Trait for &Vec<T>
        where
            for<'a> &'a T: $Trait,
        {
            fn add_to(self, list: &mut Vec<String>) {
                self.iter().for_each(|one| one.add_to(list));
            }
        }
    };
}

one! { Names:
    &str => |name| name.to_owned();
    &&str => |name| (*name).to_owned();
    String => |name| name;
    &String => |name| name.clone();
}
many!(Names);

one! { Ids:
    &str => |id| id.to_owned();
    &&str => |id| (*id).to_owned();
    String => |id| id;
    &String => |id| id.clone();
    Spark => |spark| spark.id().to_owned();
    &Spark => |spark| spark.id().to_owned();
}
many!(Ids);
