//! What the server says it can do (RFC 9051 6.1.1). Only words; who uses an extension asks here.

use super::command::{Dialect, NonSync};
use super::quirks::GMAIL;

/// Capabilities in upper case; empty and unknown until the server named some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    words: Vec<String>,
    /// Offered, and then not understood: for this connection it is as if they were not.
    denied: Vec<&'static str>,
}

/// RFC 4978.
pub const COMPRESS: &str = "COMPRESS=DEFLATE";

/// Far more than any server has; a liar's list ends here.
const MAX_WORDS: usize = 1000;

impl Caps {
    /// From the argument of a `[CAPABILITY …]` code.
    pub fn from_text(text: &str) -> Self {
        let mut caps = Self::default();
        caps.learn(text.split_ascii_whitespace().map(str::to_owned));
        caps
    }

    /// The server tells them (again); what it turned out not to have stays away.
    pub fn learn(&mut self, words: impl IntoIterator<Item = String>) {
        self.words = words.into_iter().map(|word| word.to_ascii_uppercase()).take(MAX_WORDS).collect();
    }

    /// The server does not understand what it offers.
    pub fn deny(&mut self, word: &'static str) {
        tracing::info!(word, "the server offers what it does not know; the plain way is taken on this connection");
        self.denied.push(word);
    }

    /// The server has told.
    pub fn is_known(&self) -> bool {
        !self.words.is_empty()
    }

    pub fn has(&self, word: &str) -> bool {
        !self.denied.contains(&word) && self.words.iter().any(|known| known == word)
    }

    /// An extension that IMAP4rev2 includes (RFC 9051 appendix E).
    fn has_or_rev2(&self, word: &str) -> bool {
        !self.denied.contains(&word) && (self.has(word) || self.has("IMAP4REV2"))
    }

    fn literals(&self) -> NonSync {
        match () {
            () if self.has("LITERAL+") => NonSync::All,
            () if self.has_or_rev2("LITERAL-") => NonSync::Short,
            () => NonSync::None,
        }
    }

    /// How it may be spoken to; `utf8`: it confirmed that it was turned on.
    pub fn dialect(&self, utf8: bool) -> Dialect {
        Dialect { literals: self.literals(), utf8: utf8 || self.is_rev2_only() }
    }

    /// IMAP4rev1 is not understood: names are UTF-8 from the beginning (RFC 9051 appendix A).
    fn is_rev2_only(&self) -> bool {
        self.has("IMAP4REV2") && !self.has("IMAP4REV1")
    }

    pub fn enable(&self) -> bool {
        self.has_or_rev2("ENABLE")
    }

    /// UTF-8 is there to be turned on, or has to be (RFC 6855 6).
    pub fn utf8(&self) -> bool {
        self.has("UTF8=ACCEPT") || self.has("UTF8=ONLY")
    }

    pub fn sasl_ir(&self) -> bool {
        self.has_or_rev2("SASL-IR")
    }

    pub fn compress(&self) -> bool {
        self.has(COMPRESS)
    }

    pub fn idle(&self) -> bool {
        self.has_or_rev2("IDLE")
    }

    pub fn moves(&self) -> bool {
        self.has_or_rev2("MOVE")
    }

    pub fn uidplus(&self) -> bool {
        self.has_or_rev2("UIDPLUS")
    }

    pub fn esearch(&self) -> bool {
        self.has_or_rev2("ESEARCH")
    }

    /// Changes are counted (RFC 7162); QRESYNC includes it.
    pub fn condstore(&self) -> bool {
        self.has("CONDSTORE") || self.has("QRESYNC")
    }

    /// LIST with RETURN: which options, None where it is not understood.
    pub fn list_return(&self) -> Option<String> {
        if !self.has_or_rev2("LIST-EXTENDED") {
            return None;
        }
        let mut options = Vec::new();
        if self.has_or_rev2("SPECIAL-USE") {
            options.push("SPECIAL-USE");
        }
        if self.has_or_rev2("LIST-STATUS") {
            options.push(match self.condstore() {
                true => "STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ)",
                false => "STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)",
            });
        }
        (!options.is_empty()).then(|| options.join(" "))
    }

    /// The FETCH item that names a message's content across mailboxes.
    pub fn identity_item(&self) -> Option<&'static str> {
        match () {
            () if self.has(GMAIL) => Some("X-GM-MSGID"),
            () if self.has("OBJECTID") => Some("EMAILID"),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_found_in_any_case_and_inside_rev2() {
        let caps = Caps::from_text("imap4rev1 idle LITERAL+ uidplus");
        assert!(caps.idle() && caps.uidplus() && !caps.moves() && caps.dialect(false) == Dialect { literals: NonSync::All, utf8: false });
        assert_eq!(caps.list_return(), None);
        let rev2 = Caps::from_text("IMAP4rev2");
        assert!(rev2.moves() && rev2.uidplus() && rev2.enable() && rev2.list_return().is_some());
        assert_eq!(rev2.dialect(false), Dialect { literals: NonSync::Short, utf8: true });
        assert!(!Caps::from_text("IMAP4rev1 IMAP4rev2").dialect(false).utf8);
        assert!(!Caps::default().is_known());
    }
}
