//! Bytes read as a plan: one choice after the other, never failing, zeros when they have run out. And the other way
//! round for seeds.

/// What is left of an input.
pub struct Plan<'a>(&'a [u8]);

impl<'a> Plan<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub fn long(&mut self) -> u32 {
        u32::from(self.word()) << 16 | u32::from(self.word())
    }

    /// One of a list.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.byte()) % list.len()]
    }

    /// Some bytes: as many as the next byte says, as far as there are.
    pub fn short(&mut self) -> &'a [u8] {
        let length = self.byte().into();
        self.take(length)
    }

    /// As [`Self::short`], with a length of 16 bits.
    pub fn chunk(&mut self) -> &'a [u8] {
        let length = self.word().into();
        self.take(length)
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Writes what [`Plan::short`] reads.
pub fn short(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(255)];
    [&[bytes.len() as u8], bytes].concat()
}

/// Writes what [`Plan::chunk`] reads.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}
