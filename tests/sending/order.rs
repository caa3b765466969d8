//! What happens when: undo, send later, a server that is down, two processes, ends in the middle.

use postrider::mail::outgoing::Fate;
use postrider::mail::{DraftId, OutboxId, Stage};
use postrider::remote::submit::SubmitError;
use postrider::store::TakenBack;
use postrider::worker::{Filing, Opening, WorkerEvent};

use crate::fake::{Fake, Turn};
use crate::stage::{NOON, World};

fn later(text: &str) -> Turn {
    Turn { prepare: Some(SubmitError::Later(text.into())), ..Turn::default() }
}

fn failed(event: WorkerEvent) -> Option<(String, String)> {
    match event {
        WorkerEvent::Failed { what, why, .. } => Some((what, why)),
        _ => None,
    }
}

fn opened(event: WorkerEvent) -> Option<(DraftId, Opening)> {
    match event {
        WorkerEvent::DraftOpened { id, opening, .. } => Some((id, opening)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_once_and_its_copy_is_in_sent() {
    let world = World::new().await;
    let fake = Fake::new(vec![]);
    let process = world.start(fake.clone());
    let first = world.queue("one", &["bob@example.org"]).await;
    let second = world.queue("two", &["bob@example.org"]).await;
    process.poke.look();
    world.until_stage(first, Stage::Filed).await;
    world.until_stage(second, Stage::Filed).await;
    process.end().await;
    assert_eq!(fake.subjects(), ["one", "two"]);
    let mut copies = world.copies();
    copies.sort();
    assert_eq!(copies, ["one", "two"]);
    assert_eq!(world.own().outbox().unwrap(), []);
    assert_eq!(world.own().contacts().unwrap()[0].sent, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_can_be_taken_back_until_its_time_and_goes_then() {
    let world = World::new().await;
    let fake = Fake::new(vec![]);
    let process = world.start(fake.clone());
    let draft = world.draft("undone").await;
    let undone = world.queue_from("undone", &["bob@example.org"], Some(draft), NOON + 10).await;
    let kept = world.queue_from("kept", &["bob@example.org"], None, NOON + 10).await;
    process.poke.look();
    process.rest().await;
    assert_eq!((world.stage(undone), fake.attempts()), (Some(Stage::Held), 0));
    assert!(matches!(world.writer.take_back(undone, true, NOON).await.unwrap(), TakenBack::Draft(_, draft) if draft.subject == "undone"));
    world.pass(10);
    process.poke.look();
    world.until_stage(kept, Stage::Filed).await;
    process.end().await;
    assert_eq!(fake.subjects(), ["kept"]);
    assert_eq!(world.own().draft_count().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_go_tomorrow_waits_over_a_restart() {
    let world = World::new().await;
    let fake = Fake::new(vec![]);
    let id = world.queue_from("tomorrow", &["bob@example.org"], None, NOON + 86_400).await;
    let process = world.start(fake.clone());
    process.rest().await;
    process.end().await;
    world.pass(86_400);
    assert_eq!((world.stage(id), fake.attempts()), (Some(Stage::Held), 0));
    let process = world.start(fake.clone());
    world.until_stage(id, Stage::Filed).await;
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_costs_nothing_but_time() {
    let world = World::new().await;
    let fake = Fake::new(vec![later("no route"), later("no route")]);
    let ids = [world.queue("a", &["b@x"]).await, world.queue("b", &["b@x"]).await, world.queue("c", &["b@x"]).await];
    let mut process = world.start(fake.clone());
    process.wait("a word about it", |event| failed(event).filter(|(_, why)| why == "no route")).await;
    process.rest().await;
    assert_eq!(fake.attempts(), 2, "the third is not tried while the server is down");
    let item = world.item(ids[0]).unwrap();
    assert!(item.error.as_deref() == Some("no route") && item.not_before >= NOON + 60, "{item:?}");
    process.poke.online();
    for id in ids {
        world.until_stage(id, Stage::Filed).await;
    }
    process.end().await;
    assert_eq!(fake.subjects(), ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_end_by_themselves_and_after_five_days_it_is_given_up() {
    let world = World::new().await;
    let fake = Fake::new(vec![later("busy"), later("busy"), later("busy")]);
    let draft = world.draft("plan").await;
    let id = world.queue_from("plan", &["bob@example.org"], Some(draft), 0).await;
    let mut process = world.start(fake.clone());
    for (attempt, wait) in [(1, 90), (2, 400)] {
        world.until("an attempt", id, |item| item.is_some_and(|item| item.attempts == attempt && item.stage == Stage::Queued)).await;
        process.rest().await;
        world.pass(wait);
        process.poke.look();
    }
    world.until("the third attempt", id, |item| item.is_some_and(|item| item.attempts == 3 && item.stage == Stage::Queued)).await;
    process.rest().await;
    world.pass(5 * 86_400);
    fake.go.add_permits(1);
    let fake = Fake::new(vec![later("busy")]);
    process.kill().await;
    process = world.start(fake);
    let (_, opening) = process.wait("the draft", opened).await;
    assert!(matches!(&opening, Opening::Refused(why) if why.contains("5 days") && why.contains("busy")), "{opening:?}");
    process.end().await;
    assert_eq!((world.stage(id), world.own().draft_count().unwrap()), (None, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_brings_the_draft_back_with_the_servers_words() {
    let world = World::new().await;
    let refusal = SubmitError::Refused("554 5.7.1 no such thing here".into());
    let fake =
        Fake::new(vec![Turn { prepare: Some(refusal.clone()), ..Turn::default() }, Turn { commit: Some(refusal), ..Turn::default() }]);
    let mut process = world.start(fake.clone());
    for subject in ["before", "after"] {
        let draft = world.draft(subject).await;
        let id = world.queue_from(subject, &["bob@example.org"], Some(draft), 0).await;
        process.poke.look();
        let (draft, opening) = process.wait("the draft", opened).await;
        assert_eq!(opening, Opening::Refused("554 5.7.1 no such thing here".into()));
        assert_eq!((world.own().draft(draft).unwrap().unwrap().draft.subject.as_str(), world.stage(id)), (subject, None));
    }
    process.end().await;
    assert_eq!(fake.subjects(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sign_in_is_not_repeated_until_the_user_has_a_say() {
    let world = World::new().await;
    let fake = Fake::new(vec![Turn { prepare: Some(SubmitError::BadLogin("535 no".into())), ..Turn::default() }]);
    let first = world.queue("first", &["b@x"]).await;
    let mut process = world.start(fake.clone());
    process.wait("a word about it", |event| failed(event).filter(|(_, why)| why == "535 no")).await;
    world.queue("second", &["b@x"]).await;
    process.poke.look();
    process.rest().await;
    process.poke.online();
    process.rest().await;
    assert_eq!(fake.attempts(), 1);
    let item = world.item(first).unwrap();
    assert_eq!((item.stage, item.attempts, item.error.as_deref()), (Stage::Queued, 0, Some("535 no")));
    process.poke.hurry();
    world.until_stage(first, Stage::Filed).await;
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_fare_each_on_their_own_and_none_is_asked_twice() {
    let world = World::new().await;
    let fates = vec![
        ("later@example.org".to_owned(), Fate::Deferred("450 greylisted".into())),
        ("never@example.org".to_owned(), Fate::Refused("550 nobody".into())),
    ];
    let fake = Fake::new(vec![Turn { fates, ..Turn::default() }]);
    let id = world.queue("plan", &["now@example.org", "later@example.org", "never@example.org"]).await;
    let mut process = world.start(fake.clone());
    let (what, why) = process.wait("the refusal", failed).await;
    assert!(what.contains("never@example.org") && why == "550 nobody", "{what}: {why}");
    world.until_stage(id, Stage::Queued).await;
    process.rest().await;
    world.pass(4_000);
    process.poke.look();
    world.until_stage(id, Stage::Filed).await;
    process.end().await;
    let expected = [("plan".to_owned(), vec!["now@example.org".to_owned()]), ("plan".to_owned(), vec!["later@example.org".to_owned()])];
    assert_eq!(fake.taken(), expected);
    assert_eq!(world.copies(), ["plan"], "one copy, however many attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_shown_and_never_followed_by_a_second_sending() {
    let world = World::new().await;
    let lost = Turn { commit: Some(SubmitError::Unknown("the line was cut".into())), takes: true, ..Turn::default() };
    let fake = Fake::new(vec![lost]);
    let id = world.queue("plan", &["bob@example.org"]).await;
    let mut process = world.start(fake.clone());
    process.wait("a word about it", |event| failed(event).filter(|(_, why)| why == "the line was cut")).await;
    process.poke.online();
    process.poke.hurry();
    process.rest().await;
    process.end().await;
    world.pass(10 * 86_400);
    let process = world.start(fake.clone());
    process.rest().await;
    process.end().await;
    assert_eq!((world.stage(id), fake.attempts()), (Some(Stage::Unknown), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_back_while_it_is_prepared_it_is_not_handed_over() {
    let world = World::new().await;
    let fake = Fake::new(vec![Turn { holds_prepare: true, ..Turn::default() }]);
    let draft = world.draft("plan").await;
    let id = world.queue_from("plan", &["bob@example.org"], Some(draft), 0).await;
    let process = world.start(fake.clone());
    fake.held().await;
    assert!(matches!(world.writer.take_back(id, true, NOON).await.unwrap(), TakenBack::Draft(..)));
    fake.go.add_permits(1);
    process.rest().await;
    process.end().await;
    assert_eq!((fake.subjects(), world.stage(id)), (vec![], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_program_puts_back_what_was_not_handed_over_and_waits_for_what_was() {
    let world = World::new().await;
    let fake = Fake::new(vec![Turn { holds_prepare: true, ..Turn::default() }, Turn { holds_commit: true, ..Turn::default() }]);
    let id = world.queue("plan", &["bob@example.org"]).await;
    let process = world.start(fake.clone());
    fake.held().await;
    process.end().await;
    let item = world.item(id).unwrap();
    assert_eq!((item.stage, item.attempts), (Stage::Queued, 0));
    let process = world.start(fake.clone());
    fake.held().await;
    world.until_stage(id, Stage::HandingOver).await;
    fake.go.add_permits(1);
    process.end().await;
    assert!(matches!(world.stage(id), Some(Stage::Accepted | Stage::Filed)));
    assert_eq!(fake.subjects(), ["plan"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_before_the_end_of_data_costs_the_attempt_and_after_it_the_answer() {
    let world = World::new().await;
    let before = Fake::new(vec![Turn { holds_prepare: true, ..Turn::default() }]);
    let id = world.queue("plan", &["bob@example.org"]).await;
    let process = world.start(before.clone());
    before.held().await;
    process.kill().await;
    let after = Fake::new(vec![Turn { holds_commit: true, ..Turn::default() }]);
    // the task inside the dead loop may still hold: what it does then must change nothing
    let process = world.start(after.clone());
    after.held().await;
    world.until_stage(id, Stage::HandingOver).await;
    process.kill().await;
    let fresh = Fake::new(vec![]);
    let process = world.start(fresh.clone());
    world.until_stage(id, Stage::Unknown).await;
    process.rest().await;
    process.end().await;
    assert_eq!((fresh.attempts(), after.subjects()), (0, vec!["plan".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_inside_costs_one_attempt_and_not_the_account() {
    let world = World::new().await;
    let fake = Fake::new(vec![Turn { panics: true, ..Turn::default() }]);
    let id = world.queue("plan", &["bob@example.org"]).await;
    let mut process = world.start(fake.clone());
    process.wait("a word about it", |event| failed(event).filter(|(what, _)| what.contains("failed inside"))).await;
    world.until_stage(id, Stage::Filed).await;
    process.end().await;
    assert_eq!(fake.subjects(), ["plan"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_sends_and_the_other_takes_over() {
    let world = World::new().await;
    let (first, second) = (Fake::new(vec![]), Fake::new(vec![]));
    let one = world.start(first.clone());
    one.rest().await;
    let two = world.start(second.clone());
    let mut ids: Vec<OutboxId> = Vec::new();
    for number in 0..20 {
        ids.push(world.queue(&format!("m{number}"), &["bob@example.org"]).await);
        one.poke.look();
        two.poke.look();
    }
    for id in &ids {
        world.until_stage(*id, Stage::Filed).await;
    }
    assert_eq!((first.subjects().len(), second.attempts()), (20, 0));
    one.end().await;
    let id = world.queue("last", &["bob@example.org"]).await;
    two.poke.look();
    world.until_stage(id, Stage::Filed).await;
    two.end().await;
    assert_eq!(second.subjects(), ["last"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_files_sent_mail_a_lost_answer_is_found_there() {
    let world = World::new().await;
    let lost = Turn { commit: Some(SubmitError::Unknown("the line was cut".into())), takes: true, ..Turn::default() };
    let fake = Fake::new(vec![lost]);
    let id = world.queue("plan", &["bob@example.org"]).await;
    let process = world.start_filing(fake.clone(), Filing::ByServer);
    world.until_stage(id, Stage::Unknown).await;
    process.rest().await;
    world.server_files("another").await;
    process.poke.mail_changed();
    process.rest().await;
    assert_eq!(world.stage(id), Some(Stage::Unknown), "another message tells nothing");
    world.server_files("plan").await;
    process.poke.mail_changed();
    world.until_stage(id, Stage::Filed).await;
    process.end().await;
    assert_eq!((fake.attempts(), world.copies().len()), (1, 2), "sent once, and no copy is added");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_were_put_off_get_the_message_though_it_is_in_sent_already() {
    let lost = || Turn { commit: Some(SubmitError::Unknown("the line was cut".into())), takes: true, ..Turn::default() };
    let put_off = vec![("later@example.org".to_owned(), Fate::Deferred("450 greylisted".into()))];
    let to = ["now@example.org", "later@example.org"];

    // the answer of the first attempt is lost: Sent tells of those who were taken then, and of nobody else
    let world = World::new().await;
    let fake = Fake::new(vec![Turn { fates: put_off.clone(), ..lost() }]);
    let id = world.queue("plan", &to).await;
    let process = world.start_filing(fake.clone(), Filing::ByServer);
    world.until_stage(id, Stage::Unknown).await;
    process.rest().await;
    world.server_files("plan").await;
    process.poke.mail_changed();
    world.until_stage(id, Stage::Queued).await;
    process.rest().await;
    world.pass(4_000);
    process.poke.look();
    world.until_stage(id, Stage::Filed).await;
    process.end().await;
    let got: Vec<Vec<String>> = fake.taken().into_iter().map(|(_, to)| to).collect();
    assert_eq!(got, [["now@example.org"], ["later@example.org"]]);

    // that of the second is lost: the copy is of the first, and tells nothing
    let world = World::new().await;
    let fake = Fake::new(vec![Turn { fates: put_off, ..Turn::default() }, lost()]);
    let id = world.queue("plan", &to).await;
    let process = world.start_filing(fake.clone(), Filing::ByServer);
    world.until_stage(id, Stage::Queued).await;
    process.rest().await;
    world.server_files("plan").await;
    world.pass(4_000);
    process.poke.look();
    world.until_stage(id, Stage::Unknown).await;
    process.poke.look();
    process.rest().await;
    process.end().await;
    assert_eq!(world.stage(id), Some(Stage::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_for_long_is_not_given_up_at_the_first_failure() {
    let world = World::new().await;
    let fake = Fake::new(vec![later("no route")]);
    let id = world.queue_from("in ten days", &["bob@example.org"], None, NOON + 10 * 86_400).await;
    world.pass(10 * 86_400);
    let process = world.start(fake.clone());
    world.until("a failure", id, |item| item.is_some_and(|item| item.error.is_some() && item.stage != Stage::Sending)).await;
    assert_eq!(world.stage(id), Some(Stage::Queued));
    process.rest().await;
    process.poke.online();
    world.until_stage(id, Stage::Filed).await;
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_outlives_a_week_without_a_network_in_its_order() {
    let world = World::new().await;
    let offline = || Turn { prepare: Some(SubmitError::Offline("no network".into())), ..Turn::default() };
    let fake = Fake::new((0..60).map(|_| offline()).collect());
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(world.queue(&number.to_string(), &["bob@example.org"]).await);
    }
    let mut process = world.start(fake.clone());
    // twice a day somebody starts it, and nothing can be reached
    let mut starts = 0;
    while fake.attempts() < 60 {
        process.rest().await;
        process.end().await;
        world.pass(43_200);
        starts += 1;
        process = world.start(fake.clone());
    }
    assert!(starts >= 14, "{starts} half days");
    for id in ids {
        world.until_stage(id, Stage::Filed).await;
    }
    process.end().await;
    assert_eq!(fake.subjects(), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_for_a_while_leaves_no_message_in_the_middle() {
    for (turn, broken, settled) in [
        (later("no route"), Stage::Queued, Stage::Filed),
        (Turn { commit: Some(SubmitError::Unknown("cut".into())), ..Turn::default() }, Stage::Unknown, Stage::Unknown),
    ] {
        let world = World::new().await;
        let fake = Fake::new(vec![turn]);
        let id = world.queue("plan", &["bob@example.org"]).await;
        world.break_stage(broken);
        let mut process = world.start(fake.clone());
        process.wait("a word about it", |event| failed(event).filter(|(what, _)| what.contains("could not be written"))).await;
        world.mend();
        world.pass(10);
        process.poke.look();
        world.until_stage(id, settled).await;
        process.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_at_any_time_makes_no_wait_longer_and_sends_nothing_twice() {
    const DAY: i64 = 86_400;
    // all but small steps back end a wait; those make it as much longer, at most by its own length
    for jump in [3_600, DAY, 20 * 365 * DAY, -DAY, -365 * DAY, -20 * 365 * DAY] {
        let world = World::new().await;
        let fake = Fake::new(vec![later("no route"), later("no route")]);
        let ids = [world.queue("a", &["b@x"]).await, world.queue("b", &["b@x"]).await];
        let mut process = world.start(fake.clone());
        process.wait("a word about it", |event| failed(event).filter(|(_, why)| why == "no route")).await;
        process.rest().await;
        let tries = fake.attempts();
        for _ in 0..10 {
            process.poke.look();
            process.rest().await;
        }
        assert_eq!(fake.attempts(), tries, "looking is no reason to try again ({jump})");
        world.pass(jump);
        process.poke.look();
        for id in ids {
            world.until_stage(id, Stage::Filed).await;
        }
        // and back again, with nothing left to do
        world.pass(-jump);
        process.poke.look();
        process.rest().await;
        process.end().await;
        assert_eq!(fake.taken().len(), 2, "{jump}");
        assert!(fake.attempts() <= tries + 3, "{jump}: {} tries", fake.attempts());
    }
}
