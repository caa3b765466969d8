//! Mailboxes themselves: CREATE, RENAME, DELETE, SUBSCRIBE (RFC 3501 6.3, RFC 5530 for what a refusal means). All of it
//! may be asked again after a lost answer.

use super::command::Command;
use super::parse::Response;
use super::session::Session;
use crate::remote::{RemoteError, Result};

impl Session {
    fn about(&self, verb: &str, mailbox: &str) -> Result<Command> {
        self.command(verb).mailbox(mailbox)
    }

    /// Makes a mailbox and subscribes to it, so that other clients show it too.
    pub(super) async fn create_mailbox(&mut self, mailbox: &str) -> Result<()> {
        let done = self.run_one(self.about("CREATE", mailbox)?, |_, _| false).await?;
        if done.code != "ALREADYEXISTS" {
            done.check("to make the mailbox")?;
        }
        self.try_subscribe(mailbox, true).await
    }

    /// The subscription goes along: servers keep it by name.
    pub(super) async fn rename(&mut self, mailbox: &str, to: &str) -> Result<()> {
        self.leave(mailbox).await?;
        let done = self.run_one(self.about("RENAME", mailbox)?.mailbox(to)?, |_, _| false).await?;
        done.check("to rename the mailbox")?;
        self.try_subscribe(to, true).await?;
        self.try_subscribe(mailbox, false).await
    }

    /// DELETE takes what is in it along, so it is asked for only where the server says that nothing is.
    pub(super) async fn delete_empty(&mut self, mailbox: &str) -> Result<()> {
        self.leave(mailbox).await?;
        let mut told = Vec::new();
        let status = self.about("STATUS", mailbox)?.word("(MESSAGES)");
        let done = self
            .run_one(status, |response, _| {
                let Response::StatusOf(status) = response else { return false };
                told.push(status);
                true
            })
            .await?;
        // Dovecot names no code where it is gone
        done.check_select(mailbox)?;
        // others' may come in between, where the server tells of them (NOTIFY)
        let own = told
            .into_iter()
            .filter_map(|status| (self.wire_name(status.name.clone()) == mailbox.as_bytes()).then(|| status.item("MESSAGES"))?);
        match own.last() {
            Some(0) => {}
            Some(count) => return Err(RemoteError::Rejected(format!("it holds {count} messages that came meanwhile"))),
            None => return Err(RemoteError::Rejected("the server does not tell whether it is empty".into())),
        }
        let done = self.run_one(self.about("DELETE", mailbox)?, |_, _| false).await?;
        done.check("to delete the mailbox")?;
        self.try_subscribe(mailbox, false).await
    }

    pub(super) async fn set_subscribed(&mut self, mailbox: &str, on: bool) -> Result<()> {
        let verb = if on { "SUBSCRIBE" } else { "UNSUBSCRIBE" };
        self.run_one(self.about(verb, mailbox)?, |_, _| false).await?.check("the subscription")
    }

    /// A server without subscriptions is none the worse.
    async fn try_subscribe(&mut self, mailbox: &str, on: bool) -> Result<()> {
        match self.set_subscribed(mailbox, on).await {
            Err(error) if error.is_fatal() => Err(error),
            _ => Ok(()),
        }
    }

    /// Some servers end the connection that has open what it renames or deletes.
    async fn leave(&mut self, mailbox: &str) -> Result<()> {
        if self.selected.as_ref().is_some_and(|selected| selected.wire_name == mailbox) {
            self.open_mailbox("INBOX").await?;
        }
        Ok(())
    }
}
