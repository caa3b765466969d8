//! The way out of an account: `[accounts.x.smtp]` or `[accounts.x.sendmail]`. A server that can't be reached
//! safely as written sends nothing.

use std::net::IpAddr;

use super::Build;
use crate::config::{Credentials, Outgoing, Smtp};
use crate::mail::outgoing::Dsn;

const KINDS: &[&str] = &["smtp", "sendmail"];
/// Servers whose user and secret serve for sending too.
const INCOMING: &[&str] = &["imap", "pop3"];

impl Build<'_> {
    pub(super) fn outgoing(&mut self, name: &str, address: &str) -> Outgoing {
        let mut kinds: Vec<(usize, &str)> = KINDS
            .iter()
            .filter(|kind| self.has_table(&["accounts", name, kind]))
            .map(|kind| (self.offset(&["accounts", name, kind]), *kind))
            .collect();
        kinds.sort_unstable();
        if let Some((second, kind)) = kinds.get(1) {
            let message = format!("the account \"{name}\" has two ways to send; [accounts.{name}.{kind}] is not used");
            self.find(*second, message);
        }
        if self.checked.damaged.contains_key(name) {
            return Outgoing::None;
        }
        match kinds.first() {
            Some((_, "smtp")) => self.smtp(name, address).map_or(Outgoing::None, |smtp| Outgoing::Smtp(Box::new(smtp))),
            Some(_) => self.sendmail(name),
            None => Outgoing::None,
        }
    }

    fn smtp(&mut self, name: &str, address: &str) -> Option<Smtp> {
        let key = |last| ["accounts", name, "smtp", last];
        let mut server = self.server(name, "smtp", address)?;
        // one login for both ways, as most providers have it
        if let Some(kind) = INCOMING.iter().find(|kind| self.has_table(&["accounts", name, kind])) {
            if let Some(username) = self.text(&["accounts", name, kind, "username"])
                && self.value(&key("username")).is_none()
            {
                server.username = username;
            }
            if self.secrets_in(&["accounts", name, "smtp"]).is_empty() {
                server.credentials = self.secret(&["accounts", name, kind]);
            }
        }
        let helo = self.text(&key("helo"));
        if helo.as_ref().is_some_and(|helo| !helo.is_ascii()) {
            let at = self.offset(&key("helo"));
            self.find(at, "helo is a host name in ASCII letters; an address literal is said instead".to_owned());
        }
        let dsn = Dsn { notify: self.text(&key("dsn_notify")), ret: self.text(&key("dsn_ret")), envid: None };
        Some(Smtp { server, helo: helo.filter(|helo| helo.is_ascii()), bind: self.bind(name)?, dsn })
    }

    /// The local address; the outer None where what is written is none: mail must not leave from another one.
    fn bind(&mut self, name: &str) -> Option<Option<IpAddr>> {
        let key = ["accounts", name, "smtp", "bind"];
        let Some(text) = self.text(&key) else { return (!self.is_bad(&key)).then_some(None) };
        let address = text.trim_matches(['[', ']']).parse().ok();
        if address.is_none() {
            let at = self.offset(&key);
            self.find(at, format!("bind is an IP address of this machine; nothing is sent by \"{name}\" until this is mended"));
        }
        address.map(Some)
    }

    fn sendmail(&mut self, name: &str) -> Outgoing {
        let key = ["accounts", name, "sendmail", "command"];
        if let Some(words) = self.words(&key) {
            return Outgoing::Sendmail(words);
        }
        if !self.is_bad(&key) {
            let at = self.offset(&["accounts", name, "sendmail"]);
            self.find(at, format!("[accounts.{name}.sendmail] has no command"));
        }
        Outgoing::None
    }

    /// What stands there as a secret, without a word about it.
    fn secret(&self, table: &[&str; 3]) -> Credentials {
        self.secrets_in(table).first().map_or(Credentials::Ask, |first| self.secret_by(table, first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Place, Security, parse};

    const IMAP: &str = "[accounts.w]\naddress = \"ada@b.example\"\n[accounts.w.imap]\nhost = \"i.example\"\nusername = \"ada\"\npassword_command = [\"pass\"]\n";

    fn config(text: &str) -> Config {
        parse(&format!("{IMAP}{text}"), &Place::default())
    }

    fn smtp(text: &str) -> Option<Smtp> {
        match config(&format!("[accounts.w.smtp]\n{text}\n")).accounts.into_iter().next()?.outgoing {
            Outgoing::Smtp(smtp) => Some(*smtp),
            _ => None,
        }
    }

    #[test]
    fn the_port_follows_from_security() {
        for (security, port) in [("", 465), ("security = \"tls\"", 465), ("security = \"starttls\"", 587)] {
            assert_eq!(smtp(&format!("host = \"s.example\"\n{security}")).unwrap().server.port, port, "{security}");
        }
        assert_eq!(smtp("host = \"localhost\"\nsecurity = \"plaintext\"").unwrap().server.port, 25);
        assert_eq!(smtp("host = \"s.example\"\nport = 2525").unwrap().server.port, 2525);
    }

    #[test]
    fn the_login_is_the_incoming_one_unless_another_is_given() {
        let same = smtp("host = \"s.example\"").unwrap().server;
        assert_eq!((same.username.as_str(), &same.credentials), ("ada", &Credentials::PasswordCommand(vec!["pass".into()])));
        let other = smtp("host = \"s.example\"\nusername = \"eve\"\ntoken_command = [\"t\"]").unwrap().server;
        assert_eq!((other.username.as_str(), &other.credentials), ("eve", &Credentials::TokenCommand(vec!["t".into()])));
        let alone = parse("[accounts.w]\naddress = \"ada@b.example\"\n[accounts.w.smtp]\nhost = \"s\"\n", &Place::default());
        let Outgoing::Smtp(alone) = &alone.accounts[0].outgoing else { panic!("{alone:?}") };
        assert_eq!((alone.server.username.as_str(), &alone.server.credentials), ("ada@b.example", &Credentials::Ask));
    }

    #[test]
    fn everything_of_the_table_is_used() {
        let smtp = smtp(
            "host = \"s.example\"\nsecurity = \"starttls\"\nhelo = \"laptop.example\"\nbind = \"192.0.2.7\"\ndsn_notify = \"failure,delay\"\ndsn_ret = \"full\"\nca_file = \"/ca\"",
        )
        .unwrap();
        assert_eq!((smtp.server.security, smtp.helo.as_deref()), (Security::StartTls, Some("laptop.example")));
        assert_eq!(smtp.bind, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(smtp.dsn, Dsn { notify: Some("failure,delay".into()), ret: Some("full".into()), envid: None });
    }

    #[test]
    fn who_sends_has_an_address() {
        let text = "[accounts.w.maildir]\npath = \"m\"\n";
        assert!(parse(text, &Place::default()).findings.is_empty());
        let sending = parse(&format!("{text}[accounts.w.sendmail]\ncommand = [\"s\"]\n"), &Place::default());
        assert!(sending.findings.iter().any(|finding| finding.message.contains("has no address")), "{:?}", sending.findings);
    }

    #[test]
    fn what_is_wrong_is_said_and_sends_nothing() {
        for (text, word, sends) in [
            ("[accounts.w.smtp]\nport = 25", "has no host", false),
            ("[accounts.w.smtp]\nhost = \"s.example\"\nsecurity = \"plaintext\"", "readable to everyone", false),
            ("[accounts.w.smtp]\nhost = \"s.example\"\nsecurity = \"tsl\"", "did you mean", false),
            ("[accounts.w.smtp]\nhost = \"s.example\"\nbind = \"eth0\"", "IP address of this machine", false),
            ("[accounts.w.smtp]\nhost = \"s.example\"\nbind = 7", "bind", false),
            ("[accounts.w.smtp]\nhost = \"s.example\"\nhelo = \"a b\"", "host name", true),
            ("[accounts.w.smtp]\nhost = \"s.example\"\nhelo = \"\u{e9}.example\"", "ASCII", true),
            ("[accounts.w.smtp]\nhost = \"s.example\"\ndsn_notify = \"always\"", "dsn_notify", true),
            ("[accounts.w.sendmail]\n", "has no command", false),
            ("[accounts.w.sendmail]\ncommand = \"sendmail -t\"", "list of the program", false),
            ("[accounts.w.sendmail]\ncommand = [\"s\"]\n[accounts.w.smtp]\nhost = \"s.example\"", "two ways to send", true),
        ] {
            let config = config(text);
            assert!(config.findings.iter().any(|finding| finding.message.contains(word)), "{text}: {:?}", config.findings);
            assert_eq!(!matches!(config.accounts[0].outgoing, Outgoing::None), sends, "{text}");
            assert!(matches!(config.accounts[0].incoming, crate::config::Incoming::Imap(_)), "reading goes on: {text}");
        }
    }
}
