//! [`Context`]: what conditions may ask about a request.

use std::collections::BTreeMap;

use crate::caller::Caller;
use crate::time::Timestamp;

/// The account that owns what a request is about.
pub(super) const RESOURCE_ACCOUNT: &str = "aws:resourceaccount";

/// The condition keys of a request and their values. A key that is not known is left out; it must
/// never be empty instead. Names of keys have no case.
///
/// What depends on the caller (`aws:PrincipalArn`, `aws:userid`, `aws:SourceArn` and so on) and
/// `aws:ResourceAccount` are not set here: nobody can claim to be somebody else.
#[derive(Clone, Debug, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// A context without any key.
    pub fn new() -> Context {
        Context::default()
    }

    /// Sets `aws:CurrentTime` and `aws:EpochTime`.
    pub fn set_time(&mut self, now: Timestamp) {
        self.set("aws:CurrentTime", &now.to_string());
        self.set("aws:EpochTime", &now.as_secs().to_string());
    }

    /// Gives `key` one value, in place of those it had.
    pub fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_lowercase(), vec![value.to_owned()]);
    }

    /// Gives `key` one more value, such as for `aws:TagKeys`, or for tags whose keys differ only in
    /// case.
    pub fn add(&mut self, key: &str, value: &str) {
        self.0.entry(key.to_lowercase()).or_default().push(value.to_owned());
    }

    /// Whether `key` is one that a request may have a value for here: not one that the caller or the
    /// resource decides.
    pub fn is_settable(key: &str) -> bool {
        let key = key.to_lowercase();
        !Caller::decides(&key) && key != RESOURCE_ACCOUNT
    }

    /// All keys, in lower case, and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// The values of a key, given in lower case.
    pub(super) fn get(&self, key: &str) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}
