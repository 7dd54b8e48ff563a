//! Sums: how much, how many errors, how fast, by hour and by endpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::latency::Latency;
use super::{Data, HOUR, Map, Name, Part, Request, Undecodable, take_least, template};

/// More different endpoints than this in a segment are probes: the rest is one.
const ENDPOINTS: usize = 1000;
/// The name of the rest.
const OTHER: &str = "{other}";

/// The sums of some span of time.
#[derive(Debug, PartialEq, Serialize)]
pub struct Sums {
    /// Seconds in a bucket of the series.
    width: i64,
    /// By the bucket's number since 1970.
    pub series: BTreeMap<i64, Totals>,
    pub methods: BTreeMap<String, u64>,
    /// By the status code's first digit.
    pub status_classes: BTreeMap<u16, u64>,
    /// By template.
    pub endpoints: Map<Endpoint>,
}

/// What can be added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub requests: u64,
    /// Those with a status of at least 400.
    pub errors: u64,
    pub bytes: u64,
    /// Requests of which the time is known, the sum of their milliseconds, and the most.
    pub timed: u64,
    pub time: f64,
    pub slowest: Option<f64>,
}

/// One endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    pub requests: u64,
    pub errors: u64,
    pub latency: Latency,
}

impl Default for Sums {
    fn default() -> Self {
        Self::by(HOUR)
    }
}

impl Sums {
    /// With a series of that many seconds a bucket.
    pub fn by(width: i64) -> Self {
        Self {
            width,
            series: BTreeMap::new(),
            methods: BTreeMap::new(),
            status_classes: BTreeMap::new(),
            endpoints: Map::default(),
        }
    }

    /// Everything in the series.
    pub fn totals(&self) -> Totals {
        let mut all = Totals::default();
        for totals in self.series.values() {
            all.merge(totals);
        }
        all
    }

    /// The response times of all endpoints.
    pub fn latency(&self) -> Latency {
        let mut all = Latency::default();
        for endpoint in self.endpoints.values() {
            all.merge(&endpoint.latency);
        }
        all
    }

    /// The first second of the first bucket.
    pub fn first_second(&self) -> Option<i64> {
        self.series
            .first_key_value()
            .map(|(bucket, _)| bucket * self.width)
    }

    pub fn add_totals(&mut self, second: i64, totals: &Totals) {
        let bucket = second.div_euclid(self.width);
        self.series.entry(bucket).or_default().merge(totals);
    }

    pub fn add_endpoint(&mut self, name: &str, add: impl FnOnce(&mut Endpoint)) {
        // Most often it is there: then its name need not be copied.
        if let Some(endpoint) = self.endpoints.get_mut(name) {
            add(endpoint);
        } else {
            add(self.endpoints.entry(Name::new(name)).or_default());
        }
    }
}

impl Totals {
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.bytes += other.bytes;
        self.timed += other.timed;
        self.time += other.time;
        let slowest = [self.slowest, other.slowest].into_iter().flatten();
        self.slowest = slowest.reduce(f64::max);
    }

    /// The mean response time in milliseconds.
    pub fn mean_time(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.time / crate::figures::float(self.timed))
    }
}

impl Endpoint {
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency.merge(&other.latency);
    }
}

impl Part for Sums {
    const NUMBER: u8 = 1;

    fn add(&mut self, request: &Request<'_>) {
        let is_error = u64::from(request.status_code >= 400);
        let totals = Totals {
            requests: 1,
            errors: is_error,
            bytes: request.response_size,
            timed: u64::from(request.response_time.is_some()),
            time: request.response_time.unwrap_or(0.0),
            slowest: request.response_time,
        };
        self.add_totals(request.second, &totals);
        if let Some(count) = self.methods.get_mut(request.method) {
            *count += 1;
        } else {
            self.methods.insert(request.method.to_string(), 1);
        }
        *self
            .status_classes
            .entry(request.status_code / 100)
            .or_default() += 1;
        self.add_endpoint(&template(request.endpoint), |endpoint| {
            endpoint.requests += 1;
            endpoint.errors += is_error;
            if let Some(time) = request.response_time {
                endpoint.latency.add(time);
            }
        });
    }

