//! The function of `docs/s3control.md` as a process, and the configuration that jobs reach it by.

use crate::process::{Process, python_program, workspace};

/// A running function. Dropping the value ends it.
pub struct Function {
    url: String,
    _process: Process,
}

impl Function {
    /// The program that the page shows, on a port that it chooses.
    ///
    /// # Panics
    /// When the page has none, or it does not start.
    #[must_use]
    pub fn of_the_documentation() -> Self {
        let page = std::fs::read_to_string(workspace().join("docs/s3control.md")).expect("the page can be read");
        let program = page.split_once("```python\n").and_then(|(_, rest)| rest.split_once("```"));
        let (program, _) = program.expect("the page shows a function");
        let mut process = Process::start(python_program("python").args(["-c", program, "0"]));
        let url = process.wait_for(|line| Some(format!("http://127.0.0.1:{}/", line.strip_prefix("port ")?.trim())));
        Self { url, _process: process }
    }

    /// What the configuration says of it, as the page has it.
    #[must_use]
    pub fn section(&self, account_id: &str) -> String {
        format!(
            "[accounts.main.functions.faces]\narn = \"arn:aws:lambda:us-east-1:{account_id}:function:faces\"\n\
             url = \"{}\"\nsecret = \"shared-secret\"\n",
            self.url
        )
    }
}
