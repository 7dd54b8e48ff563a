//! Candidates: the suspects who did enough for a verdict, without putting all the others together.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::suspects::Suspect;
use super::view::Counts;
use super::{Data, Map, Part, Request, Suspects, Undecodable};
use crate::detect::{login, probe};

/// How the table holds a suspect: what decides whether there can be a verdict, and in so many bytes
/// that can be passed over everything else.
pub(super) struct Filed<T>(pub(super) T);

impl Serialize for Filed<&Suspect> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(suspect) = self;
        let details = postcard::to_allocvec(suspect).map_err(S::Error::custom)?;
        (Outline::from(*suspect), details).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Filed<Suspect<&'de str>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (_, details) = <(Outline, &[u8])>::deserialize(deserializer)?;
        postcard::from_bytes(details)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Filed<Outline> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (outline, _) = <(Outline, &[u8])>::deserialize(deserializer)?;
        Ok(Self(outline))
    }
}

impl From<Filed<Suspect<&str>>> for Suspect {
    fn from(Filed(suspect): Filed<Suspect<&str>>) -> Self {
        suspect.into()
    }
}

impl From<Filed<Self>> for Outline {
    fn from(Filed(outline): Filed<Self>) -> Self {
        outline
    }
}

/// How much there is against an address.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Outline {
    /// Paths that were missing. In a sum of outlines a path counts again: they are at most so many.
    missing: u32,
    refused: u64,
    /// Payloads or tools.
    is_certain: bool,
}

impl From<&Suspect> for Outline {
    fn from(suspect: &Suspect) -> Self {
        Self {
            missing: u32::try_from(suspect.missing.len()).unwrap_or(u32::MAX),
            refused: suspect.refused.as_ref().map_or(0, |seen| seen.count),
            is_certain: suspect.tools.is_some() || !suspect.payloads.is_empty(),
        }
    }
}

impl Outline {
    fn merge(&mut self, other: Self) {
        self.missing = self.missing.saturating_add(other.missing);
        self.refused = self.refused.saturating_add(other.refused);
        self.is_certain |= other.is_certain;
    }

    /// Whether any rule can be met: see [`login::judge`] and [`probe::Sweep::is_scan`].
    fn may_be_judged(self) -> bool {
        self.is_certain
            || u64::from(self.missing) >= probe::LEAST_PATHS
            || self.refused >= login::LEAST_FAILURES
    }
}

/// Suspects of some span of time. Most of a long one met a dead link or two: of them all, only the
/// outlines are added up.
#[derive(Debug, Default)]
pub struct Candidates {
    outlines: Map<Outline>,
    segments: Vec<Box<[u8]>>,
    /// Of rows that are in no segment yet.
    rest: Suspects,
}

impl Candidates {
    /// Everything about those who may be judged.
    pub fn suspects(self) -> Result<Suspects, Undecodable> {
        let (mut outlines, mut found) = (self.outlines, self.rest);
        for (name, suspect) in &found.by_address {
            let outline = outlines.entry(name.clone()).or_default();
            outline.merge(suspect.into());
        }
        outlines.retain(|_, outline| outline.may_be_judged());
        found
            .by_address
            .retain(|name, _| outlines.contains_key(name));
        for segment in &self.segments {
            Data::new(segment).join_some::<_, _, Filed<Outline>>(
                &mut found.by_address,
                |name| outlines.contains_key(name),
                Suspect::merge,
            )?;
        }
        Ok(found)
    }
}

impl Counts for Candidates {
    fn number(&self) -> u8 {
        Suspects::NUMBER
    }

    fn has_longer(&self) -> bool {
        Suspects::HAS_LONGER
    }

    fn add(&mut self, request: &Request<'_>) {
        Part::add(&mut self.rest, request);
    }

    fn read(&mut self, data: Data<'_>) -> Result<(), Undecodable> {
        let segment = data.rest()?;
        self.segments.push(segment.into());
        Data::new(segment).join(&mut self.outlines, |known, Filed(outline)| {
            known.merge(outline);
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::encode;
    use super::super::suspects::tests::request;
    use super::*;

    /// Those of whom enough is known, from three segments and the rows after them.
    #[test]
    fn who_may_be_judged_is_put_together_in_full() {
        let paths: Vec<String> = (0..8).map(|number| format!("/lost/{number}")).collect();
        let mut requests = vec![
            request(1, "192.0.2.1", "/lost", 404, ""),
            request(2, "192.0.2.2", "/items?id=1' OR '1'='1", 500, ""),
            request(3, "192.0.2.3", "/", 200, "sqlmap/1.7"),
        ];
        requests.extend(
            paths
                .iter()
                .map(|path| request(4, "192.0.2.4", path, 404, "")),
        );
        requests.extend(
            paths
                .iter()
                .skip(1)
                .map(|path| request(5, "192.0.2.5", path, 404, "")),
        );
        requests.extend((0..10).map(|second| request(second, "192.0.2.6", "/login", 401, "")));
        requests.extend((0..9).map(|second| request(second, "192.0.2.7", "/login", 401, "")));
        let mut parts: [Suspects; 4] = Default::default();
        for (number, request) in requests.iter().enumerate() {
            Part::add(&mut parts[number % 4], request);
        }
        let (mut all, mut candidates) = (Suspects::default(), Candidates::default());
        let [rest, segments @ ..] = parts;
        let rest = encode(&rest).unwrap();
        Part::read(&mut all, Data::new(&rest)).unwrap();
        Part::read(&mut candidates.rest, Data::new(&rest)).unwrap();
        for segment in segments {
            let segment = encode(&segment).unwrap();
            Part::read(&mut all, Data::new(&segment)).unwrap();
            candidates.read(Data::new(&segment)).unwrap();
        }
        all.by_address.retain(|name, _| {
            ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.6"].contains(&name.as_str())
        });
        assert_eq!(all.by_address.len(), 4);
        assert_eq!(candidates.suspects().unwrap().by_address, all.by_address);
    }
}
