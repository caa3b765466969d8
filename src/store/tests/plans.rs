//! Every bounded query is answered from an index: no scan of a big table, no sort of what may be much.

use rusqlite::StatementStatus;

use super::fixture::Store;
use crate::store::{contents, forest, listing, local, lookup, messages, reader, resync};

fn plan(store: &Store, sql: &str) -> Vec<String> {
    let mut statement = store.reader.db().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let places = statement.parameter_count();
    let nothing: Vec<Option<i64>> = vec![None; places];
    statement.query_map(rusqlite::params_from_iter(nothing), |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn no_statement_is_prepared_again_for_another_message() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    let sql = format!("SELECT {} FROM message m LEFT JOIN sent s ON s.message = m.id WHERE m.id = ?1", lookup::PLACED);
    let again = move |db: &rusqlite::Connection| {
        let mut statement = db.prepare(&sql).unwrap();
        ids.iter().for_each(|id| assert!(statement.exists([id.0]).unwrap()));
        statement.get_status(StatementStatus::RePrepare)
    };
    assert_eq!(again(store.reader.db()), 0);
    assert_eq!(store.writer.engine_job(move |engine| Ok(again(&engine.mail))).wait().unwrap(), 0);
}

#[test]
fn bounded_queries_use_their_index() {
    let store = Store::new();
    let waiting = reader::WAITING.map(|from| format!("SELECT m.id FROM {from}"));
    let mut queries = vec![
        (listing::WALK, "COVERING INDEX message_listing"),
        (listing::THREAD, "INDEX message_thread"),
        (reader::SUMMARY, "SEARCH m USING INTEGER PRIMARY KEY"),
        (reader::LOCATION, "SEARCH m USING INTEGER PRIMARY KEY"),
        (reader::BODY, "body"),
        (reader::PLACES, "INDEX message_content"),
        (reader::WANTS_BODIES, "INDEX content_to_fetch"),
        (reader::UNDO_LABEL, "undo"),
        (contents::EVICTABLE, "INDEX content_kept"),
        (resync::UIDS, "INDEX message_uid"),
        (resync::UIDS_IN, "INDEX message_uid"),
        (resync::COUNT_UIDS, "INDEX message_uid"),
        (resync::COUNT_UIDS_IN, "INDEX message_uid"),
        (resync::FLAGS_OF, "INDEX message_uid"),
        (local::BY_MESSAGE_ID, "INDEX message_thread"),
        (forest::REFERENCES, "INDEX reference_base"),
        (forest::REFERENCES, "INDEX reference_thread"),
        (forest::MESSAGES, "INDEX message_thread"),
        (messages::AWAITS, "SEARCH m USING INTEGER PRIMARY KEY"),
    ];
    queries.push((&waiting[0], "INDEX message_dirty"));
    queries.push((&waiting[1], "s"));
    for (sql, index) in queries {
        let plan = plan(&store, sql);
        assert!(plan.iter().any(|step| step.contains(index)), "{index}: {plan:#?}\n{sql}");
        for step in &plan {
            let small = ["SCAN s", "SCAN undo", "SCAN t", "SCAN CONSTANT ROW"];
            let is_small = small.contains(&step.as_str()) || step.contains("message_dirty");
            assert!(!step.starts_with("SCAN") || is_small, "{plan:#?}\n{sql}");
            assert!(!step.contains("TEMP B-TREE"), "{plan:#?}\n{sql}");
        }
        assert!(!sql.contains("OFFSET"));
    }
}