    fn read(&mut self, mut data: Data<'_>) -> Result<(), Undecodable> {
        let (width, series): (i64, BTreeMap<i64, Totals>) = (data.field()?, data.field()?);
        for (bucket, totals) in series {
            self.add_totals(bucket * width, &totals);
        }
        for (method, count) in data.field::<BTreeMap<String, u64>>()? {
            *self.methods.entry(method).or_default() += count;
        }
        for (class, count) in data.field::<BTreeMap<u16, u64>>()? {
            *self.status_classes.entry(class).or_default() += count;
        }
        data.join(&mut self.endpoints, |known, endpoint| {
            known.merge(&endpoint);
        })
    }

    fn prune(&mut self) {
        if self.endpoints.len() <= ENDPOINTS {
            return;
        }
        let mut rest = Endpoint::default();
        // One place is for the rest.
        for (_, endpoint) in take_least(&mut self.endpoints, ENDPOINTS - 1, |e| e.requests) {
            rest.merge(&endpoint);
        }
        self.add_endpoint(OTHER, |other| other.merge(&rest));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::super::encode;
    use super::*;

    fn request(second: i64, endpoint: &str) -> Request<'_> {
        Request {
            second,
            endpoint,
            status_code: if endpoint == "/bad" { 500 } else { 200 },
            response_size: 10,
            response_time: Some(4.0),
            ..Request::PLAIN
        }
    }

    #[test]
    fn merging_is_adding_and_survives_the_table() {
        let (mut all, mut one, mut other) = (Sums::default(), Sums::default(), Sums::default());
        for second in 0..300 {
            let request = request(
                second * 60,
                if second % 7 == 0 { "/bad" } else { "/users/7" },
            );
            all.add(&request);
            if second % 2 == 0 {
                &mut one
            } else {
                &mut other
            }
            .add(&request);
        }
        one.read(Data::new(&encode(&other).unwrap())).unwrap();
        assert_eq!(one, all);
        assert_eq!(all.series.len(), 5);
        assert_eq!(
            (
                all.totals().requests,
                all.totals().errors,
                all.totals().bytes
            ),
            (300, 43, 3000)
        );
        assert_eq!(all.endpoints["/users/{id}"].requests, 257);
        assert_eq!(all.latency().count(), 300);
    }

    #[test]
    fn hours_fall_into_wider_buckets() {
        let mut hours = Sums::default();
        for hour in 0..48 {
            hours.add(&request(hour * HOUR, "/"));
        }
        let mut days = Sums::by(24 * HOUR);
        days.read(Data::new(&encode(&hours).unwrap())).unwrap();
        let requests: Vec<u64> = days.series.values().map(|totals| totals.requests).collect();
        assert_eq!(requests, [24, 24]);
    }

    #[test]
    fn a_sweep_cannot_make_it_grow() {
        let mut sums = Sums::default();
        // Names without digits, which would be taken for identifiers.
        let name = |number: u32| -> String {
            let digits = format!("{number:x}").into_bytes();
            let letters = digits
                .into_iter()
                .map(|digit| digit.wrapping_mul(2) % 26 + b'a');
            letters.map(char::from).collect()
        };
        for n in 0..3000 {
            sums.add(&request(0, &format!("/probe-{}", name(n))));
            sums.add(&request(0, &format!("/{}/p", name(n))));
            sums.add(&request(0, "/"));
        }
        assert!(sums.endpoints.len() > ENDPOINTS);
        sums.prune();
        assert!(sums.endpoints.len() <= ENDPOINTS);
        assert_eq!(sums.endpoints["/"].requests, 3000);
        let all: u64 = sums
            .endpoints
            .values()
            .map(|endpoint| endpoint.requests)
            .sum();
        assert_eq!(all, 9000);
    }
}
