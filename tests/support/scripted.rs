//! A server that follows a script, for what no real server does: attacks, refusals, hang-ups.
//!
//! One line a step: `S: text` sends a line, `C: pattern` expects one (`*` matches anything; the tag is left
//! out), `S! text` sends without a line end (`\r\n` written as such), `HANG` says nothing more until the
//! client leaves; the end of the script closes the connection. In sent text `$` at the start of a line is the
//! tag of the newest command, `$1`, `$2`, … that of the first, second, …

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub struct Scripted {
    pub port: u16,
    task: JoinHandle<Vec<String>>,
}

impl Scripted {
    /// Follows one script a connection, in order of connection.
    pub async fn start(scripts: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let scripts: Vec<String> = scripts.iter().map(|script| (*script).to_owned()).collect();
        let task = tokio::spawn(async move {
            let mut heard = Vec::new();
            for script in scripts {
                let (stream, _) = listener.accept().await.expect("a client");
                follow(stream, &script, &mut heard).await;
            }
            heard
        });
        Self { port, task }
    }

    /// Every line that was heard.
    ///
    /// # Panics
    /// Where the client said something else than the script expects.
    pub async fn heard(self) -> Vec<String> {
        match self.task.await {
            Ok(heard) => heard,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

async fn follow(stream: TcpStream, script: &str, heard: &mut Vec<String>) {
    let mut stream = BufReader::new(stream);
    let mut tags: Vec<String> = Vec::new();
    for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty()) {
        match step.split_at_checked(2) {
            Some(("C:", pattern)) => {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                let line = line.trim_end().to_owned();
                let (tag, rest) = line.split_once(' ').unwrap_or(("", &line));
                let pattern = pattern.trim();
                assert!(matches(pattern, rest) || matches(pattern, &line), "expected {pattern:?}, heard {line:?}");
                tags.push(tag.to_owned());
                heard.push(line);
            }
            Some((kind @ ("S:" | "S!"), text)) => {
                let text = text.strip_prefix(' ').unwrap_or(text);
                let end = if kind == "S:" { "\r\n" } else { "" };
                let text = tagged(&text.replace("\\r\\n", "\r\n"), &tags) + end;
                // The client may be gone already, which it tells itself.
                let _ = stream.get_mut().write_all(text.as_bytes()).await;
            }
            _ => {
                assert_eq!(step, "HANG", "no such step");
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        }
    }
}

/// `$`, `$1`, … at the start of a line become tags.
fn tagged(text: &str, tags: &[String]) -> String {
    let line = |line: &str| {
        let Some(rest) = line.strip_prefix('$') else { return line.to_owned() };
        let (number, rest) = rest.split_once(' ').expect("text after the tag");
        let index = if number.is_empty() { tags.len() } else { number.parse().expect("a number") };
        format!("{} {rest}", tags[index - 1])
    };
    text.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text
            .strip_prefix(head)
            .is_some_and(|rest| (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| matches(tail, &rest[at..]))),
    }
}
