//! The `--events` file: one JSON object a line, appended and flushed, so that a script waits for a
//! condition and never sleeps. Names and fields are a contract (docs/json.md).

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Where events go; the default goes nowhere. Clones write to the same file.
#[derive(Clone, Debug, Default)]
pub struct EventLog(Option<Arc<Mutex<File>>>);

impl EventLog {
    /// Appends to `path`, created 0600.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self(Some(Arc::new(Mutex::new(file)))))
    }

    /// Writes `{"event":name, …fields}` as one line. A full disk loses events, never the program.
    pub fn emit(&self, name: &str, fields: serde_json::Value) {
        let Some(file) = &self.0 else { return };
        let mut object = serde_json::Map::from_iter([("event".to_owned(), name.into())]);
        if let serde_json::Value::Object(more) = fields {
            object.extend(more);
        }
        let mut line = serde_json::Value::Object(object).to_string();
        line.push('\n');
        if let Ok(mut file) = file.lock() {
            let _ = file.write_all(line.as_bytes());
        }
    }
}
