use super::*;

#[test]
fn an_agent_is_asked_in_plain_http_only_where_no_network_lies_between() {
    for host in ["localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"] {
        assert!(is_on_this_machine(host), "{host}");
    }
    for host in ["10.0.0.1", "agent.example.com", "[fd00::1]", "8.8.8.8", "localhost.example.com"] {
        assert!(!is_on_this_machine(host), "{host}");
    }
}

#[test]
fn a_message_is_one_short_line_with_every_cause_once() {
    let cause = Error::unexpected("refused\nby\tall");
    let error = Error::unexpected("cannot ask").with_source(cause);
    let NoCredentials(text) = tell(&error, Some("http://sts: no answer".into()));
    assert_eq!(text, "cannot ask: refused by all: http://sts: no answer");
    let NoCredentials(long) = tell(&Error::unexpected("é".repeat(MESSAGE_BYTES_MAX)), None);
    assert_eq!(long.len(), MESSAGE_BYTES_MAX);
}

#[test]
fn variables_are_never_shown() {
    let variables = Variables(Arc::new([("AWS_SECRET_ACCESS_KEY".to_owned(), "hidden".to_owned())].into()));
    let context = Context::new().with_env(variables);
    assert_eq!(context.env_var("AWS_SECRET_ACCESS_KEY").as_deref(), Some("hidden"));
    assert!(!format!("{context:?}").contains("hidden"));
}
