//! Addresses once each: a list in a row is the ids of its members (`codec.rs` packs them). A hundred thousand
//! messages come from some thousand people, so this halves what headers take.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::codec;
use crate::mail::Address;
use crate::mail::thread::id_hash;

/// Addresses kept of one header; a list of thousands is of no use to a row.
const MAX_ADDRESSES: usize = 200;
/// Addresses remembered.
const LATELY: usize = 4_096;

/// Ids of the addresses met lately: headers name the same few people again and again. They are those of committed
/// transactions and of the open one.
#[derive(Debug, Default)]
pub(super) struct Lately {
    ids: HashMap<i64, (Address, i64)>,
    is_open: bool,
}

impl Lately {
    /// A transaction begins; of one that was not committed nothing holds.
    pub fn begin(&mut self) {
        if std::mem::replace(&mut self.is_open, true) {
            self.ids.clear();
        }
    }

    pub fn commit(&mut self) {
        self.is_open = false;
    }

    /// Packs a list, adding addresses not yet known; None for an empty one.
    pub fn intern(&mut self, db: &Connection, list: &[Address]) -> rusqlite::Result<Option<Vec<u8>>> {
        if list.is_empty() {
            return Ok(None);
        }
        let ids = list.iter().take(MAX_ADDRESSES).map(|address| self.find_or_add(db, address));
        Ok(Some(codec::write_ids(&ids.collect::<rusqlite::Result<Vec<i64>>>()?)))
    }

    /// The id of an address.
    pub fn find_or_add(&mut self, db: &Connection, address: &Address) -> rusqlite::Result<i64> {
        // the hash only leads there; name and address decide
        let hash = id_hash(&format!("{}\n{}", address.address, address.name));
        if let Some((_, id)) = self.ids.get(&hash).filter(|(known, _)| known == address) {
            return Ok(*id);
        }
        let id = find_or_add(db, hash, address)?;
        if self.ids.len() >= LATELY {
            self.ids.clear();
        }
        self.ids.insert(hash, (address.clone(), id));
        Ok(id)
    }
}

/// The addresses of a packed list; one that is missing is left out.
pub(super) fn resolve(db: &Connection, packed: Option<&[u8]>) -> rusqlite::Result<Vec<Address>> {
    let mut list = Vec::new();
    for id in codec::read_ids(packed.unwrap_or_default()) {
        list.extend(load(db, id)?);
    }
    Ok(list)
}

/// One address by its id.
pub(super) fn load(db: &Connection, id: i64) -> rusqlite::Result<Option<Address>> {
    let mut statement = db.prepare_cached(ADDRESS)?;
    statement.query_row([id], |row| Ok(Address { name: row.get(0)?, address: row.get(1)? })).optional()
}

pub(super) const ADDRESS: &str = "SELECT name, address FROM address WHERE id = ?1";

fn find_or_add(db: &Connection, hash: i64, address: &Address) -> rusqlite::Result<i64> {
    let mut find = db.prepare_cached("SELECT id FROM address WHERE hash = ?1 AND address = ?2 AND name = ?3")?;
    if let Some(id) = find.query_row((hash, &address.address, &address.name), |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let mut insert = db.prepare_cached("INSERT INTO address (hash, name, address) VALUES (?1, ?2, ?3)")?;
    insert.insert((hash, &address.name, &address.address))
}
