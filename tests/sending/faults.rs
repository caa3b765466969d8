//! The loop over the real SMTP client: eight steps of the dialogue with six faults each. Nothing is lost, nothing is
//! doubled, and nothing is called sent that was not.

use std::sync::Arc;
use std::time::Duration;

use postrider::config::{Credentials, DEFAULT_KEEP_SIZE, Keep, Secret, Security, Server, Smtp};
use postrider::mail::Stage;
use postrider::mail::outgoing::Dsn;
use postrider::remote::smtp::Account;
use postrider::remote::smtp::wire::Deadlines;

use crate::scripted::{Fault, STEPS, Script, ScriptedSmtp, Step};
use crate::stage::World;

fn account(port: u16) -> Arc<Account> {
    let server = Server {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plaintext,
        username: "ada".into(),
        credentials: Credentials::Password(Secret::new("correct-horse-7")),
        allow_plaintext_password: false,
        ca_file: None,
        client_cert: None,
        keep: Keep::Headers,
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    };
    let half = Duration::from_millis(400);
    let deadlines = Deadlines { greeting: half, command: half, data: half, block: half, end: half, goodbye: Duration::from_millis(100) };
    Arc::new(Account::new("work", Smtp { server, helo: None, bind: None, dsn: Dsn::default() }).with_deadlines(deadlines))
}

fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("4yz", Fault::say("451 4.3.0 come again")),
        ("5yz", Fault::say("554 5.3.0 never")),
        ("cut", Fault::Cut),
        ("silence", Fault::Silence),
        ("nonsense", Fault::say("ok ok ok")),
        ("no and yes", Fault::say("451 4.3.0 come again\r\n250 2.0.0 taken")),
    ]
}

/// Where a fault must leave a message that no composer made.
fn expected(step: Step, fault: &str) -> &'static [Stage] {
    match (step, fault) {
        // the server does not offer STARTTLS here, so the step is never reached
        (Step::StartTls, _) => &[Stage::Filed],
        // after the end of data only a clear word counts
        (Step::End, "cut" | "silence" | "nonsense" | "no and yes") => &[Stage::Unknown],
        (Step::End | Step::Mail | Step::Rcpt | Step::Data, "5yz") => &[Stage::Refused],
        // a server that does not know EHLO is greeted by HELO
        (Step::Ehlo, "5yz") => &[Stage::Queued, Stage::Filed, Stage::Refused],
        (Step::Greeting, "5yz") => &[Stage::Queued, Stage::Refused],
        _ => &[Stage::Queued],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_step_leaves_the_message_where_it_belongs() {
    for step in STEPS {
        for (name, fault) in faults() {
            let context = format!("{step:?} with {name}");
            let world = World::new().await;
            let server = ScriptedSmtp::start(Script::fault(step, fault));
            let id = world.queue("plan", &["bob@example.org"]).await;
            let process = world.start(account(server.port));
            let wanted = expected(step, name);
            let is_there = |item: Option<&postrider::mail::OutItem>| {
                item.is_some_and(|item| wanted.contains(&item.stage) && (item.error.is_some() || item.stage == Stage::Filed))
            };
            world.until(&format!("{context}: one of {wanted:?}"), id, is_there).await;
            process.rest().await;
            let stage = world.stage(id).unwrap();
            let (taken, copies) = (server.taken().len(), world.copies().len());
            match stage {
                Stage::Filed => assert_eq!((taken, copies), (1, 1), "{context}"),
                Stage::Unknown => assert!(taken <= 1 && copies == 0, "{context}: {taken} taken, {copies} copies"),
                _ => assert_eq!((taken, copies), (0, 0), "{context}: {stage:?}"),
            }
            // the server is well again and the user asks: what was not taken is sent, what may have been is not
            server.set(Script::default());
            process.poke.hurry();
            if stage == Stage::Queued {
                world.until_stage(id, Stage::Filed).await;
                assert_eq!((server.taken().len(), world.copies().len()), (1, 1), "{context}, then well");
            } else {
                process.rest().await;
                assert_eq!((world.stage(id), server.taken().len()), (Some(stage), taken), "{context}, then well");
            }
            process.end().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_took_it_and_fell_silent_has_it_once() {
    for fault in [Fault::TakeThenCut, Fault::TakeThenSilence] {
        let world = World::new().await;
        let server = ScriptedSmtp::start(Script::fault(Step::End, fault));
        let id = world.queue("plan", &["bob@example.org"]).await;
        let process = world.start(account(server.port));
        world.until_stage(id, Stage::Unknown).await;
        server.set(Script::default());
        process.poke.hurry();
        process.rest().await;
        process.end().await;
        assert_eq!((server.taken().len(), world.stage(id)), (1, Some(Stage::Unknown)));
    }
}
