//! Patterns with `*` and `?`.

use std::collections::BTreeMap;

/// One character of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// This character.
    Char(char),
    /// `?`: exactly one character.
    One,
    /// `*`: any run of characters.
    Run,
    /// `*` inside of a segment of an ARN: any run without a colon.
    RunInSegment,
}

impl Token {
    pub(crate) fn of_pattern(c: char) -> Token {
        match c {
            '*' => Token::Run,
            '?' => Token::One,
            c => Token::Char(c),
        }
    }
}

/// Whether `text` is what the pattern describes, all of it.
///
/// All states of the pattern advance together, 64 in a step, and there is nothing to go back to: no
/// pattern takes longer than its length times the text's, divided by 64.
pub(crate) fn matches(pattern: &[Token], text: &str) -> bool {
    let matcher = Matcher::of(pattern);
    // Every character of the pattern but `*` takes one of the text.
    if matcher.states - 1 > text.len() {
        return false;
    }
    let mut active = Bits::new(matcher.states);
    active.set(0);
    for c in text.chars() {
        active = matcher.step(&active, c);
    }
    active.has(matcher.states - 1)
}

/// State n is reached when n characters of the pattern, not counting `*`, are matched.
struct Matcher {
    states: usize,
    /// The states that a character leads on from.
    leads: BTreeMap<char, Bits>,
    /// Those that every character leads on from.
    always: Bits,
    /// Those that any character, or any but a colon, leaves as they are.
    runs: Bits,
    runs_in_segment: Bits,
}

impl Matcher {
    fn of(pattern: &[Token]) -> Matcher {
        let is_run = |token: &&Token| matches!(token, Token::Run | Token::RunInSegment);
        let states = pattern.len() - pattern.iter().filter(is_run).count() + 1;
        let new = || Bits::new(states);
        let mut matcher = Matcher {
            states,
            leads: BTreeMap::new(),
            always: new(),
            runs: new(),
            runs_in_segment: new(),
        };
        let mut state = 0;
        for token in pattern {
            match token {
                Token::Char(c) => matcher.leads.entry(*c).or_insert_with(new).set(state),
                Token::One => matcher.always.set(state),
                Token::Run => matcher.runs.set(state),
                Token::RunInSegment => matcher.runs_in_segment.set(state),
            }
            state += usize::from(!is_run(&token));
        }
        matcher
    }

    fn step(&self, active: &Bits, c: char) -> Bits {
        let lead = self.leads.get(&c);
        let mut next = Bits::new(self.states);
        let mut carried = 0;
        for (word, active) in active.0.iter().enumerate() {
            let leads = self.always.0[word] | lead.map_or(0, |lead| lead.0[word]);
            let in_segment = if c == ':' { 0 } else { self.runs_in_segment.0[word] };
            let moved = active & leads;
            let stayed = active & (self.runs.0[word] | in_segment);
            next.0[word] = moved << 1 | carried | stayed;
            carried = moved >> 63;
        }
        next
    }
}

/// A set of states.
struct Bits(Vec<u64>);

impl Bits {
    fn new(states: usize) -> Bits {
        Bits(vec![0; states.div_ceil(64)])
    }

    fn set(&mut self, state: usize) {
        self.0[state / 64] |= 1 << (state % 64);
    }

    fn has(&self, state: usize) -> bool {
        self.0[state / 64] >> (state % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn glob(pattern: &str, text: &str) -> bool {
        matches(&pattern.chars().map(Token::of_pattern).collect::<Vec<_>>(), text)
    }

    #[test]
    fn a_star_is_any_run_and_a_question_mark_one_character() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("*", "", true),
            ("***", "abc", true),
            ("?", "é", true),
            ("?", "", false),
            ("??", "é", false),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("a*b*c", "aXbXbXc", true),
            ("a?c", "a\u{1F41C}c", true),
            ("A", "a", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn long_patterns_cross_words() {
        for length in [62, 63, 64, 65, 127, 128, 129, 500] {
            let text = "a".repeat(length);
            assert!(glob(&text, &text) && glob(&"?".repeat(length), &text));
            assert!(!glob(&text, &text[1..]) && !glob(&text[1..], &text));
            assert!(glob(&format!("*{text}*"), &format!("b{text}b")));
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let text = "a".repeat(8192);
        for pattern in
            ["*a".repeat(4096) + "b", "*".to_owned() + &"a".repeat(4095) + "b", "?*".repeat(4096)]
        {
            glob(&pattern, &text);
        }
    }

    /// The same by trying everything.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
            (['?', rest @ ..], [_, behind @ ..]) => naive(rest, behind),
            ([c, rest @ ..], [d, behind @ ..]) => c == d && naive(rest, behind),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_way_to_match_is_found(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(glob(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }
    }
}
