//! Where a link really leads: out of the services that wrap links to watch or check clicks, without the parameters that only tell
//! who clicked. Nothing is asked of any server; a wrapper that hides its target (a hash) stays as it is.

use crate::mail::url::{self, begins, percent_decoded};

/// Wrappers within wrappers that are undone.
const MAX_LAYERS: usize = 4;

/// Host (or a host above it), how the path begins, and the parameter that holds the target.
const WRAPPERS: &[(&str, &str, &str)] = &[
    ("google.com", "/url", "q"),
    ("google.com", "/url", "url"),
    ("safelinks.protection.outlook.com", "/", "url"),
    ("statics.teams.cdn.office.net", "/evergreen-assets/safelinks", "url"),
    ("facebook.com", "/l.php", "u"),
    ("instagram.com", "/", "u"),
    ("youtube.com", "/redirect", "q"),
    ("linkedin.com", "/redir/redirect", "url"),
    ("slack-redir.net", "/link", "url"),
    ("out.reddit.com", "/", "url"),
    ("t.umblr.com", "/redirect", "z"),
    ("href.li", "/", ""),
    ("linkprotect.cudasvc.com", "/url", "a"),
    ("steamcommunity.com", "/linkfilter", "url"),
    ("vk.com", "/away.php", "to"),
    ("duckduckgo.com", "/l/", "uddg"),
    ("mail.yandex.ru", "/re.jsx", "l"),
    ("awstrack.me", "/l0/", "/"),
];

/// Parameters that only say by which mail, list or person somebody came.
const TRACKING: &[&str] = &[
    "fbclid",
    "gclid",
    "dclid",
    "gbraid",
    "wbraid",
    "msclkid",
    "yclid",
    "twclid",
    "ttclid",
    "igshid",
    "igsh",
    "mc_cid",
    "mc_eid",
    "mc_tc",
    "_hsenc",
    "_hsmi",
    "__hssc",
    "__hstc",
    "__hsfp",
    "hsctatracking",
    "mkt_tok",
    "vero_id",
    "vero_conv",
    "oly_enc_id",
    "oly_anon_id",
    "wickedid",
    "_openstat",
    "s_cid",
    "trk",
    "trkemail",
    "trkcampaign",
    "li_fat_id",
    "ck_subscriber_id",
    "cmpid",
    "ml_subscriber",
    "ml_subscriber_hash",
    "_branch_match_id",
    "elqtrackid",
    "elqtrack",
    "sc_src",
    "sc_lid",
    "sc_uid",
    "sc_llid",
    "bsft_clkid",
    "bsft_eid",
    "bsft_uid",
    "bsft_mid",
    "rb_clickid",
    "epik",
];

/// The target without wrappers and tracking, and the host of the outermost wrapper.
pub fn bare(url: &str) -> (String, Option<String>) {
    let mut url = url.to_owned();
    let mut via = None;
    for _ in 0..MAX_LAYERS {
        let Some(inner) = unwrapped(&url) else { break };
        via.get_or_insert_with(|| url::host(&url));
        url = inner;
    }
    (without_tracking(&url), via)
}

/// The target of a wrapper, if the link is one.
fn unwrapped(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let host = url::host(url);
    let path_at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let path = rest.get(path_at..)?;
    let is_at = |known: &str| host.strip_suffix(known).is_some_and(|head| head.is_empty() || head.ends_with('.'));
    let target = match () {
        () if is_at("urldefense.com") && path.starts_with("/v3/__") => proofpoint3(path)?,
        () if is_at("urldefense.proofpoint.com") || is_at("urldefense.com") => {
            percent_decoded(&parameter(path, "u")?.replace('-', "%").replace('_', "/"))
        }
        () => WRAPPERS.iter().filter(|(known, begin, _)| is_at(known) && path.starts_with(begin)).find_map(
            |(_, begin, name)| match *name {
                "" => path.strip_prefix("/?").map(percent_decoded),
                "/" => path.strip_prefix(begin).map(|rest| percent_decoded(rest.split('/').next().unwrap_or_default())),
                name => parameter(path, name).map(percent_decoded),
            },
        )?,
    };
    let is_url = begins(&target, "https://") || begins(&target, "http://");
    (is_url && super::links::is_clean(&target)).then_some(target)
}

/// `/v3/__https://x.example/a*b__;Kw!!…`: each `*` stands for a character kept in base64 behind; those stay as they are.
fn proofpoint3(path: &str) -> Option<String> {
    let (target, _) = path.strip_prefix("/v3/__")?.split_once("__;")?;
    (!target.contains('*')).then(|| target.replacen(":/", "://", usize::from(!target.contains("://"))))
}

fn parameter<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = path.split_once('?')?;
    let query = query.split('#').next().unwrap_or(query);
    query.split('&').map(|pair| pair.strip_prefix("amp;").unwrap_or(pair)).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn without_tracking(url: &str) -> String {
    if !begins(url, "http") {
        return url.to_owned();
    }
    let Some((before, rest)) = url.split_once('?') else { return url.to_owned() };
    let (query, fragment) = rest.split_once('#').map_or((rest, None), |(query, fragment)| (query, Some(fragment)));
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        let name = name.strip_prefix("amp;").unwrap_or(&name);
        !(name.starts_with("utm_") || name.starts_with("pk_") || name.starts_with("mtm_") || TRACKING.contains(&name))
    };
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    let mut out = before.to_owned();
    if !kept.is_empty() {
        out.push('?');
        out.push_str(&kept.join("&"));
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_undone_and_tracking_is_cut() {
        for (url, expect, via) in [
            ("https://x.example/a?utm_source=n&id=3&fbclid=x#top", "https://x.example/a?id=3#top", None),
            ("https://x.example/a?UTM_Medium=mail", "https://x.example/a", None),
            ("https://x.example/a?q=utm_source", "https://x.example/a?q=utm_source", None),
            (
                "https://www.google.com/url?sa=t&q=https%3A%2F%2Fx.example%2Fa%3Fb%3Dc&ust=1",
                "https://x.example/a?b=c",
                Some("www.google.com"),
            ),
            (
                "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fx.example%2F&data=05",
                "https://x.example/",
                Some("eur01.safelinks.protection.outlook.com"),
            ),
            (
                "https://urldefense.proofpoint.com/v2/url?u=https-3A__x.example_a-3Futm-5Fsource-3Dy&d=Dw",
                "https://x.example/a",
                Some("urldefense.proofpoint.com"),
            ),
            ("https://urldefense.com/v3/__https://x.example/a__;!!AbC!x$", "https://x.example/a", Some("urldefense.com")),
            (
                "https://l.facebook.com/l.php?u=https%3A%2F%2Fwww.google.com%2Furl%3Fq%3Dhttps%253A%252F%252Fx.example",
                "https://x.example",
                Some("l.facebook.com"),
            ),
            // the target must be a plain address
            ("https://www.google.com/url?q=javascript:alert(1)", "https://www.google.com/url?q=javascript:alert(1)", None),
            ("https://www.google.com/url?q=https%3A%2F%2Fx%1b%5b2J", "https://www.google.com/url?q=https%3A%2F%2Fx%1b%5b2J", None),
            ("https://www.google.com/search?q=https://x.example", "https://www.google.com/search?q=https://x.example", None),
            ("https://notgoogle.com/url?q=https://x.example", "https://notgoogle.com/url?q=https://x.example", None),
            ("mailto:a@b.example?subject=utm_source", "mailto:a@b.example?subject=utm_source", None),
        ] {
            assert_eq!(bare(url), (expect.to_owned(), via.map(str::to_owned)), "{url}");
        }
    }
}
