//! [`CanonicalRequest`]: the one text that stands for all ways to write a request.

use percent_encoding::percent_encode;

use super::head::{Headers, RequestHead};
use super::query::{ESCAPED, Query};

/// A request, and what of it is signed.
pub(super) struct CanonicalRequest<'a> {
    pub(super) head: &'a RequestHead<'a>,
    /// Stands for the `host` that was received, if there is one.
    pub(super) host: Option<&'a [u8]>,
    /// Separated by semicolons.
    pub(super) signed_headers: &'a str,
    pub(super) payload: &'a str,
}

impl CanonicalRequest<'_> {
    /// The text; `None` if a signed header is absent.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        let path = canonical_path(self.head.path());
        let query = Query::parse(self.head.query()).canonical();
        let mut text = format!("{}\n{path}\n{query}\n", self.head.method).into_bytes();
        let headers = Headers::of(self.head);
        for name in self.signed_headers.split(';') {
            text.extend_from_slice(name.as_bytes());
            text.push(b':');
            let lines: Vec<&[u8]> = match self.host {
                Some(host) if name == "host" => vec![host],
                _ => headers.lines(name).collect(),
            };
            if lines.is_empty() {
                return None;
            }
            for (index, line) in lines.into_iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write_value(&mut text, line);
            }
            text.push(b'\n');
        }
        text.push(b'\n');
        text.extend_from_slice(self.signed_headers.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(self.payload.as_bytes());
        Some(text)
    }
}

/// A header's value without blanks around it, and with one where several are inside.
fn write_value(text: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(word);
    }
}

/// A path without empty segments, `.` and `..`, and escaped once more than it came: its own percent
/// signs are escaped too. Only S3 does neither.
fn canonical_path(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    let mut canonical = String::with_capacity(path.len() + 1);
    for segment in &segments {
        canonical.push('/');
        canonical.extend(percent_encode(segment.as_bytes(), ESCAPED));
    }
    let ends_in_a_folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    if segments.is_empty() || ends_in_a_folder {
        canonical.push('/');
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for (path, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/../../a", "/a"),
            ("/a/b", "/a/b"),
            ("/a//b/", "/a/b/"),
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("/a/./x/../b", "/a/b"),
            ("/my%20q", "/my%2520q"),
            ("/a b*é~-_.q", "/a%20b%2A%C3%A9~-_.q"),
            ("/...", "/..."),
        ] {
            assert_eq!(canonical_path(path), canonical, "{path}");
        }
    }

    #[test]
    fn blanks_collapse_even_inside_of_quotes() {
        for (value, canonical) in [
            ("", ""),
            ("   ", ""),
            ("  a \t b  ", "a b"),
            ("\"a  b\"", "\"a b\""),
            ("a,  b", "a, b"),
            ("a\u{a0} é", "a\u{a0} é"),
        ] {
            let mut text = Vec::new();
            write_value(&mut text, value.as_bytes());
            assert_eq!(text, canonical.as_bytes(), "{value}");
        }
    }
}
