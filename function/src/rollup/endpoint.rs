//! One endpoint's sums, with a series of its own.

use serde::Serialize;

use super::sums::Totals;
use super::{Data, Part, Request, Sums, Undecodable, template};

/// The sums of one endpoint, by its template. It is read from the segments of [`Sums`], and from
/// those of hours only: a day's don't tell when in the day an endpoint was asked for.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct OfEndpoint {
    #[serde(skip)]
    template: String,
    pub sums: Sums,
}

impl OfEndpoint {
    /// With a series of `width` seconds a bucket.
    pub fn new(template: &str, width: i64) -> Self {
        Self {
            template: template.into(),
            sums: Sums::by(width),
        }
    }
}

impl Part for OfEndpoint {
    const NUMBER: u8 = Sums::NUMBER;
    const HAS_LONGER: bool = false;

    fn add(&mut self, request: &Request<'_>) {
        if template(request.endpoint) == self.template {
            self.sums.add(request);
        }
    }

    fn read(&mut self, data: Data<'_>) -> Result<(), Undecodable> {
        let mut hour = Sums::default();
        hour.read(data)?;
        let (Some(endpoint), Some(second)) = (
            hour.endpoints.remove(self.template.as_str()),
            hour.first_second(),
        ) else {
            return Ok(());
        };
        let totals = Totals {
            requests: endpoint.requests,
            errors: endpoint.errors,
            // Not kept by endpoint.
            bytes: 0,
            ..endpoint.latency.totals()
        };
        self.sums.add_totals(second, &totals);
        self.sums
            .add_endpoint(&self.template, |known| known.merge(&endpoint));
        Ok(())
    }

    fn prune(&mut self) {}
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{HOUR, encode};
    use super::*;

    #[test]
    fn hours_and_rows_come_to_the_same() {
        let request = |second, endpoint| Request {
            second,
            endpoint,
            response_time: Some(1.5),
            ..Request::PLAIN
        };
        let (mut rows, mut hours) = (
            OfEndpoint::new("/users/{id}", HOUR),
            OfEndpoint::new("/users/{id}", HOUR),
        );
        for hour in 0..3 {
            let mut segment = Sums::default();
            for n in 0..=hour {
                let users = request(hour * HOUR + n, "/users/7?a=b");
                let others = request(hour * HOUR + n, "/users");
                for request in [users, others] {
                    rows.add(&request);
                    segment.add(&request);
                }
            }
            let data = encode(&segment).unwrap();
            hours.read(Data::new(&data)).unwrap();
        }
        assert_eq!(rows.sums.series, hours.sums.series);
        assert_eq!(rows.sums.endpoints, hours.sums.endpoints);
        assert_eq!(rows.sums.totals().requests, 6);
    }
}
