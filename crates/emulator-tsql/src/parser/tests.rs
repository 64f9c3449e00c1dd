use super::super::parse_batch;
use crate::ast::Statement;
use crate::corpus::{corpus, is_outside};

fn verdict(sql: &str) -> Result<Vec<Statement>, super::SyntaxError> {
    let parse = || parse_batch(sql, false);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(super::STACK).spawn_scoped(scope, parse);
        thread.expect("a thread").join().expect("no panic")
    })
}

#[test]
fn statements_need_no_semicolons() {
    for (sql, count) in [
        ("SELECT 1 SELECT 2", 2),
        (
            "set ansi_nulls on\nset datefirst 7\nset language us_english\nset transaction isolation level read committed",
            4,
        ),
        ("set implicit_transactions off IF @@TRANCOUNT > 0 COMMIT TRAN ", 2),
        ("SET ARITHABORT ON;SET TEXTSIZE 2147483647;;", 2),
        ("IF 1 = 1 SELECT 1; ELSE SELECT 2", 1),
        ("BEGIN TRY SELECT 1 END TRY BEGIN CATCH THROW END CATCH", 1),
        ("sp_who", 1),
        ("", 0),
    ] {
        assert_eq!(verdict(sql).map(|s| s.len()), Ok(count), "{sql}");
    }
}

#[test]
fn errors_name_the_place() {
    for (sql, number, text) in [
        ("CREATE LOGIN x WITH", 156, "Incorrect syntax near the keyword 'WITH'."),
        ("SELECT 1 SELEC 1", 102, "Incorrect syntax near '1'."),
        ("SELECT 1 +", 102, "Incorrect syntax near '+'."),
        ("SELECT * FROM [a b] ]", 102, "Incorrect syntax near ']'."),
        ("SELECT 'x", 105, "Unclosed quotation mark after the character string 'x'."),
        ("/* x", 113, "Missing end comment mark '*/'."),
    ] {
        let error = verdict(sql).expect_err(sql);
        assert_eq!((error.number, error.text.as_str()), (number, text), "{sql}");
    }
    let long = format!("SELECT 1 AS [{}]", "a".repeat(129));
    assert_eq!(verdict(&long).expect_err("too long").number, 103);
}

#[test]
fn deep_and_long_texts_are_refused_not_fatal() {
    let parentheses = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(verdict(&parentheses).expect_err("deep").number, 191);
    let sum = format!("SELECT 1{}", "+1".repeat(5000));
    assert_eq!(verdict(&sum).expect_err("long").number, 191);
    let blocks = format!("{} SELECT 1", "IF 1 = 1 ".repeat(5000));
    assert_eq!(verdict(&blocks).expect_err("deep").number, 191);
    assert_eq!(verdict(&"NOT ".repeat(9000)).expect_err("no statement").number, 156);
}

/// What Microsoft's parser refuses is refused: by our grammar, or because it is outside the subset.
#[test]
fn refused_texts_are_refused() {
    let Some(rows) = corpus("refused.jsonl") else { return };
    let taken: Vec<String> = rows
        .iter()
        .filter(|row| verdict(row["sql"].as_str().unwrap_or_default()).is_ok_and(|s| !s.is_empty() && !is_outside(&s)))
        .map(|row| format!("{} {}", row["error"], row["sql"]))
        .collect();
    assert!(taken.is_empty(), "{} of {} taken: {:#?}", taken.len(), rows.len(), taken);
}

/// Of 4,106 texts none is answered with a syntax error.
#[test]
fn accepted_texts_are_not_syntax_errors() {
    let Some(rows) = corpus("accepted.jsonl") else { return };
    let refused: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let error = verdict(row["sql"].as_str().unwrap_or_default()).err()?;
            Some(format!("{}: {} – {}", row["kind"].as_str().unwrap_or_default(), row["sql"], error.text))
        })
        .collect();
    assert!(refused.is_empty(), "{} of {}: {:#?}", refused.len(), rows.len(), &refused[..refused.len().min(60)]);
}
