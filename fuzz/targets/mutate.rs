//! A small seeded mutator for where there is no coverage: flips, numbers at the edges, blocks copied, moved and taken
//! from other inputs. The same seed makes the same inputs.

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

const EDGES: [u8; 10] = [0, 1, 2, 4, 8, 0x7f, 0x80, 0xfe, 0xff, 0xc0];

/// An input made of those that are known.
pub fn mutated(random: &mut Random, known: &[Vec<u8>], bytes_max: usize) -> Vec<u8> {
    let any = |random: &mut Random| known.get(random.below(known.len())).cloned().unwrap_or_default();
    let mut bytes = any(random);
    for _ in 0..1 << random.below(5) {
        let at = random.below(bytes.len() + 1);
        let largest = 1 << random.below(6);
        let size = 1 + random.below(largest);
        let end = (at + size).min(bytes.len());
        match random.below(9) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let new: Vec<u8> = (0..size).map(|_| random.next() as u8).collect();
                bytes.splice(at..at, new);
            }
            2 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            3 => {
                let other = any(random);
                let from = random.below(other.len() + 1);
                let until = (from + 4 * size).min(other.len());
                bytes.splice(at..end, other[from..until].iter().copied());
            }
            _ if at == bytes.len() => bytes.push(random.next() as u8),
            4 => bytes[at] ^= 1 << random.below(8),
            5 => bytes[at] = EDGES[random.below(EDGES.len())],
            6 => bytes[at] = bytes[at].wrapping_add(random.below(33) as u8).wrapping_sub(16),
            7 => bytes[at] = random.next() as u8,
            _ => bytes[at..end].fill(EDGES[random.below(EDGES.len())]),
        }
    }
    bytes.truncate(bytes_max);
    bytes
}
