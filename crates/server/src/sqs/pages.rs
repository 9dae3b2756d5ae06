//! What the actions that list queues have in common: the size of a page, and where the next begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use formiga_engine::limits::LIST_QUEUES_RESULTS_MAX;
use formiga_wire::error::ErrorKind;

use crate::error::{self, ApiError};

/// A page of a list of queues, as it was asked for.
pub(super) struct Page {
    /// What the list is of. A token is valid only with the same.
    of: String,
    /// How many queues to list at most.
    limit: usize,
    /// Without `MaxResults` there are up to 1,000 queues and never a token, as on AWS.
    has_token: bool,
    /// The last queue of the page before.
    pub(super) after: Option<String>,
}

impl Page {
    pub(super) fn parse(
        of: String,
        max_results: Option<i64>,
        next_token: Option<&str>,
    ) -> Result<Page, ApiError> {
        let limit = max_results.map_or(Ok(LIST_QUEUES_RESULTS_MAX), parse_max_results)?;
        let after = next_token.map(|token| parse_token(token, &of)).transpose()?;
        Ok(Page { of, limit, has_token: max_results.is_some(), after })
    }

    /// How many queues to look for: one more than asked for tells whether there are more.
    pub(super) fn lookahead(&self) -> usize {
        self.limit + 1
    }

    /// Takes the queues of the page from what was found, and tells the token of the next page. A
    /// queue is remembered by its `name`.
    pub(super) fn cut<Q>(&self, found: &mut Vec<Q>, name: impl Fn(&Q) -> &str) -> Option<String> {
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let last = found.last().filter(|_| more && self.has_token)?;
        Some(URL_SAFE_NO_PAD.encode(format!("{}\n{}", self.of, name(last))))
    }
}

fn parse_max_results(max_results: i64) -> Result<usize, ApiError> {
    usize::try_from(max_results)
        .ok()
        .filter(|limit| (1..=LIST_QUEUES_RESULTS_MAX).contains(limit))
        .ok_or_else(|| {
            let reason = "MaxResults must be an integer between 1 and 1000.";
            error::invalid("MaxResults", max_results, reason)
        })
}

fn parse_token(token: &str, of: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let last = text.as_deref().and_then(|text| text.rsplit_once('\n'));
    match last {
        Some((of_token, last)) if of_token == of => Ok(last.to_owned()),
        _ => Err(ApiError::new(ErrorKind::InvalidParameterValue, "Invalid or expired next token.")),
    }
}
