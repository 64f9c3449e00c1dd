//! Finding one thing of Fabric by its id or its name. A name that several things have is refused: which one is meant,
//! nobody but the reader knows.

use std::fmt::Display;

use tfplugin::{AttributePath, Diagnostic};

use crate::error::{Error, Result};

/// What is looked for.
pub enum Wanted<I> {
    Id(I),
    Name(String),
}

/// The one that is wanted, of all that can be seen. A name is compared as it is written; where nothing has it so, in any
/// case.
///
/// # Errors
/// There is none, with what is there; or there are several, with the ids of all.
pub fn one<T, I: Display + PartialEq>(
    what: &str,
    all: Vec<T>,
    wanted: &Wanted<I>,
    id: impl Fn(&T) -> I,
    name: impl Fn(&T) -> Option<&str>,
) -> Result<T> {
    let is_exact = |it: &T| match wanted {
        Wanted::Id(wanted) => id(it) == *wanted,
        Wanted::Name(wanted) => name(it) == Some(wanted),
    };
    let is_alike = |it: &T| match wanted {
        Wanted::Id(_) => false,
        Wanted::Name(wanted) => name(it).is_some_and(|name| name.to_lowercase() == wanted.to_lowercase()),
    };
    let line = |it: &T| format!("- {} ({})", name(it).unwrap_or("without a name"), id(it));
    let mut found: Vec<usize> = (0..all.len()).filter(|place| is_exact(&all[*place])).collect();
    if found.is_empty() {
        found = (0..all.len()).filter(|place| is_alike(&all[*place])).collect();
    }
    match found[..] {
        [place] => Ok(all.into_iter().nth(place).expect("a place of the list")),
        [] => Err(none(what, wanted, all.iter().map(line))),
        _ => {
            let lines: Vec<String> = found.iter().map(|place| line(&all[*place])).collect();
            Err(Diagnostic::error(
                format!("Several {what}s have this name"),
                format!("Give the `id` of the one that is meant instead:\n{}", lines.join("\n")),
            )
            .at(AttributePath::of(&["display_name"]))
            .into())
        }
    }
}

/// Lines of an error before the rest is only counted.
const SHOWN: usize = 10;

fn none<I: Display>(what: &str, wanted: &Wanted<I>, lines: impl Iterator<Item = String>) -> Error {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    let visible = if lines.is_empty() {
        "It sees none at all.".to_owned()
    } else {
        format!("It sees these:\n{}", lines.join("\n"))
    };
    let (attribute, wanted) = match wanted {
        Wanted::Id(id) => ("id", format!("with the id {id}")),
        Wanted::Name(name) => ("display_name", format!("called `{name}`")),
    };
    Diagnostic::error(
        format!("There is no such {what}, or it is not visible"),
        format!(
            "The provider's identity sees no {what} {wanted}. {visible}\n\nWhat somebody else made is visible once its owner has \
             given the provider's identity a role on it."
        ),
    )
    .at(AttributePath::of(&[attribute]))
    .into()
}

#[cfg(test)]
mod tests {
    use tfplugin::HandlerError;

    use super::*;

    fn find(wanted: Wanted<u8>) -> Result<u8, String> {
        let all = vec![(1, "Sales"), (2, "sales"), (3, "Stock"), (4, "Both"), (5, "Both")];
        one("gateway", all, &wanted, |it| it.0, |it| Some(it.1)).map(|it| it.0).map_err(|error| {
            let said = error.diagnose(&[]);
            format!("{} {}", said.0[0].summary, said.0[0].detail)
        })
    }

    #[test]
    fn the_exact_name_goes_first_and_several_are_none() {
        let name = |name: &str| find(Wanted::Name(name.to_owned()));
        assert_eq!(find(Wanted::Id(3)), Ok(3));
        assert_eq!((name("Sales"), name("sales"), name("STOCK")), (Ok(1), Ok(2), Ok(3)));
        let several = name("Both").unwrap_err();
        assert!(
            several.contains("Several gateways") && several.contains("(4)") && several.contains("(5)"),
            "{several}"
        );
        assert!(!several.contains("(1)"), "{several}");
        let several = name("SALES").unwrap_err();
        assert!(several.contains("(1)") && several.contains("(2)"), "{several}");
        let none = name("Ledger").unwrap_err();
        assert!(none.contains("called `Ledger`") && none.contains("- Stock (3)"), "{none}");
        assert!(find(Wanted::Id(9)).unwrap_err().contains("with the id 9"));
    }
}
