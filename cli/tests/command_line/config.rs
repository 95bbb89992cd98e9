//! What `brigade config` says of a configuration.

use std::os::unix::fs::PermissionsExt;

use crate::kept::{brigade, told};

/// A configuration of a release whose accounts had no sections for their dialects.
const IN_OLD_FORM: &str = r#"[endpoints.main]
url = "http://127.0.0.1:1"
access_key = "A"
secret_key = "s"
[accounts.main]
appid = "1250000000"
uin = "1"
[accounts.main.keys.AKID]
secret = "s"
"#;

#[test]
fn a_check_warns_of_a_setting_in_its_old_form_and_finds_the_configuration_sound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brigade.toml");
    std::fs::write(&file, IN_OLD_FORM).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut check = brigade(&["config", "check", "--config", "brigade.toml"]);
    let (out, err, code) = told(&check.current_dir(folder.path()).output().unwrap());
    assert_eq!((out.as_str(), code), ("brigade.toml is sound: endpoints 1, accounts 1\n", Some(0)));
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    assert!(
        lines[0]
            .starts_with("warning: brigade.toml:6: accounts.main.appid: is the old name of accounts.main.cos.appid")
    );
    assert!(
        lines[1].starts_with("warning: brigade.toml:7: accounts.main.uin: is the old name of accounts.main.cos.uin")
    );
}
