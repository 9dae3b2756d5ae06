//! The server's own AWS JSON service, `Formiga`.

use serde::{Deserialize, Serialize};

use crate::form::QueryForm;

/// Moves the server's clock ahead, by the sum of both members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AdvanceClockInput {
    /// How many seconds to move the clock ahead.
    pub seconds: Option<i64>,
    /// How many milliseconds more.
    pub milliseconds: Option<i64>,
}

impl QueryForm for AdvanceClockInput {}

/// What `AdvanceClock` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdvanceClockOutput {
    /// The server's time afterwards, in milliseconds since the epoch.
    pub now_milliseconds: i64,
}

impl QueryForm for AdvanceClockOutput {}
