//! What the log holds of requests: a line for each, in which a client's words are quoted, and no
//! secret.

use std::io::Write;
use std::sync::Mutex;

use tracing::subscriber::DefaultGuard;

use super::*;

/// What was logged in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Logs everything that can be logged, in the form for people or in that for machines.
fn log(is_json: bool) -> (Log, DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let builder = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let builder = builder.with_ansi(false).with_writer(move || writer.clone());
    let guard = match is_json {
        true => tracing::subscriber::set_default(builder.json().flatten_event(true).finish()),
        false => tracing::subscriber::set_default(builder.finish()),
    };
    (log, guard)
}

#[tokio::test(start_paused = true)]
async fn the_words_of_a_client_begin_no_line_of_the_log() {
    let bench = Bench::new();
    for is_json in [false, true] {
        let (log, _guard) = log(is_json);
        let target = "/jobs?a%0Aforged%1B%5B2J=1";
        assert_eq!(bench.send(Call::new("GET", target)).await.refused(), (400, "InvalidArgument"));
        let text = log.text();
        assert!(text.contains("forged") && text.contains("refused"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        if is_json {
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["message"].as_str(), Some("refused"), "{line}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_of_a_request_stands_in_the_log() {
    let bench = Bench::new();
    let (log, _guard) = log(false);
    let temporary = |target: &str| {
        Call::new("GET", target).by(("AKIDTEMP", "temp-secret")).header("x-cos-security-token", "the-token")
    };
    let signature = temporary("/jobs").sign(bench.api.clock.now());
    assert_eq!(bench.send(temporary("/jobs")).await.status, 200);
    assert_eq!(bench.send(temporary("/jobs?colour=red")).await.status, 400);
    assert_eq!(bench.send(temporary("/jobs").header("x-cos-security-token", "a-token")).await.status, 403);
    assert_eq!(bench.send(temporary("/jobs").by(("AKIDTEMP", "wrong-secret"))).await.status, 403);
    bench.create("t").await;
    let text = log.text();
    assert_eq!(text.matches("refused").count(), 3, "{text}");
    for secret in ["temp-secret", "photos-secret", "wrong-secret", "the-token", "a-token"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let (_, signature) = signature.rsplit_once('=').unwrap();
    assert!(!text.contains(signature), "{text}");
}
