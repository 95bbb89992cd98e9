use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::operation::{InvocationSchema, Invoke, Operation};
use brigade_model::outcome::TaskEffect;
use brigade_model::ports::Clock;
use brigade_model::ports::function::{Function, FunctionAnswer, Invocation, Invoker, NotAnswered};
use brigade_model::ports::object_store::{CancelToken, Effect};
use brigade_model::{BucketName, Outcome, Task, VersionId};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::test_job::{TestTask, code, done, effect, message, task};
use crate::dry_run::DryRun;
use crate::operation::{TaskEnd, run_one};

/// What becomes of one invocation.
enum Reply {
    Status(u16, &'static str),
    /// 200 with that result of the task.
    Result(&'static str, &'static str),
    NotAnswered(Effect),
    /// The job is stopped, and then there is the answer.
    StopThen(CancelToken, Box<Reply>),
    /// It is never answered; the job is stopped.
    Hangs(CancelToken),
}

/// A function that answers as scripted; when the script is over, with a success.
#[derive(Default)]
struct ScriptedFunction {
    script: Mutex<VecDeque<Reply>>,
    invoked: Mutex<Vec<Invocation>>,
}

#[async_trait]
impl Invoker for ScriptedFunction {
    async fn invoke(&self, invocation: Invocation) -> Result<FunctionAnswer, NotAnswered> {
        self.invoked.lock().unwrap().push(invocation.clone());
        let mut reply = self.script.lock().unwrap().pop_front().unwrap_or(Reply::Result("Succeeded", ""));
        if let Reply::StopThen(cancel, then) = reply {
            cancel.stop();
            reply = *then;
        }
        let answer =
            |http_status, body: String| FunctionAnswer { http_status, retry_after_seconds: Some(2), body: body.into() };
        match reply {
            Reply::Status(status, body) => Ok(answer(status, body.to_owned())),
            Reply::Result(code, said) => {
                let result = json!({"taskId": invocation.task, "resultCode": code, "resultString": said});
                Ok(answer(200, json!({"results": [result]}).to_string()))
            }
            Reply::NotAnswered(effect) => Err(NotAnswered { effect, message: "no answer in 60 s".to_owned() }),
            Reply::Hangs(cancel) => {
                cancel.stop();
                std::future::pending().await
            }
            Reply::StopThen(..) => panic!("one stop is enough"),
        }
    }
}

async fn test_job_with(script: impl IntoIterator<Item = Reply>) -> (TestTask, Arc<ScriptedFunction>) {
    let mut test_job = TestTask::new().await;
    let function =
        Arc::new(ScriptedFunction { script: Mutex::new(script.into_iter().collect()), ..Default::default() });
    test_job.slice_context.function = Some(Function {
        invoker: function.clone(),
        slots: Arc::new(Semaphore::new(1)),
        timeout: Duration::from_secs(60),
    });
    test_job.begin_run();
    (test_job, function)
}

fn invoke(schema: InvocationSchema, arguments: &[(&str, &str)]) -> Operation {
    let arguments = arguments.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Operation::Invoke(Invoke { function: "arn:aws:lambda:r:1:function:f".to_owned(), schema, arguments })
}

fn plain() -> Operation {
    invoke(InvocationSchema::V1, &[])
}

fn invoked(function: &ScriptedFunction) -> usize {
    function.invoked.lock().unwrap().len()
}

fn requests(function: &ScriptedFunction) -> Vec<Value> {
    let invoked = function.invoked.lock().unwrap();
    invoked.iter().map(|invocation| serde_json::from_slice(&invocation.body).unwrap()).collect()
}

/// What a run with that script ends in.
async fn run(script: impl IntoIterator<Item = Reply>) -> (TaskEnd, usize) {
    let (test_job, function) = test_job_with(script).await;
    let run = test_job.run(&plain(), &task("k"), false).await;
    assert_eq!(test_job.store.calls(), [], "the store is asked nothing");
    (run, invoked(&function))
}

fn said(message: &str) -> TaskEnd {
    TaskEnd::Done(Outcome::SucceededWith { message: message.to_owned() })
}

#[tokio::test(start_paused = true)]
async fn a_function_gets_its_object_in_the_form_of_either_schema() {
    let (test_job, function) = test_job_with([]).await;
    let job = test_job.slice_context.job.to_string();
    let version = VersionId::new("v1").unwrap();
    let row = Task { number: 7, version: Some(version), ..task("a b/é+c~d") };
    assert_eq!(test_job.run(&plain(), &row, false).await, done());
    let second = invoke(InvocationSchema::V2, &[("k", "v")]);
    assert_eq!(test_job.run(&second, &task("k"), false).await, done());
    let requests = requests(&function);
    let id = |number: u32| format!("{job}/{number}");
    let first_task = json!({
        "taskId": id(7),
        "s3Key": "a%20b/%C3%A9%2Bc~d",
        "s3VersionId": "v1",
        "s3BucketArn": "arn:aws:s3:::source",
    });
    let second_task = json!({"taskId": id(0), "s3Key": "k", "s3VersionId": null, "s3Bucket": "source"});
    for (request, schema, expected_job, task) in [
        (&requests[0], "1.0", json!({"id": job}), first_task),
        (&requests[1], "2.0", json!({"id": job, "userArguments": {"k": "v"}}), second_task),
    ] {
        let invocation = request["invocationId"].as_str().unwrap();
        assert!(!invocation.is_empty());
        let expected = json!({
            "invocationSchemaVersion": schema,
            "invocationId": invocation,
            "job": expected_job,
            "tasks": [task],
        });
        assert_eq!(*request, expected);
    }
    assert_eq!(function.invoked.lock().unwrap()[0].task, id(7));
    assert_ne!(requests[0]["invocationId"], requests[1]["invocationId"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_function_says_of_a_success_stands_in_the_report() {
    assert_eq!(run([Reply::Result("Succeeded", "42 faces")]).await, (said("42 faces"), 1));
    assert_eq!(run([Reply::Result("Succeeded", "")]).await, (done(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_final_and_a_temporary_one_is_invoked_again_with_pauses() {
    let (end, count) = run([Reply::Result("PermanentFailure", "no face")]).await;
    assert_eq!((code(&end), message(&end), count), ("PermanentFailure", "no face (attempts 1)", 1));
    assert_eq!(effect(&end), TaskEffect::Unknown, "what it did before it failed only the function knows");

    let temporary = || Reply::Result("TemporaryFailure", "busy");
    let (test_job, function) = test_job_with([temporary(), temporary()]).await;
    let begun = test_job.clock.monotonic();
    let end = test_job.run(&plain(), &task("k"), false).await;
    assert_eq!((end, invoked(&function)), (said("(attempts 3)"), 3));
    let lasted = test_job.clock.monotonic().since(begun);
    assert!(lasted >= Duration::from_millis(1500), "{lasted:?}");

    let (end, count) = run([(); 9].map(|()| temporary())).await;
    assert_eq!((code(&end), message(&end), count), ("TemporaryFailure", "busy (attempts 5)", 5));
}

#[tokio::test(start_paused = true)]
async fn an_invocation_whose_answer_is_lost_is_made_again_with_the_same_task_id() {
    let lost = || Reply::NotAnswered(Effect::Unknown);
    let (test_job, function) = test_job_with([lost(), Reply::Status(504, "")]).await;
    assert_eq!(test_job.run(&plain(), &task("k"), true).await, said("(attempts 3)"));
    let ids: Vec<_> = requests(&function).iter().map(|request| request["tasks"][0]["taskId"].clone()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    let (end, _) = run([(); 5].map(|()| lost())).await;
    let told = "FunctionAnswerLost: no answer in 60 s (attempts 5)";
    assert_eq!((code(&end), message(&end), effect(&end)), ("Unconfirmed", told, TaskEffect::Unknown));
    // What is answered after a lost answer ends the doubt.
    let (end, _) = run([lost(), Reply::Result("PermanentFailure", "no")]).await;
    assert_eq!(code(&end), "PermanentFailure");
}

#[tokio::test(start_paused = true)]
async fn a_function_without_room_or_that_cannot_be_reached_is_waited_for() {
    let busy = (0..20).map(|n| Reply::Status([429, 503][n % 2], "later"));
    assert_eq!(run(busy).await, (said("(attempts 21)"), 21));
    let away = (0..100).map(|_| Reply::NotAnswered(Effect::None));
    let (end, count) = run(away).await;
    let told = "no answer in 60 s (attempts 30)";
    assert_eq!((code(&end), message(&end), count), ("FunctionUnreachable", told, 30));
    assert_eq!(effect(&end), TaskEffect::None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_name_the_task_goes_by_treat_missing_keys_as_and_says_so() {
    let (end, count) = run([Reply::Status(200, r#"{"treatMissingKeysAs": "Succeeded"}"#)]).await;
    assert_eq!((end, count), (said("the answer has no results; treatMissingKeysAs is Succeeded"), 1));
    let body = r#"{"treatMissingKeysAs": "PermanentFailure", "results": []}"#;
    let (end, count) = run([Reply::Status(200, body)]).await;
    let told = "the answer does not name the task; treatMissingKeysAs is PermanentFailure (attempts 1)";
    assert_eq!((code(&end), message(&end), count), ("PermanentFailure", told, 1));
    let (end, count) = run([(); 5].map(|()| Reply::Status(200, "<html>"))).await;
    let told = "the answer is none of the contract: <html> (attempts 5)";
    assert_eq!((code(&end), message(&end), count), ("InvalidFunctionAnswer", told, 5));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_takes_no_invocation_holds_the_job_and_one_that_refuses_a_task_fails_it() {
    let (end, count) = run([Reply::Status(403, "who are you")]).await;
    assert!(matches!(end, TaskEnd::SharedFailure(..)), "{end:?}");
    let told = "the function answered 403: who are you (attempts 1)";
    assert_eq!((code(&end), message(&end), count), ("FunctionRefused", told, 1));
    let (end, count) = run([Reply::Status(400, "")]).await;
    assert!(matches!(end, TaskEnd::Done(_)), "{end:?}");
    assert_eq!((code(&end), effect(&end), count), ("FunctionRefused", TaskEffect::None, 1));
    let (end, count) = run([(); 5].map(|()| Reply::Status(500, "oh"))).await;
    let told = "the function answered 500: oh (attempts 5)";
    assert_eq!((code(&end), message(&end), count), ("FunctionError", told, 5));
}

#[tokio::test(start_paused = true)]
async fn a_stop_begins_no_invocation_and_leaves_the_one_in_flight_its_answer() {
    let stopping = |then: fn(CancelToken) -> Reply| async move {
        let (test_job, function) = test_job_with([]).await;
        let reply = then(test_job.slice_context.cancel.clone());
        function.script.lock().unwrap().push_back(reply);
        (test_job.run(&plain(), &task("k"), false).await, invoked(&function))
    };
    let run = stopping(|cancel| Reply::StopThen(cancel, Box::new(Reply::Result("Succeeded", "in time")))).await;
    assert_eq!(run, (said("in time"), 1));
    let (end, count) =
        stopping(|cancel| Reply::StopThen(cancel, Box::new(Reply::Result("TemporaryFailure", "busy")))).await;
    let TaskEnd::CutShort(Outcome::Failed(failure)) = end else { panic!("{end:?}") };
    assert_eq!((failure.code.as_str(), count), ("TemporaryFailure", 1));
    let run = stopping(|cancel| Reply::StopThen(cancel, Box::new(Reply::Status(429, "")))).await;
    assert_eq!(run, (TaskEnd::NotAttempted, 1), "it did nothing");
    assert_eq!(stopping(Reply::Hangs).await, (TaskEnd::UnknownEffect, 1));

    let (test_job, function) = test_job_with([]).await;
    test_job.slice_context.cancel.stop();
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, TaskEnd::NotAttempted);
    assert_eq!(invoked(&function), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_invocations_are_in_flight_than_the_function_takes() {
    let (test_job, function) = test_job_with([]).await;
    let slots = test_job.slice_context.function.clone().unwrap().slots;
    let held = slots.acquire_owned().await.unwrap();
    let (operation, row) = (plain(), task("k"));
    let mut run = Box::pin(test_job.run(&operation, &row, false));
    tokio::select! {
        end = &mut run => panic!("{end:?}"),
        () = test_job.clock.sleep(Duration::from_secs(600)) => {}
    }
    assert_eq!(invoked(&function), 0);
    drop(held);
    assert_eq!(run.await, done());
}

#[tokio::test(start_paused = true)]
async fn an_invocation_begins_only_if_it_can_end_within_the_lease() {
    let (test_job, function) = test_job_with([]).await;
    let now = test_job.clock.monotonic();
    test_job.slice_context.cancel.prolong(now.after(Duration::from_secs(59)));
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, TaskEnd::NotAttempted);
    test_job.slice_context.cancel.prolong(now.after(Duration::from_secs(61)));
    assert_eq!(test_job.run(&plain(), &task("k"), false).await, done());
    assert_eq!(invoked(&function), 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_bucket_that_the_role_does_not_allow_invokes_nothing() {
    let (test_job, function) = test_job_with([]).await;
    let foreign = Task { bucket: BucketName::new("foreign").unwrap(), ..task("k") };
    assert_eq!(code(&test_job.run(&plain(), &foreign, false).await), "AccessDenied");
    assert_eq!(invoked(&function), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_invokes_nothing_and_says_what_would_be() {
    let (test_job, function) = test_job_with([]).await;
    let dry_run = DryRun::at(&test_job.slice_context);
    let run = run_one(&test_job.prepare(&plain()), &dry_run.slice_context, &task("k"), false).await;
    let run = dry_run.mark(vec![run]).remove(0);
    assert_eq!(run, said("dry run: would send nothing; an invocation would be attempted"));
    assert_eq!((invoked(&function), test_job.store.calls().len()), (0, 0));
}
