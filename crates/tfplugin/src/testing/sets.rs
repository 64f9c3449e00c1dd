//! Sets as the CLIs keep them: without duplicates, in one order. A provider gets them so, whatever was written.

use std::cmp::Ordering;

use super::schema::Ty;
use crate::dynamic::Dynamic;
use crate::schema::Nesting;

/// The elements of a set, each once, in the order in which they are sent: numbers and strings by value, everything else
/// by its text; null after what is there, unknown last. Elements in which something is unknown are never the same.
pub(super) fn ordered(element: &Ty, mut elements: Vec<Dynamic>) -> Vec<Dynamic> {
    elements.sort_by(|left, right| compare(element, left, right));
    elements.dedup_by(|left, right| left == right && !left.has_unknown());
    elements
}

fn compare(element: &Ty, left: &Dynamic, right: &Dynamic) -> Ordering {
    let rank = |value: &Dynamic| match value {
        Dynamic::Unknown => 2,
        Dynamic::Null => 1,
        _ => 0,
    };
    rank(left).cmp(&rank(right)).then_with(|| match (left, right) {
        (Dynamic::String(left), Dynamic::String(right)) => left.cmp(right),
        (Dynamic::Bool(left), Dynamic::Bool(right)) => left.cmp(right),
        (Dynamic::Int(left), Dynamic::Int(right)) => left.cmp(right),
        (left, right) => match (float(left), float(right)) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            _ => text(element, left).cmp(&text(element, right)),
        },
    })
}

fn float(value: &Dynamic) -> Option<f64> {
    match value {
        Dynamic::Int(value) => Some(*value as f64),
        Dynamic::Float(value) => Some(*value),
        Dynamic::BigNumber(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// The text by which compound elements are ordered: that of cty.
fn text(ty: &Ty, value: &Dynamic) -> String {
    let joined = |parts: Vec<String>| parts.into_iter().map(|part| part + ";").collect::<String>();
    match (ty, value) {
        (_, Dynamic::Unknown) => "?".to_owned(),
        (_, Dynamic::Null) => "~".to_owned(),
        (_, Dynamic::Bool(value)) => if *value { "T" } else { "F" }.to_owned(),
        (_, Dynamic::Int(value)) => value.to_string(),
        (_, Dynamic::Float(value)) => value.to_string(),
        (_, Dynamic::BigNumber(digits)) => digits.clone(),
        (_, Dynamic::String(text)) => format!("{text:?}"),
        (_, Dynamic::List(elements)) => {
            let element = ty.element();
            format!("[{}]", joined(elements.iter().map(|it| text(&element, it)).collect()))
        }
        (Ty::Nested(Nesting::Single, attributes), Dynamic::Map(entries)) => {
            let ty = |name: &String| attributes.iter().find(|it| it.name == *name).map_or(&Ty::Any, |it| &it.ty);
            format!("<{}>", joined(entries.iter().map(|(name, it)| text(ty(name), it)).collect()))
        }
        (_, Dynamic::Map(entries)) => {
            let element = ty.element();
            let entries = entries.iter().map(|(key, it)| format!("{key:?}:{}", text(&element, it)));
            format!("{{{}}}", joined(entries.collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_numbers_stand_by_value_and_once() {
        let strings = ["b", "ä", "B", "a", "b"].map(Dynamic::from).to_vec();
        assert_eq!(ordered(&Ty::String, strings), ["B", "a", "b", "ä"].map(Dynamic::from));
        let numbers = vec![Dynamic::Int(10), Dynamic::Float(2.5), Dynamic::Int(9), Dynamic::Int(10)];
        assert_eq!(ordered(&Ty::Number, numbers), [Dynamic::Float(2.5), Dynamic::Int(9), Dynamic::Int(10)]);
    }

    #[test]
    fn what_is_unknown_comes_last_and_is_never_the_same() {
        let given = vec![Dynamic::Unknown, Dynamic::Null, Dynamic::Unknown, "z".into(), Dynamic::Null];
        assert_eq!(ordered(&Ty::String, given), ["z".into(), Dynamic::Null, Dynamic::Unknown, Dynamic::Unknown]);
    }

    #[test]
    fn objects_stand_by_their_text() {
        let object = |left: &str| Dynamic::Map([("left".to_owned(), left.into())].into());
        let ty = Ty::Nested(Nesting::Single, Vec::new());
        assert_eq!(ordered(&ty, vec![object("b"), object("a"), object("b")]), [object("a"), object("b")]);
    }
}
