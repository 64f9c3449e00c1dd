//! Collations: which there are ("Windows collation name", "SQL Server collation name"), and which compare here as on the
//! server.

use super::super::errors;
use emulator_ground::engine::Message;

/// What Windows collations are called after, besides Latin1_General.
const LANGUAGES: &str = "Albanian Arabic Assamese Azeri_Cyrillic Azeri_Latin Bashkir Bengali Bosnian_Cyrillic Bosnian_Latin Breton \
                         Chinese_Hong_Kong_Stroke Chinese_PRC Chinese_PRC_Stroke Chinese_Simplified_Pinyin \
                         Chinese_Simplified_Stroke_Order Chinese_Taiwan_Bopomofo Chinese_Taiwan_Stroke \
                         Chinese_Traditional_Bopomofo Chinese_Traditional_Pinyin Chinese_Traditional_Stroke_Count \
                         Chinese_Traditional_Stroke_Order Corsican Croatian Cyrillic_General Czech Danish_Greenlandic \
                         Danish_Norwegian Dari Divehi Estonian Finnish_Swedish French Frisian Georgian_Modern_Sort \
                         German_PhoneBook Greek Hebrew Hungarian Hungarian_Technical Icelandic Indic_General Japanese \
                         Japanese_Bushu_Kakusu Japanese_Unicode Japanese_XJIS Kazakh Khmer Korean Korean_Wansung Lao \
                         Latin1_General Latvian Lithuanian Macedonian_FYROM Maltese Maori Mapudungan Modern_Spanish Mohawk \
                         Nepali Norwegian Pashto Persian Polish Romanian Romansh Sami_Norway Sami_Sweden_Finland \
                         Serbian_Cyrillic Serbian_Latin Slovak Slovenian Syriac Tamazight Tatar Thai Tibetan \
                         Traditional_Spanish Turkish Turkmen Uighur Ukrainian Upper_Sorbian Urdu Uzbek_Latin Vietnamese \
                         Welsh Yakut";
/// And SQL collations, after SQL_, before their code page.
const SQL_LANGUAGES: &str = "1xCompat AltDiction AltDiction2 AltDiction_Pref Croatian Czech Danish_Pref EBCDIC037 EBCDIC273 EBCDIC277 \
                             EBCDIC278 EBCDIC280 EBCDIC284 EBCDIC285 EBCDIC297 Estonian Hungarian Icelandic_Pref Latin1_General \
                             Latin1_General_Pref Latvian Lithuanian MixDiction Polish Romanian Scandinavian Scandinavian_Pref Slovak \
                             Slovenian SwedishPhone_Pref SwedishStd_Pref Ukrainian";

/// SQLite's collation for one of the server's.
pub fn collation(name: &str) -> &'static str {
    let upper = name.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    match (has("_BIN"), has("_CS"), has("_AI")) {
        (true, _, _) => "BIN2",
        (false, true, true) => "CS_AI",
        (false, true, false) => "CS_AS",
        (false, false, true) => "CI_AI",
        (false, false, false) => "CI_AS",
    }
}

/// The name as the server writes it; `None` for the database's own.
///
/// # Errors
/// 448 for what is no collation; those of other languages and encodings are outside the subset.
pub fn collation_name(name: &str) -> Result<Option<String>, Message> {
    if ["database_default", "catalog_default"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Ok(None);
    }
    let unknown = || Message::new(448, 16, 1, format!("Invalid collation '{name}'."));
    let upper = name.to_ascii_uppercase();
    let (is_sql, rest) = upper.strip_prefix("SQL_").map_or((false, upper.as_str()), |rest| (true, rest));
    let languages = if is_sql { SQL_LANGUAGES } else { LANGUAGES };
    let of =
        |language: &&str| rest.strip_prefix(&language.to_ascii_uppercase()).is_some_and(|rest| rest.starts_with('_'));
    // The longest that fits: Latin1_General_Pref before Latin1_General.
    let language = languages.split_whitespace().filter(of).max_by_key(|language| language.len()).ok_or_else(unknown)?;
    let mut parts: Vec<&str> = rest[language.len() + 1..].split('_').collect();
    let first = parts.first().copied().unwrap_or_default();
    let page = if is_sql {
        first.strip_prefix("CP").is_some_and(|page| page.parse::<u16>().is_ok())
    } else {
        matches!(first, "90" | "100" | "140" | "160")
    };
    if page {
        parts.remove(0);
    } else if is_sql {
        return Err(unknown());
    }
    let sorts = match parts.as_slice() {
        ["BIN" | "BIN2"] => true,
        ["BIN2", "UTF8"] => !is_sql,
        ["CI" | "CS", "AI" | "AS", more @ ..] => {
            let order = ["KS", "WS", "VSS", "SC", "UTF8"];
            let places = more.iter().map(|part| order.iter().position(|known| known == part));
            let places: Option<Vec<usize>> = places.collect();
            places.is_some_and(|places| places.is_sorted_by(|a, b| a < b) && (!is_sql || places.is_empty()))
        }
        _ => false,
    };
    if !sorts {
        return Err(unknown());
    }
    let own = language == "Latin1_General" && if is_sql { first == "CP1" } else { !page || first == "100" };
    let plain = !parts.iter().any(|part| matches!(*part, "VSS" | "SC" | "UTF8"));
    let there = !is_sql || matches!(parts.as_slice(), ["CI", "AI" | "AS"] | ["CS", "AS"]);
    let binary = parts.first().is_some_and(|part| part.starts_with("BIN")) && !is_sql;
    if own && is_sql && !there {
        return Err(unknown());
    }
    if (own || binary) && plain {
        let (prefix, page) = (if is_sql { "SQL_" } else { "" }, if page { format!("_{first}") } else { String::new() });
        return Ok(Some(format!("{prefix}{language}{page}_{}", parts.join("_"))));
    }
    Err(errors::outside(&format!("the collation {name}")))
}

#[cfg(test)]
mod tests {
    use super::collation_name;

    #[test]
    fn collations_are_told_apart() {
        for (name, shown) in [
            ("database_default", Ok(None)),
            ("sql_latin1_general_cp1_ci_as", Ok(Some("SQL_Latin1_General_CP1_CI_AS"))),
            ("LATIN1_GENERAL_100_CS_AI_KS_WS", Ok(Some("Latin1_General_100_CS_AI_KS_WS"))),
            ("Latin1_General_BIN2", Ok(Some("Latin1_General_BIN2"))),
            ("Japanese_XJIS_140_BIN2", Ok(Some("Japanese_XJIS_140_BIN2"))),
            ("Latin1_General_100_CI_AS_SC_UTF8", Err(50900)),
            ("Latin1_General_100_BIN2_UTF8", Err(50900)),
            ("Turkish_100_CI_AS", Err(50900)),
            ("SQL_Latin1_General_Pref_CP850_CI_AS", Err(50900)),
            ("SQL_Latin1_General_CP1_CS_AI", Err(448)),
            ("Latin1_General_CI", Err(448)),
            ("Latin1_General_CI_AS_WS_KS", Err(448)),
            ("Latin1_General_101_CI_AS", Err(448)),
            ("Nonsense_CI_AS", Err(448)),
            ("", Err(448)),
        ] {
            let found = collation_name(name).map_err(|message| message.number);
            assert_eq!(found.as_ref().map(Option::as_deref), shown.as_ref().map(|it| *it), "{name}");
        }
    }
}
