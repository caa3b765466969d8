//! What the reader's own server found out about the sender: its Authentication-Results (RFC 8601), and only its. Such a field is
//! as easily written by a sender as any other, so without the server's name in the configuration none is read.

use super::field;
use crate::mail::Address;
use crate::mail::page::Verdict;

/// Bytes of one field that are read.
const MAX_FIELD: usize = 16 * 1024;

/// The verdict of the server called `trusted` on the sender; None where it says nothing at all.
pub fn verdict(header: &[u8], trusted: &str, from: &[Address], several_from: bool) -> Option<Verdict> {
    let results = results(header, trusted)?;
    let domain = from.first().and_then(|from| from.address.rsplit_once('@')).map(|(_, domain)| domain.to_ascii_lowercase());
    let Some(domain) = domain.filter(|_| !several_from && from.len() == 1) else { return Some(Verdict::Unproven) };
    let is_own = |result: &MethodResult, names: &[&str]| result.property(names).is_none_or(|found| aligned(found, &domain));
    let of = |method: &'static str| results.iter().filter(move |result| result.method == method);
    // DMARC has weighed the other two against the sender's domain
    if let Some(dmarc) = of("dmarc").next() {
        return Some(match dmarc.result.as_str() {
            "pass" if is_own(dmarc, &["header.from"]) => Verdict::Verified,
            "fail" => Verdict::Suspect,
            _ => proven(&results, &domain),
        });
    }
    Some(proven(&results, &domain))
}

/// DKIM and SPF by themselves: a pass counts if it is for the sender's own domain.
fn proven(results: &[MethodResult], domain: &str) -> Verdict {
    let passes = |method: &str, names: &[&str]| {
        let own = |result: &&MethodResult| result.method == method && result.property(names).is_some_and(|found| aligned(found, domain));
        results.iter().filter(own).any(|result| result.result == "pass")
    };
    let fails = |method: &str, names: &[&str]| {
        let own = |result: &&MethodResult| result.method == method && result.property(names).is_none_or(|found| aligned(found, domain));
        results.iter().filter(own).any(|result| matches!(result.result.as_str(), "fail" | "permerror" | "policy"))
    };
    const DKIM: &[&str] = &["header.d", "header.i"];
    const SPF: &[&str] = &["smtp.mailfrom", "smtp.mail", "smtp.helo"];
    match () {
        () if passes("dkim", DKIM) || passes("spf", SPF) => Verdict::Verified,
        () if fails("dkim", DKIM) || fails("spf", SPF) => Verdict::Suspect,
        () => Verdict::Unproven,
    }
}

/// The same domain, or one below the other (RFC 7489 3.1, relaxed).
fn aligned(found: &str, domain: &str) -> bool {
    let found = found.rsplit('@').next().unwrap_or(found).trim_end_matches('.').to_ascii_lowercase();
    let under =
        |sub: &str, site: &str| site.contains('.') && sub.strip_suffix(site).is_some_and(|head| head.is_empty() || head.ends_with('.'));
    under(&found, domain) || under(domain, &found)
}

/// One method's result with its properties, all in lower case.
#[derive(Debug, PartialEq, Eq)]
struct MethodResult {
    method: String,
    result: String,
    properties: Vec<(String, String)>,
}

