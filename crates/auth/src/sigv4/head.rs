//! [`RequestHead`]: a request but for its body.

use std::borrow::Cow;

use super::error;
use super::error::SignatureError;

/// A request as it arrived, but for its body. Nothing in it may be decoded, normalized or sorted: a
/// signature is made of what was sent.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method, in the letters it was sent in.
    pub method: &'a str,
    /// The request target: path and query, or a whole URL.
    pub target: &'a str,
    /// Each line of the header in the order of arrival. For HTTP/2, `:authority` stands here as
    /// `host`.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// What the client may have called this server, apart from the `host` in the header: names that
    /// a trusted proxy passes on, or the server's configured name. The first three are tried.
    pub other_hosts: &'a [&'a [u8]],
}

impl<'a> RequestHead<'a> {
    /// The path, whether the target is one or a whole URL.
    pub(super) fn path(&self) -> &'a str {
        let target = self.target.split_once('?').map_or(self.target, |(path, _)| path);
        match target.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => {
                rest.find('/').map_or("/", |start| &rest[start..])
            }
            _ => target,
        }
    }

    /// What stands behind the first question mark.
    pub(super) fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

fn is_scheme(text: &str) -> bool {
    text.eq_ignore_ascii_case("http") || text.eq_ignore_ascii_case("https")
}

/// The lines of a header by name, and by arrival within a name.
pub(super) struct Headers<'a>(Vec<(Cow<'a, str>, &'a [u8])>);

impl<'a> Headers<'a> {
    pub(super) fn of(head: &RequestHead<'a>) -> Headers<'a> {
        let lines = head.headers.iter().map(|(name, value)| (lower_case(name), *value));
        let mut lines: Vec<_> = lines.collect();
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        Headers(lines)
    }

    /// The values of all lines with this name, in the order of arrival.
    pub(super) fn lines(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let start = self.0.partition_point(|(line, _)| line.as_ref() < name);
        self.0[start..].iter().take_while(move |(line, _)| line == name).map(|(_, value)| *value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.lines(name).next().is_some()
    }

    /// The value of the only line with this name, without blanks around it; none if it is absent. A
    /// second line is refused, and so is what is not visible ASCII.
    pub(super) fn only(&self, name: &str) -> Result<Option<&'a str>, SignatureError> {
        let Some(value) = self.only_line(name)? else { return Ok(None) };
        let is_text = value.iter().all(|byte| matches!(byte, b' ' | b'\t' | 0x21..=0x7E));
        let text = std::str::from_utf8(value).ok().filter(|_| is_text);
        let text = text.map(|text| text.trim_matches([' ', '\t']));
        text.map(Some).ok_or(SignatureError::SignatureDoesNotMatch)
    }

    pub(super) fn only_line(&self, name: &str) -> Result<Option<&'a [u8]>, SignatureError> {
        let mut lines = self.lines(name);
        match (lines.next(), lines.next()) {
            (line, None) => Ok(line),
            _ => Err(error::repeated("header", name)),
        }
    }
}

/// HTTP/2 sends names in lower case, and HTTP libraries keep them so.
fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_or_a_url() {
        for (target, path, query) in [
            ("/a/b?c=d?e", "/a/b", "c=d?e"),
            ("/", "/", ""),
            ("", "", ""),
            ("http://host:1/a?b", "/a", "b"),
            ("HTTPS://host?b", "/", "b"),
            ("/http://host/a", "/http://host/a", ""),
        ] {
            let head = RequestHead { method: "GET", target, headers: &[], other_hosts: &[] };
            assert_eq!((head.path(), head.query()), (path, query), "{target}");
        }
    }
}
