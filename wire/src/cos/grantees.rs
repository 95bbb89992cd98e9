//! The grantees of COS on stores of another kind, which know no uins.

use std::collections::BTreeMap;

use brigade_model::ports::{Grantees, UnknownGrantee};

/// Looks names of COS up by their uin; takes other names for the store's own ids.
#[derive(Debug, Clone, Default)]
pub struct GranteesByUin(pub BTreeMap<String, String>);

impl Grantees for GranteesByUin {
    fn resolve<'a>(&'a self, written: &'a str) -> Result<&'a str, UnknownGrantee> {
        if !written.starts_with("qcs:") {
            return Ok(written);
        }
        uin_of(written).and_then(|uin| self.0.get(uin)).map(String::as_str).ok_or_else(|| unknown(written))
    }
}

fn unknown(grantee: &str) -> UnknownGrantee {
    UnknownGrantee(format!(
        "{grantee:?} is a name of Tencent COS, which this endpoint does not know: give the endpoint's own id of that \
         uin in [accounts.<name>.grantees], or name the grantee by that id"
    ))
}

/// The uin of a grantee `qcs::cam::uin/<owner>:uin/<uin>`: the account's own where both are one.
fn uin_of(grantee: &str) -> Option<&str> {
    let (owner, uin) = grantee.strip_prefix("qcs::cam::uin/")?.split_once(":uin/")?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(owner) && is_number(uin)).then_some(uin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grantee_of_cos_is_the_id_that_its_uin_is_mapped_to_and_any_other_is_an_id() {
        let grantees = GranteesByUin(BTreeMap::from([("100000000002".to_owned(), "5c8b".to_owned())]));
        assert_eq!(grantees.resolve("qcs::cam::uin/100000000001:uin/100000000002"), Ok("5c8b"));
        assert_eq!(grantees.resolve("79a59df900b949e5"), Ok("79a59df900b949e5"));
        for unknown in
            ["qcs::cam::uin/100000000002:uin/100000000001", "qcs::cam::anyone:anyone", "qcs::cam::uin/1:uin/"]
        {
            assert!(grantees.resolve(unknown).unwrap_err().to_string().contains("[accounts.<name>.grantees]"));
        }
    }
}
