//! Any text as a queue URL. What it names is named by the URL that is written for it, too.

#![no_main]

use formiga_engine::names::{AccountId, Region};
use formiga_engine::queue_url;
use formiga_fuzz::fuzz_target;

fuzz_target!(|url: &str| {
    let region = Region::parse("eu-west-1").expect("it is one");
    let account = AccountId::parse("111111111111").expect("it is one");
    let Some(key) = queue_url::parse(url, account, &region) else { return };
    let written = queue_url::write("http://127.0.0.1:9324", &key);
    let read = queue_url::parse(&written, AccountId::DEFAULT, &key.region);
    assert_eq!(read.as_ref(), Some(&key), "{written}");
    // Who asks from elsewhere reaches the same queue of the same account, or an own one.
    let elsewhere = queue_url::parse(url, AccountId::DEFAULT, &region).expect("it still names one");
    assert_eq!(elsewhere.name, key.name);
    assert!(elsewhere.account == key.account || key.account == account);
});
