//! What became of signatures and cipher texts, in sentences for people. Names from keys reach the screen only through
//! [`Seal`]. A name is only told where it is proven; otherwise the address or the key alone.

use super::{Holder, Signature, State, Trouble, Validity};
use crate::mail::Address;
use crate::mail::seal::{Scheme, Seal, Standing};

/// Characters of a name or an address from a key.
const MAX_NAME: usize = 100;

/// All signatures of a text in one sentence: the worst news first, else the best. `from`: the sender, where there is one and only one.
pub fn signed(signatures: &[Signature], from: Option<&Address>) -> Seal {
    let seals: Vec<Seal> = signatures.iter().map(|signature| one(signature, from)).collect();
    if signatures.iter().any(|signature| signature.state == State::Bad) {
        return Seal::new(Standing::Bad, BAD);
    }
    let of = |standing: Standing| seals.iter().find(|seal| seal.standing == standing).cloned();
    let none = || Seal::new(Standing::Open, "signed in a way that can't be checked: nothing proves who wrote it");
    of(Standing::Good).or_else(|| of(Standing::Open)).or_else(|| of(Standing::Bad)).unwrap_or_else(none)
}

const BAD: &str = "BAD signature: the text was changed since, or was never signed by that key";

fn one(signature: &Signature, from: Option<&Address>) -> Seal {
    let key = if signature.key.is_empty() { "a key".to_owned() } else { format!("the key 0x{}", tail(&signature.key)) };
    let open = |words: String| Seal::new(Standing::Open, &words);
    let bad = |words: String| Seal::new(Standing::Bad, &words);
    match signature.state {
        State::Good => good(signature, from, &key),
        State::Bad => bad(BAD.to_owned()),
        State::Unknown => open(format!("signed with {key}, which is not in your keyring: nothing proves who wrote it")),
        State::ExpiredKey => bad(format!("signed with {key}, which has expired: it proves nothing any more")),
        State::RevokedKey => bad(format!("signed with {key}, which its owner has revoked: anybody may have it")),
        State::ExpiredSignature => bad(format!("the signature with {key} has expired: it proves nothing any more")),
        State::Unchecked => open(format!("signed with {key} in a way that can't be checked: nothing proves who wrote it")),
    }
}

fn good(signature: &Signature, from: Option<&Address>, key: &str) -> Seal {
    let Some(from) = from else {
        return Seal::new(Standing::Bad, &format!("signed with {key}, but the message does not name one sender alone"));
    };
    let is_senders = |holder: &&Holder| holder.address.eq_ignore_ascii_case(from.address.trim());
    let holder = signature.holders.iter().filter(is_senders).max_by_key(|holder| holder.validity);
    match holder {
        Some(holder) if holder.validity == Validity::Full => {
            Seal::new(Standing::Good, &format!("signed by {} (trusted key)", full(holder)))
        }
        Some(holder) => {
            let how = if holder.validity == Validity::Marginal { "only marginally trusted" } else { "not trusted" };
            let words = format!("signed with {key}, which says it is of {} and is {how}: nothing proves that it is", cut(&holder.address));
            Seal::new(Standing::Open, &words)
        }
        None => {
            let best = signature.holders.iter().max_by_key(|holder| holder.validity);
            let whose =
                best.map_or_else(|| format!("{key}, which names no address"), |holder| format!("the key of {}", cut(&holder.address)));
            Seal::new(Standing::Bad, &format!("signed by another than the sender: with {whose}, not of {}", cut(&from.address)))
        }
    }
}

