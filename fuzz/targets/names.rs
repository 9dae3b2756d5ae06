//! Any text as a name, an account, a region, an ARN, a policy about redriving, and a tag.

#![no_main]

use formiga_engine::names::{AccountId, QueueKey, QueueName, Region};
use formiga_engine::redrive::{RedriveAllowPolicy, RedrivePolicy};
use formiga_engine::tags;
use formiga_fuzz::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = QueueName::parse(text) {
        assert_eq!(name.as_str(), text);
        let key = QueueKey {
            account: AccountId::DEFAULT,
            region: Region::parse("eu-west-1").expect("it is one"),
            name,
        };
        assert!(QueueKey::parse_arn(&key.arn().to_string()).is_ok_and(|read| read == key));
    }
    if let Ok(account) = AccountId::parse(text) {
        assert_eq!(account.as_str(), text);
    }
    if let Ok(region) = Region::parse(text) {
        assert_eq!(region.as_str(), text);
    }
    if let Ok(key) = QueueKey::parse_arn(text) {
        // Other partitions than AWS's own are read as that one.
        assert!(QueueKey::parse_arn(&key.arn().to_string()).is_ok_and(|read| read == key));
    }
    let _ = RedrivePolicy::parse(text);
    if let Ok(policy) = RedriveAllowPolicy::parse(text) {
        let _ = policy.allows(text);
    }
    let _ = tags::check_key(text);
});
