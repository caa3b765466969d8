use super::*;

fn row(id: i64, thread: i64, count: u32) -> Row {
    Row { id: MessageId(id), thread: ThreadId(thread), count, depth: 0, elsewhere: false }
}

fn list(rows: &[Row]) -> List {
    let mut list = List::default();
    list.take(rows.to_vec().into(), true);
    list
}

fn ids(list: &List) -> Vec<i64> {
    list.rows.iter().map(|row| row.id.0).collect()
}

fn set(ids: &[i64]) -> HashSet<MessageId> {
    ids.iter().map(|id| MessageId(*id)).collect()
}

#[test]
fn the_cursor_stays_on_its_message_when_rows_come_above_it() {
    let mut it = list(&[row(3, 3, 1), row(2, 2, 1), row(1, 1, 1)]);
    it.go(1);
    it.take([row(5, 5, 1), row(4, 4, 1), row(3, 3, 1), row(2, 2, 1), row(1, 1, 1)].to_vec().into(), true);
    assert_eq!((it.cursor(), it.at()), (Some(MessageId(2)), 3));
}

#[test]
fn a_thread_that_got_a_newer_message_keeps_the_cursor() {
    let mut it = list(&[row(3, 3, 1), row(2, 2, 1)]);
    it.go(1);
    it.take([row(9, 2, 2), row(3, 3, 1)].to_vec().into(), true);
    assert_eq!(it.cursor(), Some(MessageId(9)));
}

#[test]
fn removal_follows_after_triage() {
    for (after, expect) in [(AfterTriage::Next, 3), (AfterTriage::Stay, 3), (AfterTriage::Previous, 1)] {
        let mut it = list(&[row(1, 1, 1), row(2, 2, 1), row(3, 3, 1)]);
        it.go(1);
        it.remove(&set(&[2]), after);
        assert_eq!(it.cursor(), Some(MessageId(expect)), "{after:?}");
    }
    let mut it = list(&[row(1, 1, 1), row(2, 2, 1), row(3, 3, 1)]);
    it.go(2);
    it.remove(&set(&[1, 3]), AfterTriage::Next);
    assert_eq!(it.cursor(), Some(MessageId(2)));
    it.remove(&set(&[2]), AfterTriage::Next);
    assert_eq!(it.cursor(), None);
}

#[test]
fn rows_that_are_leaving_do_not_come_back_with_a_late_listing() {
    let mut it = list(&[row(1, 1, 1), row(2, 2, 1)]);
    it.leaving = set(&[1]);
    it.remove(&set(&[1]), AfterTriage::Next);
    it.take([row(1, 1, 1), row(2, 2, 1)].to_vec().into(), true);
    assert_eq!(ids(&it), [2]);
}

#[test]
fn a_thread_unfolds_in_place_and_folds_back() {
    let mut it = list(&[row(9, 1, 3), row(8, 8, 1)]);
    it.unfold(ThreadId(1), vec![row(5, 1, 1), row(7, 1, 1), row(9, 1, 1)]);
    assert_eq!(ids(&it), [5, 7, 9, 8]);
    assert_eq!(it.cursor(), Some(MessageId(9)), "the cursor stays on its message");
    it.take([row(9, 1, 3), row(8, 8, 1)].to_vec().into(), true);
    assert_eq!(ids(&it), [5, 7, 9, 8], "a fresh listing keeps it unfolded");
    it.go(0);
    it.fold(ThreadId(1));
    assert_eq!(ids(&it), [9, 8]);
    assert_eq!(it.row().map(|row| row.count), Some(3));
}

#[test]
fn verbs_act_on_the_range_else_the_marks_else_the_row() {
    let mut it = list(&[row(1, 1, 1), row(2, 2, 1), row(3, 1, 1)]);
    assert_eq!(it.targets().len(), 1);
    it.marks = set(&[1, 2]);
    assert_eq!(it.targets().len(), 2);
    it.visual = Some(Visual { anchor: MessageId(1), threads: false });
    assert_eq!(it.targets().len(), 1);
    it.visual = Some(Visual { anchor: MessageId(1), threads: true });
    assert_eq!(it.targets().len(), 2, "the other row of the thread comes along");
}

#[test]
fn the_list_scrolls_by_a_third_at_the_edge() {
    let rows: Vec<Row> = (0..100).map(|n| row(n, n, 1)).collect();
    let mut it = list(&rows);
    it.go(9);
    it.keep_in_view(9);
    assert_eq!(it.top, 4);
    it.go(3);
    it.keep_in_view(9);
    assert_eq!(it.top, 0);
    it.go(99);
    it.keep_in_view(9);
    assert_eq!(it.top, 91);
}