fn full(holder: &Holder) -> String {
    match holder.name.as_str() {
        "" => cut(&holder.address),
        name => format!("{} <{}>", cut(name), cut(&holder.address)),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

/// The last 16 digits of a fingerprint.
fn tail(key: &str) -> &str {
    key.get(key.len().saturating_sub(16)..).unwrap_or(key)
}

/// A text that was opened.
pub fn opened(is_authentic: bool, is_signed: bool) -> Seal {
    match (is_authentic, is_signed) {
        (true, true) => Seal::new(Standing::Good, "encrypted for you"),
        (true, false) => Seal::new(Standing::Open, "encrypted for you, and not signed: nothing proves who wrote it"),
        (false, true) => Seal::new(Standing::Open, "encrypted for you"),
        (false, false) => Seal::new(
            Standing::Bad,
            "encrypted for you, but without protection: anybody on the way may have changed it; its links are left out",
        ),
    }
}

/// A text that was not opened.
pub fn closed(scheme: Scheme, trouble: Trouble) -> Seal {
    let why = match trouble {
        Trouble::NoKey => "none of your keys opens it".to_owned(),
        Trouble::Locked => format!(
            "your key is locked, and no program could ask for its passphrase beside this screen. Unlock it once in another terminal \
             ({} --decrypt, export GPG_TTY=$(tty) first), or install a graphical pinentry; then open the message again",
            scheme.program()
        ),
        Trouble::Declined => "no passphrase was given; open the message again to be asked again".to_owned(),
        Trouble::Unprotected => {
            "it has no protection against changes, so that anybody on the way may have made it to steal the text; nothing of it is shown"
                .to_owned()
        }
        Trouble::Ambiguous => "there is more in it than one encrypted text; nothing of it is shown".to_owned(),
        other => general(scheme, other),
    };
    Seal::new(Standing::Bad, &format!("encrypted, can't be read: {why}"))
}

/// A signature that was not checked.
pub fn unchecked(scheme: Scheme, trouble: Trouble) -> Seal {
    let why = match trouble {
        Trouble::Ambiguous => "there is more in the signature than one".to_owned(),
        other => general(scheme, other),
    };
    Seal::new(Standing::Open, &format!("signed, but not checked: {why}"))
}

fn general(scheme: Scheme, trouble: Trouble) -> String {
    let program = scheme.program();
    match trouble {
        Trouble::Missing => format!("the program {program} is not there; install GnuPG (the package {})", package(scheme)),
        Trouble::TooLarge => "it is larger than 64 MiB".to_owned(),
        Trouble::TooSlow => format!("{program} took too long and was stopped; open the message again to try again"),
        _ => format!("{program} can't make sense of it"),
    }
}

const fn package(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::OpenPgp => "gnupg",
        Scheme::Smime => "gpgsm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(state: State, holders: &[(&str, &str, Validity)]) -> Signature {
        let holders = holders.iter().map(|(name, address, validity)| Holder {
            name: (*name).to_owned(),
            address: (*address).to_owned(),
            validity: *validity,
        });
        Signature { state, key: "0123456789ABCDEF0123456789ABCDEF01234567".into(), holders: holders.collect() }
    }

    #[test]
    fn only_a_trusted_user_id_with_the_senders_address_is_good_news() {
        use Validity::{Full, Marginal, Unknown};
        let from = Address::new("Ada", "Ada@X.example");
        for (holders, standing, words) in [
            (&[("Ada", "ada@x.example", Full)][..], Standing::Good, "signed by Ada <ada@x.example> (trusted key)"),
            (&[("Ada", "ada@x.example", Marginal)], Standing::Open, "only marginally trusted"),
            (&[("Ada", "ada@x.example", Unknown)], Standing::Open, "not trusted"),
            (&[("Eve", "eve@y.example", Full), ("Ada", "ada@x.example", Unknown)], Standing::Open, "not trusted"),
            (&[("Ada", "ada@x.example", Unknown), ("Ada", "ada@x.example", Full)], Standing::Good, "signed by Ada"),
            (&[("Ada <ada@x.example>", "eve@y.example", Full)], Standing::Bad, "with the key of eve@y.example, not of Ada@X.example"),
            (&[], Standing::Bad, "which names no address"),
        ] {
            let seal = signed(&[signature(State::Good, holders)], Some(&from));
            assert!(seal.standing == standing && seal.words.as_str().contains(words), "{holders:?}: {seal:?}");
        }
        let good = signature(State::Good, &[("Ada", "ada@x.example", Full)]);
        assert_eq!(signed(std::slice::from_ref(&good), None).standing, Standing::Bad, "several senders");
        assert_eq!(signed(&[good.clone(), signature(State::Unknown, &[])], Some(&from)).standing, Standing::Good);
        assert_eq!(signed(&[good, signature(State::Bad, &[])], Some(&from)).standing, Standing::Bad);
        assert_eq!(signed(&[], Some(&from)).standing, Standing::Open);
        for state in [State::Bad, State::Unknown, State::ExpiredKey, State::RevokedKey, State::ExpiredSignature, State::Unchecked] {
            let seal = signed(&[signature(state, &[("Ada", "ada@x.example", Full)])], Some(&from));
            assert!(seal.standing != Standing::Good && !seal.words.as_str().contains("Ada"), "{seal:?}");
        }
    }
}
