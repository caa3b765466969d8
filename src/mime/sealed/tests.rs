use super::*;

const SIGNED: &str = "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Type: text/plain\r\n\r\nhello\r\n\r\n--s\r\n\
     Content-Type: application/pgp-signature\r\n\r\nSIG\r\n--s--\r\n";
const SECRET: &str = "Content-Type: multipart/encrypted; boundary=e\r\n\r\n--e\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--e\r\n\
     Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nQ0lQSEVS\r\n--e--\r\n";

/// What it is, in a word.
fn kind(message: &str) -> String {
    match sealed(message.as_bytes()) {
        None => "none".into(),
        Some(Sealed::Signed { .. }) => "signed".into(),
        Some(Sealed::Wrapped { is_text, .. }) => format!("wrapped{}", if is_text { " text" } else { "" }),
        Some(Sealed::Encrypted { is_text, .. }) => format!("encrypted{}", if is_text { " text" } else { "" }),
        Some(Sealed::Unfit { is_encrypted, .. }) => format!("unfit{}", if is_encrypted { " encrypted" } else { "" }),
    }
}

fn inside(kind: &str, parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--o\r\n{part}\r\n")).collect();
    format!("Content-Type: multipart/{kind}; boundary=o\r\n\r\n{parts}--o--\r\n")
}

#[test]
fn what_is_signed_is_the_part_with_its_header_up_to_the_boundarys_line_end() {
    for message in [SIGNED.to_owned(), SIGNED.replace("\r\n", "\n"), SIGNED.replacen("--s\r\n", "preamble\r\n--s\r\n", 1)] {
        let Some(Sealed::Signed { scheme, signed, signature }) = sealed(message.as_bytes()) else { panic!("{message}") };
        assert_eq!(String::from_utf8(signed).unwrap(), "Content-Type: text/plain\r\n\r\nhello\r\n");
        assert_eq!((scheme, signature.as_slice()), (Scheme::OpenPgp, &b"SIG"[..]));
    }
    // a multipart's own closing line and what follows it are signed too
    let nested = inside("mixed", &["Content-Type: text/plain\r\n\r\na"]) + "epilogue\r\n";
    let message = SIGNED.replace("Content-Type: text/plain\r\n\r\nhello\r\n", &nested);
    let Some(Sealed::Signed { signed, .. }) = sealed(message.as_bytes()) else { panic!("{message}") };
    assert_eq!(String::from_utf8(signed).unwrap(), nested);
}

#[test]
fn only_what_is_the_whole_body_is_sealed() {
    const CLEAR: &str =
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nhello\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n";
    const INLINE: &str = "-----BEGIN PGP MESSAGE-----\n\nx\n-----END PGP MESSAGE-----\n";
    let text = |text: &str| format!("Content-Type: text/plain\r\n\r\n{text}");
    let enclosed = |part: &str| format!("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n{part}");
    let plain = text("words");
    for (message, expect) in [
        (SIGNED.to_owned(), "signed"),
        (SIGNED.replace("pgp-signature", "pkcs7-signature"), "signed"),
        (SIGNED.replace("pgp-signature", "x-pkcs7-signature"), "signed"),
        (SIGNED.replace("pgp-signature", "x-other"), "unfit"),
        (SIGNED.replace("--s--", "--s\r\n\r\nthird\r\n--s--"), "unfit"),
        (SIGNED.replacen("Content-Type: text/plain", SECRET.trim_end(), 1), "unfit"),
        (inside("mixed", &[SIGNED, &plain]), "unfit"),
        (inside("mixed", &[&plain, SIGNED]), "unfit"),
        (inside("mixed", &[SIGNED]), "unfit"),
        (inside("alternative", &[&plain, SIGNED]), "unfit"),
        (enclosed(SIGNED), "unfit"),
        (SECRET.to_owned(), "encrypted"),
        (SECRET.replace("--e--", "--e\r\n\r\nthird\r\n--e--"), "unfit encrypted"),
        (SECRET.replace("application/pgp-encrypted", "text/html"), "unfit encrypted"),
        (inside("mixed", &[&plain, SECRET]), "unfit encrypted"),
        (inside("mixed", &["Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1", &plain]), "unfit encrypted"),
        (enclosed(SECRET), "unfit encrypted"),
        (text(CLEAR), "wrapped text"),
        (text(&format!("\n \n{CLEAR}\n\n")), "wrapped text"),
        (text(&format!("before\n{CLEAR}")), "unfit"),
        (text(&format!("{CLEAR}behind\n")), "unfit"),
        (text(&format!("{CLEAR}{CLEAR}")), "unfit"),
        (text(&CLEAR.replace("-----END PGP SIGNATURE-----", "")), "unfit"),
        (inside("mixed", &[&text(CLEAR), &plain]), "unfit"),
        (text(INLINE), "encrypted text"),
        (text(&format!("before\n{INLINE}")), "unfit encrypted"),
        (text(&format!("{INLINE}{CLEAR}")), "unfit encrypted"),
        (inside("alternative", &[&text(INLINE), &plain]), "unfit encrypted"),
        (text(&CLEAR.replace('\n', "\n> ").replacen("-----", "> -----", 1)), "none"),
        (plain.clone(), "none"),
        (inside("mixed", &[&plain, "Content-Type: application/pgp-signature\r\n\r\nx"]), "none"),
        (String::new(), "none"),
    ] {
        assert_eq!(kind(&message), expect, "{message}");
    }
}

