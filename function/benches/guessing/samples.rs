//! Two lots of times, and whether chance explains their difference.

/// Of each end of a lot, this part is left out of its mean: what else the machine did.
const TRIMMED: f64 = 0.1;

/// Nanoseconds.
#[derive(Default)]
pub struct Samples {
    pub near: Vec<f64>,
    pub far: Vec<f64>,
}

impl Samples {
    pub fn medians(&self) -> (f64, f64) {
        let median = |times: &[f64]| sorted(times)[times.len() / 2];
        (median(&self.near), median(&self.far))
    }

    /// By how much the near ones' trimmed mean is more, and how far that may be off: in 95 of 100
    /// cases not farther (Yuen's test, with as many samples that its distribution is normal).
    pub fn difference(&self) -> (f64, f64) {
        let ((near, one), (far, other)) = (trimmed(&self.near), trimmed(&self.far));
        (near - far, 1.96 * (one + other).sqrt())
    }

    /// Mann and Whitney's test: z, positive where the near ones take longer, and how probable it is
    /// to be so far from nought or farther where both lots are of one kind.
    pub fn ranks(&self) -> (f64, f64) {
        let near = self.near.iter().map(|time| (*time, true));
        let far = self.far.iter().map(|time| (*time, false));
        let mut all: Vec<(f64, bool)> = near.chain(far).collect();
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mut ranks_of_near, mut ties) = (0.0, 0.0);
        let mut before = 0.0;
        // Times that are equal share the mean of their ranks.
        for equal in all.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
            let size = equal.len() as f64;
            let of_near = equal.iter().filter(|(_, near)| *near).count() as f64;
            ranks_of_near += of_near * (before + f64::midpoint(size, 1.0));
            ties += size.powi(3) - size;
            before += size;
        }
        let (n, m, all) = (self.near.len() as f64, self.far.len() as f64, before);
        let u = ranks_of_near - n * (n + 1.0) / 2.0;
        let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
        let z = (u - n * m / 2.0) / variance.sqrt();
        (z, outside(z.abs()))
    }
}

fn sorted(times: &[f64]) -> Vec<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times
}

/// The trimmed mean, and the square of its standard error.
fn trimmed(times: &[f64]) -> (f64, f64) {
    let mut times = sorted(times);
    let count = times.len();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let cut = (count as f64 * TRIMMED) as usize;
    let kept = cut..count - cut;
    let mean = times[kept.clone()].iter().sum::<f64>() / kept.len() as f64;
    // What is cut off counts as the last that is kept.
    let (least, most) = (times[kept.start], times[kept.end - 1]);
    times[..cut].fill(least);
    times[count - cut..].fill(most);
    let middle = times.iter().sum::<f64>() / count as f64;
    let squares: f64 = times.iter().map(|time| (time - middle).powi(2)).sum();
    let kept = kept.len() as f64;
    (mean, squares / (kept * (kept - 1.0)))
}

/// The part of a normal distribution that lies farther than z from its middle, on both sides
/// (Abramowitz and Stegun, 7.1.26: off by less than a millionth).
fn outside(z: f64) -> f64 {
    const TERMS: [f64; 5] = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let sum = TERMS.iter().fold(0.0, |sum, term| (sum + term) * t);
    sum * (-x * x).exp()
}
