//! Texts that SQS takes.

use proptest::collection::vec;
use proptest::prelude::*;

/// The characters SQS takes in bodies.
pub(crate) fn legal_text() -> impl Strategy<Value = String> {
    let legal = prop_oneof![
        prop_oneof![Just('\t'), Just('\n'), Just('\r'), Just('"'), Just('\\')],
        proptest::char::range(' ', '\u{d7ff}'),
        proptest::char::range('\u{e000}', '\u{fffd}'),
        proptest::char::range('\u{10000}', char::MAX),
    ];
    vec(legal, 0..200).prop_map(String::from_iter)
}
