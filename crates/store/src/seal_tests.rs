use formiga_engine::message::{AttributeValue, MessageAttribute, MessageAttributes};

use super::*;
use crate::master_key::MasterKey;

fn master(current: u8, older: &[u8]) -> MasterKeys {
    let key = |byte| MasterKey::new(Zeroizing::new([byte; 32]));
    MasterKeys::new(key(current), older.iter().map(|byte| key(*byte)).collect())
}

fn keys() -> StoreKeys {
    StoreKeys::first(Zeroizing::new([1; 32]), &master(1, &[]), [0; 12])
}

fn content() -> MessageContent {
    let attribute = MessageAttribute {
        name: "tenant-name".to_owned(),
        data_type: "String".to_owned(),
        value: AttributeValue::Text("attribute-value".to_owned()),
    };
    MessageContent {
        message_id: [7; 16],
        body: "the body of the message".to_owned(),
        body_md5: [8; 16],
        attributes: MessageAttributes::from_checked(vec![attribute]),
        trace_header: Some("trace-header".to_owned()),
        group_id: Some("group-id".to_owned()),
        deduplication_id: Some("deduplication-id".to_owned()),
        sender_id: "sender-id".to_owned(),
    }
}

fn sealed(key: &DataKey) -> SealedContent {
    SealedContent::parse(key.seal(BodyId(5), &content(), [9; 12])).unwrap()
}

#[test]
fn a_content_opens_under_its_key_and_as_its_body_only() {
    let keys = keys();
    for key in [keys.new_data_key([3; 16]), DataKey::wrapped(&[4; 32], Arc::from(*b"wrapped"))] {
        let sealed = sealed(&key);
        assert_eq!(sealed.key(), &key.name);
        assert_eq!(key.open(BodyId(5), &sealed), Ok(content()));
        assert!(key.open(BodyId(6), &sealed).is_err(), "it was put in another's place");
        assert!(keys.new_data_key([2; 16]).open(BodyId(5), &sealed).is_err());
    }
}

#[test]
fn nothing_of_a_content_can_be_read_without_its_key() {
    let bytes = keys().new_data_key([3; 16]).seal(BodyId(5), &content(), [9; 12]);
    let plain = ["body", "tenant", "attribute", "trace", "group", "deduplication", "sender"];
    let texts = plain.iter().map(|text| text.as_bytes()).chain([&[7; 16][..], &[8; 16][..]]);
    for text in texts {
        assert!(!bytes.windows(text.len()).any(|part| part == text), "{text:?}");
    }
}

#[test]
fn no_changed_bit_and_no_cut_of_a_content_goes_unnoticed() {
    let keys = keys();
    let open = |bytes: Vec<u8>| {
        let sealed = SealedContent::parse(bytes).ok()?;
        let DataKeyName::Derived { store_key, salt } = *sealed.key() else { return None };
        keys.data_key(store_key, salt)?.open(BodyId(5), &sealed).ok()
    };
    let bytes = keys.new_data_key([3; 16]).seal(BodyId(5), &content(), [9; 12]);
    assert!(open(bytes.clone()).is_some());
    for place in 0..bytes.len() {
        assert!(open(bytes[..place].to_vec()).is_none(), "cut at {place}");
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            assert!(open(changed).is_none(), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn store_keys_are_kept_sealed_and_open_under_their_master_key_only() {
    let kept = keys().encode();
    assert!(!kept.windows(32).any(|part| part == [1; 32]));
    let sealed = sealed(&keys().new_data_key([3; 16]));
    let again = StoreKeys::decode(&kept, &master(1, &[])).unwrap();
    assert_eq!(again.data_key(1, [3; 16]).unwrap().open(BodyId(5), &sealed), Ok(content()));
    assert!(matches!(StoreKeys::decode(&kept, &master(2, &[])), Err(UnsealError::UnknownKey(_))));
    for cut in 0..kept.len() {
        assert!(StoreKeys::decode(&kept[..cut], &master(1, &[])).is_err(), "cut at {cut}");
    }
}

#[test]
fn the_next_master_key_opens_what_was_and_seals_what_comes_under_a_new_store_key() {
    let mut keys = keys();
    let before = sealed(&keys.new_data_key([3; 16]));
    let purpose = keys.derive("purpose");
    let nonce = || [6; 12];
    let rotated = keys.rotate(Zeroizing::new([2; 32]), &master(2, &[1]), nonce);
    assert_eq!(rotated, Ok(true));
    let again = StoreKeys::decode(&keys.encode(), &master(2, &[])).unwrap();
    assert_eq!(again.data_key(1, [3; 16]).unwrap().open(BodyId(5), &before), Ok(content()));
    assert_eq!(
        again.new_data_key([3; 16]).name.clone(),
        DataKeyName::Derived { store_key: 2, salt: [3; 16] }
    );
    assert_eq!(again.derive("purpose"), purpose);
    let rotated = keys.rotate(Zeroizing::new([3; 32]), &master(2, &[1]), nonce);
    assert_eq!(rotated, Ok(false), "everything is under the current key");
}
