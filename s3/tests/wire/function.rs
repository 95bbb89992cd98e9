//! Functions: what is posted to them, and what their answers and their silence tell.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::function::{FunctionAnswer, Invocation, Invoker, NotAnswered};
use brigade_model::ports::object_store::Effect;
use brigade_runtime::SystemClock;
use brigade_s3::http::function::{FunctionConfig, HttpFunction};
use brigade_s3::http::proxy::Route;
use ring::hmac;

use crate::stub::{Reply, Stub, answer};

fn config(url: String) -> FunctionConfig {
    FunctionConfig { url, timeout: Duration::from_secs(10), route: Route::default(), extra_ca: None, secret: None }
}

async fn invoke(config: FunctionConfig) -> Result<FunctionAnswer, NotAnswered> {
    let function = HttpFunction::new(config, Arc::new(SystemClock::new())).unwrap();
    function.invoke(Invocation { task: "job/7".to_owned(), body: "{}".into() }).await
}

#[tokio::test]
async fn an_invocation_is_posted_once_with_its_task_and_the_signature_of_its_body() {
    let stub = Stub::scripted([answer(200, &[], "{\"results\": []}"), answer(200, &[], "")]).await;
    let secret: Option<Arc<dyn Fn() -> String + Send + Sync>> = Some(Arc::new(|| "shared".to_owned()));
    let answered = invoke(FunctionConfig { secret, ..config(format!("{}/thumbnail", stub.url())) }).await.unwrap();
    assert_eq!((answered.http_status, &*answered.body), (200, &b"{\"results\": []}"[..]));
    invoke(config(stub.url())).await.unwrap();
    let recorded = stub.recorded();
    assert_eq!((recorded[0].method.as_str(), recorded[0].target.as_str()), ("POST", "/thumbnail"));
    assert_eq!(recorded[0].header("x-brigade-task"), Some("job/7"));
    assert_eq!(recorded[0].header("content-type"), Some("application/json"));
    assert_eq!(recorded[0].body, b"{}");
    let signature = recorded[0].header("x-brigade-signature").unwrap().strip_prefix("sha256=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"shared");
    hmac::verify(&key, b"{}", &hex::decode(signature).unwrap()).unwrap();
    assert_eq!((recorded[1].target.as_str(), recorded[1].header("x-brigade-signature")), ("/", None));
    assert_eq!(recorded.len(), 2);
}

#[tokio::test]
async fn every_status_is_an_answer_and_no_redirection_is_followed() {
    for (status, headers, wait) in [
        (503, ("retry-after", "7"), Some(7)),
        (302, ("location", "http://127.0.0.1:1/"), None),
        (500, ("retry-after", "later"), None),
    ] {
        let stub = Stub::scripted([answer(status, &[headers], "why")]).await;
        let answered = invoke(config(stub.url())).await.unwrap();
        let expected = FunctionAnswer { http_status: status, retry_after_seconds: wait, body: "why".into() };
        assert_eq!((answered, stub.recorded().len()), (expected, 1));
    }
}

#[tokio::test]
async fn what_was_not_sent_had_no_effect_and_what_was_not_answered_may_have_had_one() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(invoke(config(format!("http://{free}"))).await.unwrap_err().effect, Effect::None);

    let too_long = answer(200, &[], &"x".repeat(300 << 10));
    let cut_off = Reply::BytesThenClose(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".to_vec());
    for reply in [too_long, cut_off, Reply::BytesThenClose(Vec::new())] {
        let stub = Stub::scripted([reply]).await;
        assert_eq!(invoke(config(stub.url())).await.unwrap_err().effect, Effect::Unknown);
    }
    let stub = Stub::scripted([Reply::Silence]).await;
    let hasty = FunctionConfig { timeout: Duration::from_millis(300), ..config(stub.url()) };
    let silent = invoke(hasty).await.unwrap_err();
    assert_eq!(silent.effect, Effect::Unknown);
    assert!(silent.message.ends_with("no answer in 300ms"), "{silent:?}");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_function_of_the_documentation_answers_by_the_contract() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/s3control.md")).unwrap();
    let (_, rest) = page.split_once("```python\n").unwrap();
    let (program, _) = rest.split_once("```").unwrap();
    let mut command = Command::new("python3");
    let command = command.args(["-c", program, "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let mut told = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut told).unwrap();
    let url = format!("http://127.0.0.1:{}/", told.strip_prefix("port ").unwrap().trim());

    let body = r#"{"tasks": [{"taskId": "job/7", "s3Key": "a%20b"}]}"#;
    for (secret, status) in [("shared-secret", 200), ("another", 403)] {
        let secret: Option<Arc<dyn Fn() -> String + Send + Sync>> = Some(Arc::new(move || secret.to_owned()));
        let config = FunctionConfig { secret, ..config(url.clone()) };
        let function = HttpFunction::new(config, Arc::new(SystemClock::new())).unwrap();
        let answered = function.invoke(Invocation { task: "job/7".to_owned(), body: body.into() }).await.unwrap();
        assert_eq!(answered.http_status, status);
        if status == 200 {
            let expected =
                r#"{"results": [{"taskId": "job/7", "resultCode": "Succeeded", "resultString": "saw a b"}]}"#;
            assert_eq!(String::from_utf8_lossy(&answered.body), expected);
        }
    }
}
