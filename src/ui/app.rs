//! The model with its reader, as the loop in `run.rs` drives it.

use std::time::Instant;

use ratatui::buffer::Buffer;

use super::event::{Drawn, Effect, Event, Now};
use super::load::load;
use super::model::Model;
use super::run::Program;
use super::theme::Theme;
use super::update::update;
use super::view::view;
use crate::mail::{Listing, Scope};
use crate::store::Reader;

/// The reader of mail, without its terminal.
#[derive(Debug)]
pub struct App {
    model: Model,
    /// None where there is no store yet (the welcome screen).
    reader: Option<Reader>,
}

impl App {
    pub fn new(model: Model, reader: Option<Reader>) -> Self {
        Self { model, reader }
    }
}

impl Program for App {
    fn update(&mut self, event: Event, now: &Now) -> Vec<Effect> {
        update(&mut self.model, event, now)
    }

    fn load(&mut self) -> Result<(), String> {
        match &self.reader {
            Some(reader) => load(&mut self.model, reader).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    fn view(&self, theme: &Theme, now: &Now, buffer: &mut Buffer) -> Drawn {
        view(&self.model, theme, now, buffer)
    }

    fn wake(&self) -> Option<Instant> {
        self.model.wake()
    }

    fn title(&self) -> String {
        self.model.title()
    }

    fn farewell(&self) -> Option<String> {
        super::outbox::farewell(&self.model)
    }

    fn mailbox_name(&self, listing: &Listing) -> Option<String> {
        let Scope::Mailbox(id) = listing.scope else { return None };
        let mailbox = self.model.find_mailbox(id)?;
        let account = self.model.account(mailbox.account)?;
        Some(format!("{}/{}", account.name, mailbox.name))
    }
}
