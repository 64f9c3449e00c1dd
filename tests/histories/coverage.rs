//! Which acts were done to which types at which moments, and which cells of that table stay empty.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::acts::{ACTS, Act};
use crate::configs::Type;

/// When an act is done, as the object's own team sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    BeforeCreate,
    AfterApply,
    BetweenPlanAndApply,
    AfterFailure,
}

impl Moment {
    pub const ALL: [Self; 4] = [Self::BeforeCreate, Self::AfterApply, Self::BetweenPlanAndApply, Self::AfterFailure];

    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeCreate => "before create",
            Self::AfterApply => "after apply",
            Self::BetweenPlanAndApply => "between plan and apply",
            Self::AfterFailure => "after a failure",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// An act, a type that it concerns, and a moment at which it can be done.
pub type Cell = (&'static Act, Type, Moment);

pub fn cells() -> impl Iterator<Item = Cell> {
    ACTS.iter()
        .flat_map(|act| act.types.iter().flat_map(move |it| act.moments.iter().map(move |moment| (act, *it, *moment))))
}

/// How often each cell was filled.
#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<(String, Type, Moment), usize>);

impl Coverage {
    pub fn count(&mut self, act: &str, it: Type, moment: Moment) {
        *self.0.entry((act.to_owned(), it, moment)).or_default() += 1;
    }

    fn of(&self, act: &str, it: Type, moment: Moment) -> usize {
        self.0.get(&(act.to_owned(), it, moment)).copied().unwrap_or_default()
    }

    /// Cells that could be filled and are not.
    pub fn empty(&self) -> Vec<String> {
        cells()
            .filter(|(act, it, moment)| self.of(act.name, *it, *moment) == 0)
            .map(|(act, it, moment)| format!("{} × {it:?} × {}", act.name, moment.name()))
            .collect()
    }

    /// The table: a line for each act and type, a column for each moment; `-` where the act cannot be done.
    pub fn table(&self) -> String {
        let mut table = format!("{:<52}{:<13}", "act", "type");
        Moment::ALL.iter().for_each(|moment| _ = write!(table, "{:>24}", moment.name()));
        table.push('\n');
        for act in ACTS.iter() {
            for it in act.types {
                let _ = write!(table, "{:<52}{:<13}", act.name, format!("{it:?}"));
                for moment in Moment::ALL {
                    let count = self.of(act.name, *it, moment);
                    let cell =
                        if act.moments.contains(&moment) || count > 0 { count.to_string() } else { "-".to_owned() };
                    let _ = write!(table, "{cell:>24}");
                }
                table.push('\n');
            }
        }
        table
    }

    pub fn filled(&self) -> usize {
        self.0.len()
    }
}
