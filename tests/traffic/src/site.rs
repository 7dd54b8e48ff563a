//! What the site has, how often it is asked for, and how long that takes.

use crate::rng::{Rng, Zipf, whole};

/// One kind of request to the site.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub method: &'static str,
    /// `{}` stands for a number.
    pub path: &'static str,
    /// How many things of the kind there are.
    pub ids: usize,
    /// Median milliseconds and bytes of an answer.
    pub cost: (f64, f64),
}

const fn page(method: &'static str, path: &'static str, ids: usize, ms: f64, bytes: f64) -> Page {
    Page {
        method,
        path,
        ids,
        cost: (ms, bytes),
    }
}

/// The most asked for first.
const PAGES: &[Page] = &[
    page("GET", "/", 1, 40.0, 18_000.0),
    page("GET", "/products/{}", 4000, 70.0, 24_000.0),
    page("GET", "/assets/app.7f3c9.js", 1, 6.0, 180_000.0),
    page("GET", "/api/v1/products/{}", 4000, 35.0, 2_200.0),
    page("GET", "/search?q=", 1, 160.0, 15_000.0),
    page("GET", "/assets/style.18ab2.css", 1, 5.0, 40_000.0),
    page("GET", "/category/{}?page=", 60, 95.0, 30_000.0),
    page("GET", "/api/v1/cart", 1, 28.0, 900.0),
    page("GET", "/images/{}.webp", 6000, 8.0, 60_000.0),
    page("POST", "/api/v1/cart/items", 1, 55.0, 400.0),
    page(
        "GET",
        "/api/v1/users/{}/orders?sort=-date&limit=",
        20_000,
        120.0,
        5_000.0,
    ),
    page("GET", "/blog/{}", 300, 60.0, 20_000.0),
    page("GET", "/docs/script-review", 1, 45.0, 12_000.0),
    page("GET", "/contact", 1, 30.0, 8_000.0),
    page("PUT", "/api/v1/users/{}", 20_000, 80.0, 300.0),
    page("GET", "/api/v1/reports/{}", 500, 900.0, 80_000.0),
    page("GET", "/compare/v1.0...v2.{}", 9, 75.0, 9_000.0),
    page("GET", "/admin/dashboard", 1, 210.0, 35_000.0),
    page("GET", "/docs/sql/select-from-where", 1, 40.0, 14_000.0),
    page("DELETE", "/api/v1/cart/items/{}", 9000, 50.0, 100.0),
];

/// Searches, most of them plain. The rest look like attacks to whoever looks for words alone.
const SEARCHES: &[&str] = &[
    "lamp",
    "red+shoes",
    "garden+table",
    "usb+cable",
    "winter+jacket",
    "coffee",
    "gift+for+mum",
    "union+station",
    "credit%20union%20select%20committee",
    "O%27Reilly",
    "rock+%27n%27+roll",
    "student+union+selection",
    "drop+table+lamp",
    "select+a+gift+from+our+list",
    "size+%3C+10",
    "black+or+white",
    "c%2B%2B",
    "100%25+cotton",
    "script+font",
    "update+your+profile",
    "%22exact+phrase%22",
    "it%27s+--+really+--+fine",
    "men%27s+or+women%27s+shoes",
    "alert+bell",
    "caf%C3%A9",
    "%E6%97%A5%E6%9C%AC",
    "order+by+mail",
    "AT%26T+plan",
    "insert+coin+into+slot",
    "where+is+the+union",
    "1+or+2+person+tent",
    "%3C3+hearts",
    "image+%28large%29",
    "d%27or+1+ring",
];

#[derive(Debug, Clone)]
pub struct Site {
    pages: Zipf,
    ids: Zipf,
}

/// A request that people make.
pub struct Visit {
    pub method: &'static str,
    pub endpoint: String,
    pub status: u16,
    pub cost: (f64, f64),
}

impl Site {
    pub fn new() -> Self {
        Self {
            pages: Zipf::new(PAGES.len(), 0.9),
            ids: Zipf::new(20_000, 0.8),
        }
    }

    /// A page as people choose it.
    pub fn visit(&self, rng: &mut Rng) -> Visit {
        let page = PAGES[self.pages.draw(rng)];
        let mut endpoint = match page.path.split_once("{}") {
            Some((before, after)) => {
                format!("{before}{}{after}", 1 + self.ids.draw(rng) % page.ids)
            }
            None => page.path.to_string(),
        };
        if endpoint.ends_with("q=") {
            endpoint.push_str(rng.pick(SEARCHES));
        } else if endpoint.ends_with('=') {
            let number = 1 + whole(rng.exponential(3.0));
            endpoint.push_str(&number.to_string());
        }
        let status = match rng.below(1000) {
            0..=3 => 500,
            4 => 503,
            5..=14 => 404,
            15..=64 if page.method == "GET" => 304,
            _ if page.method == "POST" => 201,
            _ => 200,
        };
        Visit {
            method: page.method,
            endpoint,
            status,
            cost: page.cost,
        }
    }

    /// The `number`th of the links that have long been dead.
    pub fn dead_link(number: u64) -> String {
        match number % 4 {
            0 => format!("/blog/2019/post-{number}"),
            1 => format!("/products/old-{number}"),
            2 => format!("/news/{number}.html"),
            _ => format!("/images/archive/{number}.jpg"),
        }
    }

    /// One of the files that went with the last deployment.
    pub fn gone_chunk(rng: &mut Rng) -> String {
        format!("/assets/chunk-{}.4d1e0.js", rng.below(12))
    }
}

/// How long a visitor looks at a page.
pub fn look(rng: &mut Rng) -> i64 {
    1 + whole(rng.exponential(12.0).min(600.0)).cast_signed()
}

/// The mean number of pages in a visit.
pub const PAGES_A_VISIT: f64 = 7.0;

/// How many pages a visit has.
pub fn pages(rng: &mut Rng) -> u64 {
    // Geometric: many leave after the first page.
    1 + whole((rng.exponential(1.0) * (PAGES_A_VISIT - 0.5)).min(200.0))
}
