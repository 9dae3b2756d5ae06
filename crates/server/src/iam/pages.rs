//! [`Page`]: what the actions that list have in common.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use formiga_wire::error::ErrorKind;

use super::checks::Checks;
use crate::error::ApiError;

/// A page of a list, as it was asked for.
pub(super) struct Page {
    /// The last one of the page before.
    pub(super) after: String,
    limit: usize,
}

/// "If you do not include this parameter, the number of items defaults to 100."
const ITEMS: i64 = 100;

impl Page {
    /// Reads the parameters, which the checks have seen.
    pub(super) fn parse(marker: Option<&str>, max_items: Option<i64>) -> Result<Page, ApiError> {
        let after = marker.map_or(Some(String::new()), |marker| {
            URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        });
        let invalid = || ApiError::new(ErrorKind::ValidationError, "Invalid Marker.");
        let limit = usize::try_from(max_items.unwrap_or(ITEMS)).unwrap_or(1);
        Ok(Page { after: after.ok_or_else(invalid)?, limit })
    }

    /// The page of what comes after the last one, and where the next begins. Each is remembered by
    /// its name.
    pub(super) fn cut<T>(
        &self,
        following: impl Iterator<Item = T>,
        name: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        let mut found: Vec<T> = following.take(self.limit + 1).collect();
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let last = found.last().filter(|_| more);
        let marker = last.map(|last| URL_SAFE_NO_PAD.encode(name(last)));
        (found, marker)
    }
}

/// Checks the parameters of a list of what somebody has.
pub(super) fn check(
    of: (&str, Option<&str>, super::checks::Rule),
    is_required: bool,
    marker: Option<&str>,
    max_items: Option<i64>,
) -> Result<(), ApiError> {
    let mut checks = Checks::default();
    let (member, name, rule) = of;
    if is_required {
        checks.required(member, name, rule);
    } else {
        checks.optional(member, name, rule);
    }
    checks.page(marker, max_items);
    checks.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let all = ["a", "b", "c", "d", "e"];
        let mut seen: Vec<&str> = Vec::new();
        let mut marker = None;
        loop {
            let page = Page::parse(marker.as_deref(), Some(2)).unwrap();
            let following = all.iter().filter(|name| **name > page.after.as_str());
            let (found, next) = page.cut(following, |name| **name);
            seen.extend(found.into_iter().copied());
            marker = next;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        assert!(Page::parse(Some("no marker!"), None).is_err());
    }
}
