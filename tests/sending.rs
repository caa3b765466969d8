//! The sending loop over the real store: against a way out that does as it is told, and against an SMTP server that
//! fails at every step. What the server took, what the outbox says and what is in Sent must always fit together.

#[allow(dead_code)]
#[path = "sending/fake.rs"]
mod fake;
#[path = "sending/faults.rs"]
mod faults;
#[path = "sending/order.rs"]
mod order;
#[allow(dead_code)]
#[path = "support/smtp.rs"]
mod scripted;
#[path = "sending/stage.rs"]
mod stage;
