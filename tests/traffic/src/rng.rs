//! Random numbers that are the same in every version of every dependency: there is none.

/// `SplitMix64`: small, fast, and good enough to draw traffic from.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// One of many independent streams of a seed, so that adding a part of the traffic leaves the
    /// other parts as they were.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        Self(mixed.next() ^ stream)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0 to under 1.
    pub fn unit(&mut self) -> f64 {
        float(self.next() >> 11) / float(1 << 53)
    }

    /// From 0 to under `end`, which must not be 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        // The upper half of a product of two u64.
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// From `least` to `most`, both included.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most - least).unwrap_or(0) + 1;
        least + self.below(span).cast_signed()
    }

    /// A real number between the two.
    pub fn real(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len() as u64);
        choices[usize::try_from(at).unwrap_or(0)]
    }

    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 50.0 {
            return whole(mean + mean.sqrt() * self.normal() + 0.5);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

/// Draws ranks so that the second is half as frequent as the first, and so on.
#[derive(Debug, Clone)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    pub fn new(ranks: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=ranks).map(|rank| {
            sum += float(rank as u64).powf(-exponent);
            sum
        });
        Self(sums.collect())
    }

    pub fn draw(&self, rng: &mut Rng) -> usize {
        let at = rng.unit() * self.0.last().copied().unwrap_or(0.0);
        self.0
            .partition_point(|sum| *sum <= at)
            .min(self.0.len().saturating_sub(1))
    }
}

/// A count as a real number.
#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// The whole part of a real number that is not negative.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative numbers become 0"
)]
pub fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_their_means() {
        let mut rng = Rng::new(1, 1);
        let mut mean = |draw: &mut dyn FnMut(&mut Rng) -> f64| {
            (0..20_000).map(|_| draw(&mut rng)).sum::<f64>() / 20_000.0
        };
        assert!((mean(&mut |rng| rng.unit()) - 0.5).abs() < 0.02);
        assert!((mean(&mut |rng| float(rng.poisson(3.0))) - 3.0).abs() < 0.1);
        assert!((mean(&mut |rng| float(rng.poisson(80.0))) - 80.0).abs() < 0.5);
        assert!((mean(&mut |rng| rng.exponential(4.0)) - 4.0).abs() < 0.2);
        assert!(mean(&mut Rng::normal).abs() < 0.05);
        let zipf = Zipf::new(10, 1.0);
        let first = mean(&mut |rng| f64::from(u8::from(zipf.draw(rng) == 0)));
        assert!((first - 1.0 / 2.929).abs() < 0.02);
    }
}
