//! When two names are one.

/// Whether two names are one under SQL_Latin1_General_CP1_CI_AS: case and trailing blanks do not count, accents do.
pub fn same_name(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.trim_end_matches(' ').eq_ignore_ascii_case(b.trim_end_matches(' '));
    }
    fold(a) == fold(b)
}

/// The form under which equal texts of a case-insensitive, accent-sensitive collation are equal. UNCONFIRMED: Windows'
/// collations take ß for ss.
pub fn fold(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.trim_end_matches(' ').nfc().flat_map(char::to_lowercase).collect::<String>().replace('ß', "ss")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_blanks_composition_and_sharp_s_do_not_tell_names_apart() {
        for (one, other, same) in [
            ("Fabric", "fabric ", true),
            ("caf\u{e9}", "CAFE\u{301}", true),
            ("stra\u{df}e", "STRASSE", true),
            ("r\u{e9}sum\u{e9}", "resume", false),
            ("a", " a", false),
        ] {
            assert_eq!(same_name(one, other), same, "{one} {other}");
        }
    }
}