impl MethodResult {
    fn property(&self, names: &[&str]) -> Option<&str> {
        let find = |wanted: &&str| self.properties.iter().find(|(name, _)| name == wanted);
        names.iter().find_map(find).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// The results of the server's own fields. A server puts its fields above all that came with the message, and takes out those that
/// bear its name (RFC 8601 5); for those that do not, only the topmost counts, and what stands right below it.
fn results(header: &[u8], trusted: &str) -> Option<Vec<MethodResult>> {
    let header = header.get(..field::header_end(header)).unwrap_or(header);
    let mut found: Option<Vec<MethodResult>> = None;
    for field in field::fields(header) {
        let ours = field.is("authentication-results").then(|| parse(&field.value(), trusted)).flatten();
        match (ours, &mut found) {
            (Some(results), None) => found = Some(results),
            (Some(results), Some(all)) => all.extend(results),
            (None, Some(_)) => break,
            (None, None) => {}
        }
    }
    found
}

/// `mx.example.org 1; dkim=pass (good) header.d=x.example; spf=none`; None where another server speaks.
fn parse(value: &str, trusted: &str) -> Option<Vec<MethodResult>> {
    let value = value.get(..value.floor_char_boundary(MAX_FIELD))?;
    let plain = without_comments(value);
    let mut sections = sections(&plain).into_iter();
    let server = sections.next()?;
    let server = server.split_whitespace().next()?.trim_matches('"');
    if !server.eq_ignore_ascii_case(trusted.trim()) {
        return None;
    }
    Some(sections.filter_map(|section| method(&section)).collect())
}

fn method(section: &str) -> Option<MethodResult> {
    let spaced = section.to_ascii_lowercase().replace('=', " = ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut pairs = words.windows(3).filter(|three| three.get(1) == Some(&"="));
    let pair = |three: &[&str]| Some((three.first()?.to_string(), three.get(2)?.trim_matches('"').to_owned()));
    let (method, result) = pair(pairs.next()?)?;
    // "dkim/1=pass"
    let method = method.split('/').next().unwrap_or_default().to_owned();
    Some(MethodResult { method, result, properties: pairs.filter_map(pair).collect() })
}

/// Cut at the semicolons that stand in no quotes.
fn sections(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        match out.last_mut() {
            Some(last) if c != ';' || quoted => last.push(c),
            _ => out.push(String::new()),
        }
    }
    out
}

/// Comments (RFC 5322 3.2.2) may hold anything, `;` and `=` too.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for c in text.chars() {
        let was_escaped = std::mem::replace(&mut escaped, false);
        match c {
            '\\' if !was_escaped => escaped = true,
            '"' if depth == 0 && !was_escaped => {
                quoted = !quoted;
                out.push(c);
            }
            '(' if !quoted && !was_escaped => depth += 1,
            ')' if !quoted && !was_escaped && depth > 0 => {
                depth -= 1;
                out.push(' ');
            }
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(header: &str) -> Option<Verdict> {
        verdict(header.as_bytes(), "mx.home.example", &[Address::new("Ada", "ada@x.example")], false)
    }

    #[test]
    fn only_the_readers_own_server_is_believed() {
        use Verdict::{Suspect, Unproven, Verified};
        const AR: &str = "Authentication-Results: mx.home.example";
        for (header, expect) in [
            (format!("{AR}; dmarc=pass header.from=x.example\n"), Some(Verified)),
            (format!("{AR} 1;\n dkim=pass (2048 bit; header.d=y.example) header.d=x.example;\n spf=none\n"), Some(Verified)),
            (format!("{AR}; dkim=pass header.i=@mail.x.example\n"), Some(Verified)),
            (format!("{AR}; spf=pass smtp.mailfrom=bounce@x.example\n"), Some(Verified)),
            ("AUTHENTICATION-RESULTS: MX.Home.Example; DKIM=Pass Header.D=X.Example\n".to_owned(), Some(Verified)),
            (format!("{AR}; dmarc=fail header.from=x.example; dkim=pass header.d=x.example\n"), Some(Suspect)),
            (format!("{AR}; dkim=fail reason=\"bad; dkim=pass\" header.d=x.example\n"), Some(Suspect)),
            (format!("{AR}; dmarc=none; dkim=pass header.d=x.example\n"), Some(Verified)),
            (format!("{AR}; spf=softfail smtp.mailfrom=x.example\n"), Some(Unproven)),
            (format!("{AR}; none\n"), Some(Unproven)),
            // somebody else's signature proves nothing about the sender
            (format!("{AR}; dkim=pass header.d=evil.example\n"), Some(Unproven)),
            (format!("{AR}; dkim=pass header.d=notx.example\n"), Some(Unproven)),
            (format!("{AR}; dkim=pass header.d=example\n"), Some(Unproven)),
            (format!("{AR}; dkim=pass\n"), Some(Unproven)),
            (format!("{AR}; dmarc=pass header.from=evil.example\n"), Some(Unproven)),
            (format!("{AR}; spf=pass smtp.mailfrom=evil.example (x; dmarc=pass)\n"), Some(Unproven)),
            // other servers, and what only looks like ours
            ("Authentication-Results: mx.other.example; dmarc=pass\n".to_owned(), None),
            ("Authentication-Results: mx.home.example.evil.example; dmarc=pass\n".to_owned(), None),
            ("Authentication-Results: (mx.home.example;) evil.example; dmarc=pass\n".to_owned(), None),
            ("X-Authentication-Results: mx.home.example; dmarc=pass\n".to_owned(), None),
            ("Subject: x\n\nAuthentication-Results: mx.home.example; dmarc=pass\n".to_owned(), None),
            // one that came with the message, below what the server put there
            (format!("{AR}; none\nReceived: x\n{AR}; dmarc=pass header.from=x.example\n"), Some(Unproven)),
            // a server that writes one field for each method
            (format!("{AR}; spf=none\n{AR}; dkim=pass header.d=x.example\n"), Some(Verified)),
        ] {
            assert_eq!(on(&header), expect, "{header}");
        }
    }

    #[test]
    fn who_has_several_senders_is_never_verified() {
        let header = b"Authentication-Results: mx.home.example; dmarc=pass\n";
        let (one, two) = (Address::new("", "a@x.example"), Address::new("", "b@x.example"));
        for (from, several) in [(vec![one.clone(), two], false), (vec![one], true), (vec![], false), (vec![Address::new("x", "")], false)] {
            assert_eq!(verdict(header, "mx.home.example", &from, several), Some(Verdict::Unproven));
        }
    }

    #[test]
    fn floods_are_read_in_linear_time() {
        for unit in ["(", "\"", ";", "=", "a=b ", "\\", "dkim=pass;"] {
            on(&format!("Authentication-Results: mx.home.example; {}\n", unit.repeat(200_000)));
        }
    }
}
