use std::io;

use crate::client::{Answer, ClientError};

/// How many bytes of an unexpected answer an error shows.
const SHOWN_BYTES: usize = 200;

/// Why a run ended without a report.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The arguments ask for what SQS does not allow.
    #[error("{0}")]
    Setting(String),

    /// No connection, or one that broke.
    #[error("{0}")]
    Client(#[from] ClientError),

    /// The server answered, but not what SQS answers.
    #[error("{action} was answered {status} with {start:?}: {reason}")]
    WrongAnswer {
        /// The action that was called.
        action: &'static str,
        /// The HTTP status of the answer.
        status: u16,
        /// What is wrong with it.
        reason: &'static str,
        /// The first bytes of the answer's body.
        start: String,
    },

    /// A request was still unanswered long after the run's end.
    #[error("the server left requests unanswered for {0} seconds after the end of the run")]
    Stalled(u64),

    /// The server's process could not be observed.
    #[error("cannot read the usage of process {pid}: {source}")]
    Process {
        /// The process, as given with `--server-pid`.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },

    /// The tool could not start its own runtime.
    #[error("cannot start the load: {0}")]
    Runtime(io::Error),
}

impl BenchError {
    pub(crate) fn wrong_answer(
        action: &'static str,
        answer: &Answer<'_>,
        reason: &'static str,
    ) -> BenchError {
        let shown = &answer.body[..answer.body.len().min(SHOWN_BYTES)];
        BenchError::WrongAnswer {
            action,
            status: answer.status,
            reason,
            start: String::from_utf8_lossy(shown).into_owned(),
        }
    }
}
