//! An address as a header carries it: a display name and an addr-spec (RFC 5322 3.4), decoded but not yet
//! cleaned for display; cleaning is [`super::text::DisplayText`]'s work.

/// One mailbox of an address list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Address {
    /// Decoded display name, empty where there is none.
    pub name: String,
    /// `local@domain`, empty where the header was unreadable.
    pub address: String,
}

impl Address {
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: name.into(), address: address.into() }
    }

    /// What a narrow column shows: the name, else the address.
    pub fn short(&self) -> &str {
        if self.name.trim().is_empty() { &self.address } else { &self.name }
    }
}
