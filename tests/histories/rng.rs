//! Every choice of a history comes from here, and so from its seed alone: a seed means the same history on every machine
//! and with every version of every dependency.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// Below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    /// The same, of what is copied.
    pub fn one<T: Copy>(&mut self, among: &[T]) -> T {
        *self.pick(among)
    }

    /// One of these, each as often as its weight says.
    pub fn weighted<T: Copy>(&mut self, among: &[(usize, T)]) -> T {
        let mut at = self.below(among.iter().map(|(weight, _)| weight).sum());
        for (weight, it) in among {
            if at < *weight {
                return *it;
            }
            at -= weight;
        }
        among[0].1
    }

    /// Some of these, in their order.
    pub fn subset<T: Clone>(&mut self, among: &[T], percent: usize) -> Vec<T> {
        among.iter().filter(|_| self.chance(percent)).cloned().collect()
    }
}
