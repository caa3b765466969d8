//! What a server offers in its answer to EHLO (RFC 5321 4.1.1.1). Nothing is offered after HELO.

use lettre::transport::smtp::response::Response;

/// The extensions offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// As offered, the server's own name left out.
    lines: Vec<String>,
}

impl Caps {
    pub fn new(reply: &Response) -> Self {
        Self { lines: reply.message().skip(1).map(|line| line.trim().to_ascii_uppercase()).collect() }
    }

    /// The words after a keyword; None where it is not offered. `AUTH=PLAIN` is how old servers write it.
    fn words(&self, keyword: &str) -> Option<impl Iterator<Item = &str>> {
        let mut found = self.lines.iter().filter_map(move |line| {
            let rest = line.strip_prefix(keyword)?;
            (rest.is_empty() || rest.starts_with([' ', '='])).then(|| rest.split([' ', '=']).filter(|word| !word.is_empty()))
        });
        let first = found.next()?;
        Some(first.chain(found.flatten()))
    }

    fn has(&self, keyword: &str) -> bool {
        self.words(keyword).is_some()
    }

    pub fn starttls(&self) -> bool {
        self.has("STARTTLS")
    }

    /// RFC 2920.
    pub fn pipelining(&self) -> bool {
        self.has("PIPELINING")
    }

    /// RFC 6152.
    pub fn eight_bit(&self) -> bool {
        self.has("8BITMIME")
    }

    /// RFC 6531.
    pub fn smtp_utf8(&self) -> bool {
        self.has("SMTPUTF8")
    }

    /// RFC 3461.
    pub fn dsn(&self) -> bool {
        self.has("DSN")
    }

    /// RFC 1870: the size may be told.
    pub fn size(&self) -> bool {
        self.has("SIZE")
    }

    /// Octets of the largest message taken; None where there is no fixed limit.
    pub fn size_limit(&self) -> Option<u64> {
        let limit = self.words("SIZE")?.next()?.parse().ok()?;
        (limit > 0).then_some(limit)
    }

    /// Whether one can sign in at all (RFC 4954).
    pub fn auth(&self) -> bool {
        self.has("AUTH")
    }

    pub fn auth_by(&self, mechanism: &str) -> bool {
        self.words("AUTH").is_some_and(|mut words| words.any(|word| word == mechanism))
    }

    /// The keywords, for people.
    pub fn keywords(&self) -> &[String] {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(text: &str) -> Caps {
        Caps::new(&text.parse().unwrap())
    }

    #[test]
    fn keywords_are_read_in_any_case_and_order() {
        let caps = caps(
            "250-STARTTLS.example PIPELINING\r\n250-Size 35651584\r\n250-8bitmime\r\n250-AUTH=LOGIN\r\n250-AUTH PLAIN  XOAUTH2\r\n250 DSN\r\n",
        );
        assert_eq!(caps.size_limit(), Some(35_651_584));
        assert!(caps.size() && caps.eight_bit() && caps.dsn() && caps.auth());
        assert!(caps.auth_by("PLAIN") && caps.auth_by("LOGIN") && caps.auth_by("XOAUTH2") && !caps.auth_by("CRAM-MD5"));
        assert!(!caps.starttls() && !caps.pipelining() && !caps.smtp_utf8(), "the name of the server offers nothing");
    }

    #[test]
    fn a_size_without_a_number_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE x", "SIZE 99999999999999999999999"] {
            let caps = caps(&format!("250-x\r\n250 {line}\r\n"));
            assert!(caps.size() && caps.size_limit().is_none(), "{line}");
        }
        assert!(!caps("250 SIZE 5\r\n").size());
    }
}
