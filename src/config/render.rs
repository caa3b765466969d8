//! What the table of keys says, in other forms: the example file, the file of defaults, the JSON schema and
//! the reference page. Pure.

use serde_json::{Map, Value, json};

use super::keys::{Key, Kind, TABLES, Table};

const HEAD: &str = "\
# Configuration of postrider. Put it at $XDG_CONFIG_HOME/postrider/config.toml (~/.config/postrider/config.toml)
# and look at it with `postrider config check`. Relative paths start at this file's folder, ~ is your home.
# Lines that begin with \"# \" and a key are alternatives or defaults.
";

/// config.example.toml: two accounts, every key, alternatives commented out.
pub fn example() -> String {
    file(true)
}

/// A file that changes nothing: every key, accounts commented out, all else at its default.
pub fn defaults() -> String {
    file(false)
}

fn file(with_accounts: bool) -> String {
    let mut out = HEAD.to_owned();
    let mut account = "accounts.work";
    for table in TABLES {
        let is_account = table.path.starts_with("accounts");
        let live = table.live && (with_accounts || !is_account) && (with_accounts || table.path != "keys.*");
        out.push('\n');
        let of = table.example.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        if is_account && of != account {
            account = TABLES.iter().map(|t| t.example).find(|e| e.starts_with(&of)).and_then(|e| e.get(..of.len())).unwrap_or(account);
            push(&mut out, live, &format!("[{of}]"));
            push(&mut out, live, "address = \"ada@home.example\"");
            out.push('\n');
        }
        comment(&mut out, table.doc);
        push(&mut out, live, &format!("[{}]", table.example));
        for key in table.keys() {
            out.push_str(&key_lines(key, live));
        }
        if table.path == "keys.*" {
            push(&mut out, live, "\"ctrl-e\" = \"archive\"");
        }
    }
    out
}

fn key_lines(key: &Key, live: bool) -> String {
    let mut out = String::new();
    let default = if key.default.is_empty() || key.default == key.example {
        String::new()
    } else {
        format!(" Default: {}.", key.default.trim_matches(['(', ')']))
    };
    comment(&mut out, &format!("{}{default}", key.doc));
    push(&mut out, live && key.live, &format!("{} = {}", key.name, key.example));
    out
}

fn push(out: &mut String, live: bool, line: &str) {
    if !live {
        out.push_str("# ");
    }
    out.push_str(line);
    out.push('\n');
}

/// A sentence as comment lines of at most 110 characters.
fn comment(out: &mut String, text: &str) {
    let mut line = String::from("##");
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() > 108 {
            out.push_str(&line);
            out.push('\n');
            line = String::from("##");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

/// docs/configuration.md.
pub fn page() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- generated from src/config/keys.rs; `cargo test --test config` says when it is out of step -->\n\n\
         The file is `$XDG_CONFIG_HOME/postrider/config.toml` (`postrider config path` tells where). It is TOML. `postrider config check` names\n\
         every mistake with its line and the nearest valid name; a mistake never stops the start: what is good is used. A mistake never makes a\n\
         connection weaker either: an account whose `security` can't be read is not used until it is mended.\n\n\
         Relative paths start at the file's folder, `~` is your home. Accounts are shown in the file's order and the first is the default.\n\
         Commands are lists of a program and its arguments; there is no shell.\n",
    );
    for table in TABLES {
        let header = table.path.replace('*', "NAME");
        out.push_str(&format!("\n## `[{header}]`\n\n{}\n", table.doc));
        if table.keys().next().is_none() {
            continue;
        }
        out.push_str("\n| key | value | default | |\n|---|---|---|---|\n");
        for key in table.keys() {
            let default = if key.default.is_empty() { String::new() } else { code(key.default) };
            out.push_str(&format!("| `{}` | {} | {default} | {} |\n", key.name, values(key), key.doc.replace('|', "\\|")));
        }
    }
    out
}

fn code(text: &str) -> String {
    if text.starts_with('(') { text.trim_matches(['(', ')']).to_owned() } else { format!("`{text}`") }
}

fn values(key: &Key) -> String {
    match key.kind {
        Kind::Text | Kind::Secret => "text".to_owned(),
        Kind::Host => "host name or address".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Bool => "`true`, `false`".to_owned(),
        Kind::Int(low, high) => format!("{low} to {high}"),
        Kind::OneOf(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Kind::Words => "list of texts".to_owned(),
        Kind::Form { hint, .. } => hint.to_owned(),
    }
}

/// A JSON schema (draft 2020-12) for editors.
pub fn schema() -> Value {
    let mut root = object("Configuration of postrider");
    for table in TABLES {
        let mut place = &mut root;
        for part in table.path.split('.') {
            place = descend(place, part);
        }
        place["description"] = table.doc.into();
        if table.path == "keys.*" {
            place["additionalProperties"] = json!({"type": "string"});
            continue;
        }
        for key in table.keys() {
            place["properties"][key.name] = key_schema(key);
        }
    }
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    root
}

fn object(description: &str) -> Value {
    json!({"type": "object", "description": description, "additionalProperties": false, "properties": {}})
}

/// The schema of a subtable, made where it is not there yet.
fn descend<'a>(place: &'a mut Value, part: &str) -> &'a mut Value {
    if part == "*" {
        if !place["additionalProperties"].is_object() {
            place["additionalProperties"] = object("");
        }
        return &mut place["additionalProperties"];
    }
    let properties = &mut place["properties"];
    if properties[part].is_null() {
        properties[part] = object("");
    }
    &mut properties[part]
}

fn key_schema(key: &Key) -> Value {
    let mut schema = Map::new();
    let (kind, more) = match key.kind {
        Kind::Text | Kind::Secret | Kind::Host | Kind::Path => ("string", None),
        Kind::Bool => ("boolean", None),
        Kind::Int(low, high) => ("integer", Some(json!({"minimum": low, "maximum": high}))),
        Kind::OneOf(words) => ("string", Some(json!({"enum": words}))),
        Kind::Words => ("array", Some(json!({"items": {"type": "string"}, "minItems": 1}))),
        Kind::Form { words, .. } => ("string", Some(json!({"examples": words}))),
    };
    schema.insert("type".to_owned(), kind.into());
    schema.insert("description".to_owned(), key.doc.into());
    if let Some(Value::Object(more)) = more {
        schema.extend(more);
    }
    if let Some(default) = default_json(key.default) {
        schema.insert("default".to_owned(), default);
    }
    Value::Object(schema)
}

/// Defaults written in the table are JSON too: texts, numbers, true and false.
fn default_json(default: &str) -> Option<Value> {
    serde_json::from_str(default).ok()
}

/// The table whose header `[path]` is, for a help topic.
pub fn table_help(table: &Table) -> String {
    table.keys().map(|key| key_lines(key, true)).collect()
}
