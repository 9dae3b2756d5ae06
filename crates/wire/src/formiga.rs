//! The server's own service, `Formiga`.

use serde::{Deserialize, Serialize};

use crate::scalar;

/// Input of `AdvanceClock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AdvanceClockInput {
    /// How many seconds to move the clock ahead.
    #[serde(deserialize_with = "scalar::integer")]
    pub seconds: Option<i64>,
    /// How many milliseconds more.
    #[serde(deserialize_with = "scalar::integer")]
    pub milliseconds: Option<i64>,
}

/// Output of `AdvanceClock`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdvanceClockOutput {
    /// The server's time afterwards, in milliseconds since the epoch.
    pub now_milliseconds: i64,
}
