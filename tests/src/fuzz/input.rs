//! Takes choices from the front of an input; the rest stays readable text, so that seeds can be written by hand.

/// What is left of an input.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }
    /// The next byte; zero when there is none, so that every input means something.
    pub(super) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }
    /// One of these, by the next byte.
    pub(super) fn pick<'b, T>(&mut self, among: &'b [T]) -> &'b T {
        &among[usize::from(self.byte()) % among.len()]
    }
    /// The text up to the next line break, whatever its bytes are.
    pub(super) fn line(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let line = String::from_utf8_lossy(&self.0[..end]).into_owned();
        self.0 = self.0.get(end + 1..).unwrap_or(&[]);
        line
    }
    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}
