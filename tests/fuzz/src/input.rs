//! An input taken apart, from the front.

/// What is left of it. Numbers that are not there are 0, texts empty.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (mut array, there) = ([0; N], self.0.len().min(N));
        array[..there].copy_from_slice(&self.0[..there]);
        self.0 = &self.0[there..];
        array
    }

    /// To the end of the line, or of the input.
    pub(crate) fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let line = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        line
    }

    /// All lines up to an empty one.
    pub(crate) fn head(&mut self) -> Vec<&'a [u8]> {
        std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty())).collect()
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// As text, with what is none left out.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.utf8_chunks().map(|chunk| chunk.valid()).collect()
}
