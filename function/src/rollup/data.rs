//! How the table holds a part: its fields, one after the other, without names.

use std::fmt;
use std::marker::PhantomData;

use postcard::Deserializer;
use postcard::de_flavors::Slice;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _};

use super::{Map, Name, Part};

/// Data that no part of this format has.
pub type Undecodable = postcard::Error;

/// Writes a part down.
pub fn encode<P: Part>(part: &P) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_allocvec(part)
}

/// Data that is damaged may claim any number of entries.
const MOST_RESERVED: usize = 1 << 16;

/// A part's fields as [`encode`] wrote them, read in their order.
pub struct Data<'d>(Deserializer<'d, Slice<'d>>);

impl<'d> Data<'d> {
    pub fn new(bytes: &'d [u8]) -> Self {
        Self(Deserializer::from_bytes(bytes))
    }

    /// What is not read yet.
    pub fn rest(self) -> Result<&'d [u8], Undecodable> {
        self.0.finalize()
    }

    /// The next field.
    pub fn field<T: Deserialize<'d>>(&mut self) -> Result<T, Undecodable> {
        T::deserialize(&mut self.0)
    }

    /// The next field, a list: visits one element after the other, which never all exist at once.
    pub fn each<T: Deserialize<'d>>(&mut self, visit: impl FnMut(T)) -> Result<(), Undecodable> {
        let each = Each {
            visit,
            element: PhantomData,
        };
        self.0.deserialize_seq(each)
    }

    /// The next field, a map: counts what it has counted. Nothing else reads as much, so it is
    /// not made into a map of its own first, and what is read of a value may point into the data.
    pub fn join<V: From<R>, R: Deserialize<'d>>(
        &mut self,
        known: &mut Map<V>,
        merge: fn(&mut V, R),
    ) -> Result<(), Undecodable> {
        let join = Join {
            known,
            growth: likely_new,
            is_wanted: |_: &str| true,
            merge,
            skipped: PhantomData::<R>,
        };
        self.0.deserialize_map(join)
    }

    /// The same for the few names that are wanted. The other values are read as the form `S`,
    /// which may keep less.
    pub fn join_some<V: From<R>, R: Deserialize<'d>, S: Deserialize<'d>>(
        &mut self,
        known: &mut Map<V>,
        is_wanted: impl Fn(&str) -> bool,
        merge: fn(&mut V, R),
    ) -> Result<(), Undecodable> {
        let join = Join {
            known,
            growth: |_, _| 0,
            is_wanted,
            merge,
            skipped: PhantomData::<S>,
        };
        self.0.deserialize_map(join)
    }
}

/// By how much a map is likely to grow: of the entries that follow the first ones, some are there
/// already.
fn likely_new(known: usize, entries: usize) -> usize {
    if known == 0 { entries } else { entries / 2 }
}

struct Each<T, F> {
    visit: F,
    element: PhantomData<T>,
}

impl<'d, T: Deserialize<'d>, F: FnMut(T)> Visitor<'d> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'d>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            (self.visit)(element);
        }
        Ok(())
    }
}

struct Join<'m, V, R, S, W> {
    known: &'m mut Map<V>,
    /// By how much the map is likely to grow, from how much it and the other one hold.
    growth: fn(usize, usize) -> usize,
    is_wanted: W,
    merge: fn(&mut V, R),
    skipped: PhantomData<S>,
}

impl<'d, V, R, S, W> Visitor<'d> for Join<'_, V, R, S, W>
where
    V: From<R>,
    R: Deserialize<'d>,
    S: Deserialize<'d>,
    W: Fn(&str) -> bool,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map by name")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut entries: A) -> Result<(), A::Error> {
        let new = (self.growth)(self.known.len(), entries.size_hint().unwrap_or(0));
        self.known.reserve(new.min(MOST_RESERVED));
        while let Some(name) = entries.next_key::<&'d str>()? {
            if !(self.is_wanted)(name) {
                entries.next_value::<S>()?;
                continue;
            }
            let value: R = entries.next_value()?;
            match self.known.get_mut(name) {
                Some(known) => (self.merge)(known, value),
                None => {
                    self.known.insert(Name::new(name), value.into());
                }
            }
        }
        Ok(())
    }
}
