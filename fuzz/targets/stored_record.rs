//! Any bytes as what the store keeps: damaged or of a newer version, but never a panic.

#![no_main]

use formiga_fuzz::fuzz_target;
use formiga_store::fuzzing::read_stored;

fuzz_target!(|data: &[u8]| {
    if let Some((kind, bytes)) = data.split_first() {
        read_stored(*kind, bytes);
    }
});
