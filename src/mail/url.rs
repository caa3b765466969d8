//! What is asked of web and mail addresses by whoever shows, opens or cuts them: how they begin, their host, their escapes.
//! Nothing here fetches anything.

/// Whether an address begins so, in whatever case.
pub fn begins(url: &str, prefix: &str) -> bool {
    url.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// The host of a target (of a mailto:, the address's domain), lower-case.
pub fn host(url: &str) -> String {
    let (_, rest) = url.split_once(':').unwrap_or(("", url));
    let host = match rest.strip_prefix("//") {
        Some(rest) => {
            let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            host.split_once(':').map_or(host, |(host, port)| if host.starts_with('[') && !port.is_empty() { authority } else { host })
        }
        None => {
            let address = rest.split('?').next().unwrap_or_default();
            address.rsplit_once('@').map_or(address, |(_, domain)| domain)
        }
    };
    host.trim_end_matches('.').to_lowercase()
}

/// Undoes percent-encoding; "+" is a plus (RFC 6068 5). What is no UTF-8 becomes replacement characters.
pub fn percent_decoded(text: &str) -> String {
    String::from_utf8_lossy(&octets(text, "%")).into_owned()
}

/// The octets of a text in which `mark` and two hexadecimal digits stand for one; what is no such escape stays.
pub fn octets(text: &str, mark: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match rest.strip_prefix(mark.as_bytes()) {
            Some([high, low, tail @ ..]) => hex_byte(*high, *low).map(|byte| (byte, tail)),
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((byte, after));
        bytes.push(byte);
        rest = tail;
    }
    bytes
}

/// The octet of two hexadecimal digits.
pub fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_what_is_none_stays() {
        for (text, expect) in
            [("a%20b", "a b"), ("%C3%BC+", "ü+"), ("%", "%"), ("%4", "%4"), ("%+f", "%+f"), ("%zz%41", "%zzA"), ("%ff", "\u{fffd}")]
        {
            assert_eq!(percent_decoded(text), expect, "{text}");
        }
    }

    #[test]
    fn beginnings_end_at_characters() {
        assert!(begins("HTTPS://x", "https://") && !begins("http", "https://") && !begins("htté", "http"));
    }
}
