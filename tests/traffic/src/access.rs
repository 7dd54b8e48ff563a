//! A row of access_logs, and what it takes to make one.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::merge::{Script, Timed};
use crate::rng::{Rng, float, whole};

/// One request as a web server logged it.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    /// Seconds since 1970, UTC.
    pub second: i64,
    pub ip_address: IpAddr,
    pub method: &'static str,
    pub endpoint: String,
    pub status_code: u16,
    pub http_version: Option<&'static str>,
    /// Bytes.
    pub response_size: Option<u64>,
    pub response_time_ms: Option<f64>,
    pub user_agent: Option<Cow<'static, str>>,
    pub department: Option<&'static str>,
    pub user_id: Option<String>,
}

impl Timed for Access {
    fn second(&self) -> i64 {
        self.second
    }
}

/// Who asks: an address and the program at it.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: IpAddr,
    pub agent: Option<Cow<'static, str>>,
    pub http: &'static str,
}

impl Client {
    pub fn new(address: IpAddr, agent: impl Into<Cow<'static, str>>) -> Self {
        Self {
            address,
            agent: Some(agent.into()),
            http: "HTTP/1.1",
        }
    }

    /// A request of this client, answered in about `ms` with about `bytes`.
    pub fn asks(
        &self,
        rng: &mut Rng,
        second: i64,
        (method, endpoint): (&'static str, String),
        status_code: u16,
        (ms, bytes): (f64, f64),
    ) -> Access {
        Access {
            second,
            ip_address: self.address,
            method,
            endpoint,
            status_code,
            http_version: Some(self.http),
            response_size: (status_code != 304).then(|| whole(rng.lognormal(bytes, 0.3))),
            // Servers that are being restarted log none.
            response_time_ms: (!rng.chance(0.002))
                .then(|| (rng.lognormal(ms, 0.55) * 10.0).round() / 10.0),
            user_agent: self.agent.clone(),
            department: None,
            user_id: None,
        }
    }
}

/// When the requests of a script are made.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub start: i64,
    pub count: u64,
    /// Seconds between two requests.
    pub gap: f64,
    /// Programs on a timer keep the gap, others only on average.
    pub exact: bool,
}

impl Pace {
    pub fn exact(start: i64, count: u64, gap: f64) -> Self {
        Self {
            start,
            count,
            gap,
            exact: true,
        }
    }

    pub fn about(start: i64, count: u64, gap: f64) -> Self {
        Self {
            start,
            count,
            gap,
            exact: false,
        }
    }

    /// The second after the last request.
    pub fn end(self) -> i64 {
        self.at(self.count)
    }

    fn at(self, number: u64) -> i64 {
        self.start + whole(float(number) * self.gap).cast_signed()
    }

    /// Requests as `make` makes them, from their number and second.
    pub fn script(
        self,
        mut rng: Rng,
        mut make: impl FnMut(&mut Rng, u64, i64) -> Access + 'static,
    ) -> Script<Access> {
        Box::new((0..self.count).map(move |number| {
            // Early or late within its own gap, so the order stays.
            let late = if self.exact {
                0.0
            } else {
                rng.unit() * self.gap
            };
            let second = self.at(number) + whole(late).cast_signed();
            make(&mut rng, number, second)
        }))
    }
}
