//! Domains of other scripts as mail carries them (RFC 5890, Punycode of RFC 3492), so that they need no SMTPUTF8. Only the
//! way out: what arrives is shown as it is written.

/// An address with its domain in ASCII; unchanged where the domain can't be written so.
pub fn ascii_domain(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => match to_ascii(domain) {
            Some(ascii) => format!("{local}@{ascii}"),
            None => address.to_owned(),
        },
        _ => address.to_owned(),
    }
}

fn to_ascii(domain: &str) -> Option<String> {
    let label = |label: &str| {
        let lower: String = label.chars().flat_map(char::to_lowercase).collect();
        if lower.is_ascii() {
            return Some(lower);
        }
        // letters with loose marks would have to be composed first (RFC 5891 4.2.1)
        let is_composed = !lower.chars().any(|c| matches!(c, '\u{300}'..='\u{36f}'));
        punycode(&lower).filter(|code| is_composed && code.len() <= 59).map(|code| format!("xn--{code}"))
    };
    Some(domain.split('.').map(label).collect::<Option<Vec<String>>>()?.join("."))
}

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;

/// RFC 3492 6.3. None where numbers overflow, which takes a label no name server holds.
fn punycode(label: &str) -> Option<String> {
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(label.chars().count()).ok()?;
    let (mut n, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, basic);
    while handled < total {
        let next = label.chars().map(u32::from).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta = delta.checked_add(1)?;
            }
            if c == n {
                push_number(&mut out, delta, bias);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n = n.checked_add(1)?;
    }
    Some(out)
}

/// A variable-length integer (RFC 3492 3.3).
fn push_number(out: &mut String, number: u32, bias: u32) {
    let mut rest = number;
    for k in (BASE..).step_by(BASE as usize) {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if rest < threshold {
            break;
        }
        out.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
        rest = (rest - threshold) / (BASE - threshold);
    }
    out.push(digit(rest));
}

fn digit(value: u32) -> char {
    char::from_digit(if value < 26 { value + 10 } else { value - 26 }, BASE).unwrap_or('0')
}

/// RFC 3492 6.1.
fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `punycode`, and samples of RFC 3492 7.1.
    #[test]
    fn domains_are_written_in_ascii() {
        for (domain, expect) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("Ü.example", "xn--tda.example"),
            ("faß.de", "xn--fa-hia.de"),
            ("日本語.jp", "xn--wgv71a119e.jp"),
            ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
            ("ünïcödé-lön.example", "xn--ncd-ln-dva9bzde1d.example"),
            ("한국.kr", "xn--3e0b707e.kr"),
            ("ليهمابتكلموشعربي؟.x", "xn--egbpdaj6bu4bxfgehfvwxn.x"),
            ("3年b組金八先生.x", "xn--3b-ww4c5e180e575a65lsy2b.x"),
            ("X.Example", "X.Example"),
            ("u\u{308}.example", "u\u{308}.example"),
        ] {
            assert_eq!(ascii_domain(&format!("A.b@{domain}")), format!("A.b@{expect}"));
        }
        assert_eq!(ascii_domain("jürgen@x.example"), "jürgen@x.example");
        assert_eq!(ascii_domain(""), "");
        let long = format!("a@{}", "é".repeat(10_000));
        assert_eq!(ascii_domain(&long), long);
    }
}
