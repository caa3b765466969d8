//! What a server said it can do (CAPA, RFC 2449). Servers without CAPA are taken as the oldest kind.

/// The lines of the answer to CAPA, in upper case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    lines: Vec<String>,
    is_known: bool,
}

/// More capabilities than this no server has.
const MAX: usize = 200;

impl Caps {
    /// Begins an answer.
    pub fn known() -> Self {
        Self { lines: Vec::new(), is_known: true }
    }

    /// Adds a line of the answer.
    pub fn add(&mut self, line: &[u8]) {
        if self.lines.len() < MAX {
            self.lines.push(String::from_utf8_lossy(line).trim().to_ascii_uppercase());
        }
    }

    /// The server answered CAPA.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// Has this capability, with whatever arguments.
    pub fn has(&self, name: &str) -> bool {
        self.line(name).is_some()
    }

    /// Takes several commands in one write.
    pub fn pipelining(&self) -> bool {
        self.has("PIPELINING")
    }

    /// Offers this SASL mechanism.
    pub fn sasl(&self, mechanism: &str) -> bool {
        self.line("SASL").is_some_and(|line| line.split_ascii_whitespace().skip(1).any(|offered| offered == mechanism))
    }

    /// Takes USER and PASS; servers that do not know CAPA do.
    pub fn user(&self) -> bool {
        !self.is_known || self.has("USER")
    }

    fn line(&self, name: &str) -> Option<&str> {
        self.lines.iter().map(String::as_str).find(|line| line.split_ascii_whitespace().next() == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_found_by_their_first_word() {
        let mut caps = Caps::known();
        for line in [&b"sasl PLAIN XOAUTH2"[..], b"PIPELINING ", b"EXPIRE NEVER USER"] {
            caps.add(line);
        }
        assert!(caps.sasl("XOAUTH2") && caps.pipelining());
        assert!(!caps.sasl("LOGIN") && !caps.user() && !caps.has("NEVER"));
        assert!(Caps::default().user() && !Caps::default().pipelining());
    }
}