#[test]
fn what_a_cms_message_is_it_says_itself() {
    use base64::Engine as _;
    let of = |kind: &str, oid: &[u8]| {
        let bytes = base64::engine::general_purpose::STANDARD.encode([b"\x30\x82\x01\xab", oid, b"\xa0\x82"].concat());
        format!("Content-Type: application/{kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{bytes}\r\n")
    };
    let signed = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    let enveloped = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
    let authenticated = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
    for (message, expect) in [
        (of("pkcs7-mime; smime-type=signed-data", signed), "wrapped"),
        (of("x-pkcs7-mime", enveloped), "encrypted"),
        (of("pkcs7-mime; smime-type=signed-data", enveloped), "encrypted"),
        (of("pkcs7-mime; smime-type=authEnveloped-data", authenticated), "encrypted"),
        (of("pkcs7-mime; smime-type=certs-only", signed), "none"),
        (of("octet-stream; name=SMIME.P7M", enveloped), "encrypted"),
        (of("octet-stream; name=x.bin", enveloped), "none"),
        (of("pkcs7-mime", b"something else"), "none"),
        (inside("mixed", &["\r\nwords", &of("pkcs7-mime", enveloped)]), "unfit encrypted"),
        (inside("mixed", &["\r\nwords", &of("pkcs7-mime", signed)]), "unfit"),
    ] {
        assert_eq!(kind(&message), expect, "{message}");
    }
}

#[test]
fn what_was_in_a_seal_has_the_header_outside_and_its_own_content() {
    let outer = b"From: ada@x.example\r\nContent-Type: multipart/encrypted;\r\n boundary=e\r\nSubject: outside\r\nContent-Transfer-Encoding: base64\r\n\r\nx";
    let inner = b"Content-Type: text/html\r\nSubject: inside\r\nFrom: eve@evil.example\r\nX-Y: z\r\n\r\n<p>words\r\n";
    let text = String::from_utf8(unwrapped(outer, inner, false)).unwrap();
    assert_eq!(text, "From: ada@x.example\r\nSubject: outside\r\nContent-Type: text/html\r\n\r\n<p>words\r\n");
    let text = String::from_utf8(unwrapped(outer, "wörds\n".as_bytes(), true)).unwrap();
    assert!(text.ends_with("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nwörds\n"), "{text}");
    // a text that begins like a header stays text
    let text = String::from_utf8(unwrapped(outer, b"Content-Type: text/html\n\n<img>", true)).unwrap();
    assert_eq!(structure::split(text.as_bytes()).nodes[0].content_type.value, "text/plain");
}

#[test]
fn one_sender_alone_counts() {
    for (header, expect) in [
        ("From: Ada <ada@x.example>\r\n", Some("ada@x.example")),
        ("From: Ada <ada@x.example>, Eve <eve@evil.example>\r\n", None),
        ("From: ada@x.example\r\nFrom: eve@evil.example\r\n", None),
        // whom the page shows where there is no From
        ("Sender: ada@x.example\r\n", Some("ada@x.example")),
    ] {
        assert_eq!(only_sender(header.as_bytes()).map(|from| from.address).as_deref(), expect, "{header}");
    }
}

proptest::proptest! {
    /// Any bytes at all; and what comes out of a seal is again only a message.
    #[test]
    fn nothing_makes_it_fail(pieces in proptest::collection::vec(proptest::sample::select(vec![SIGNED, SECRET, "--s\r\n", "--e--\r\n", "\r\n\r\n",
        "Content-Type: application/pkcs7-mime\r\n\r\n", "-----BEGIN PGP MESSAGE-----\n", "-----END PGP MESSAGE-----\n", "\0\u{e9}"]), 0..8)) {
        let message = pieces.concat();
        sealed(message.as_bytes());
        protected(message.as_bytes(), message.as_bytes());
        let again = unwrapped(message.as_bytes(), message.as_bytes(), false);
        sealed(&again);
    }
}
