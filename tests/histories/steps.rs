//! Histories: what they are made of, and how a seed draws one.

use tfplugin::testing::Configuration;

use crate::acts::{ACTS, Act};
use crate::configs::{self, Features, Type};
use crate::coverage::{self, Cell, Moment};
use crate::edits::{self, Edit, edit};
use crate::entra;
use crate::rng::Rng;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Somebody else does something; the number chooses among what there is.
    Act(&'static str, u64),
    /// Our configuration changes.
    Edit(&'static str, Vec<Edit>),
    Plan,
    /// Plan and apply.
    Apply,
    /// `-refresh=false`
    ApplyUnrefreshed,
    /// `plan -out`
    Save,
    /// Of the plan that was saved.
    ApplySaved,
    /// Plan, and an apply that is killed after so many requests.
    Kill(u64),
    /// Plan, and an apply that is interrupted after so many requests.
    Interrupt(u64),
    /// Plan, and an apply that is interrupted while Fabric lets it wait.
    InterruptThrottled,
    /// `-replace`; without a refresh at times.
    Replace(String, bool),
    /// A plan with null for a required attribute, which it has to refuse.
    NullFor(String, &'static str),
    /// Reads the data source of our mirror.
    ReadStatus,
    /// `state rm` and `import`
    Reimport(String),
    /// An import of a thing that the type does not manage.
    ImportStranger(&'static str),
    /// What the last errors advised is done.
    Follow,
    Destroy,
}

/// What needs something that the second team has made.
const DESTROYS: &str = "a second team destroys";
/// What needs a SID that is known before the login is there.
const TAKES_SID: &str = "somebody has a login with our SID";
/// In the name of every act that is done to what an Entra principal is on the instance.
const OF_ENTRA: &str = "Entra";

/// A configuration and what happens to it.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub seed: u64,
    pub configuration: Configuration,
    pub least_privileged: bool,
    /// The provider logs in with a token of its Entra identity, and not as a SQL login.
    pub by_token: bool,
    /// How the service behaves where tenants differ: one of [`SERVICES`].
    pub service: Option<usize>,
    pub steps: Vec<Step>,
}

/// Where real tenants differ, or nobody could look: the control interface's path, and what is set.
pub const SERVICES: [(&str, &str); 11] = [
    ("/rest", r#"{ "paused_capacity": "NotFoundWithoutBody" }"#),
    ("/rest", r#"{ "paused_capacity": "Unavailable" }"#),
    ("/rest", r#"{ "repeated_orders": "Accepted" }"#),
    ("/rest", r#"{ "repeated_orders": "Conflict" }"#),
    ("/rest", r#"{ "source_not_ready": "Failed" }"#),
    ("/rest", r#"{ "name_reserved_status": 400, "start_status": 202 }"#),
    ("/rest", r#"{ "long_running_definitions": true }"#),
    ("/rest", r#"{ "unsupported_tables": "Failed" }"#),
    ("/rest", r#"{ "failed_tables_recover": false }"#),
    ("/rest", r#"{ "page_size": 1 }"#),
    ("/answers", r#"{ "rest": { "EntityNotFound": { "code": "RoleAssignmentNotFound" } } }"#),
];

/// Kinds of things that an import must refuse.
pub const STRANGERS: [&str; 5] =
    ["a user without login", "a role as a user", "a user as a role", "a fixed role as a role", "a generic connection"];

/// Every history aims at one cell of the coverage, the next seed at the next cell, and is random besides.
pub fn history(seed: u64, features: &Features) -> History {
    /// A configuration with the cell's type is not far.
    const DRAWS: usize = 200;
    let mut rng = Rng::new(seed);
    let cells: Vec<Cell> = coverage::cells().collect();
    let (act, it, moment) = cells[seed as usize % cells.len()];
    let mut configuration = configs::draw(&mut rng, features);
    let has =
        |configuration: &Configuration, it: Type| configuration.blocks.iter().any(|block| block.type_name == it.name());
    let needs = act.name.starts_with(DESTROYS).then_some(Type::Grants);
    let is_meant = |configuration: &Configuration| {
        !act.name.contains(OF_ENTRA) || act.types.iter().any(|of| entra::has(configuration, *of))
    };
    for _ in 0..DRAWS {
        let has_all = has(&configuration, it) && needs.is_none_or(|needed| has(&configuration, needed));
        if has_all && is_meant(&configuration) {
            break;
        }
        configuration = configs::draw(&mut rng, features);
    }
    for block in
        configuration.blocks.iter_mut().filter(|it| act.name == TAKES_SID && it.type_name == Type::Login.name())
    {
        // That of an Entra principal follows from its id.
        if entra::principal(block).is_some() {
            continue;
        }
        block.attributes.insert("sid".to_owned(), configs::text(configs::SID));
    }
    let least_privileged = rng.chance(25) || act.name.starts_with("the operator");
    let service = rng.chance(25).then(|| rng.below(SERVICES.len()));
    let mut drawn = Drawn { rng, features, configuration: configuration.clone(), least_privileged, steps: Vec::new() };
    let length = 4 + drawn.rng.below(11);
    if moment != Moment::BeforeCreate && drawn.rng.chance(30) {
        drawn.act(Moment::BeforeCreate);
    }
    drawn.aim(act, moment);
    while drawn.steps.len() < length {
        drawn.more();
    }
    let by_token = drawn.rng.chance(30);
    History { seed, configuration, least_privileged, by_token, service, steps: drawn.steps }
}

/// A history while it is drawn.
struct Drawn<'a> {
    rng: Rng,
    features: &'a Features,
    /// As it is after the steps so far.
    configuration: Configuration,
    least_privileged: bool,
    steps: Vec<Step>,
}

impl Drawn<'_> {
    fn types(&self) -> Vec<Type> {
        let present = |it: &Type| self.configuration.blocks.iter().any(|block| block.type_name == it.name());
        Type::ALL.into_iter().filter(present).collect()
    }

    fn act(&mut self, moment: Moment) {
        let types = self.types();
        let done =
            |words: &str| self.steps.iter().any(|it| matches!(it, Step::Act(name, _) if name.starts_with(words)));
        // What needs another act before it, or another operator, waits for that.
        let possible = |act: &&Act| match act.name {
            "a second team destroys what it has" => done("a second team has"),
            "the capacity is resumed" => done("the capacity is paused"),
            name if name.contains(OF_ENTRA) => act.types.iter().any(|it| entra::has(&self.configuration, *it)),
            name => !name.starts_with("the operator") || self.least_privileged,
        };
        let concerns = |act: &&Act| act.moments.contains(&moment) && act.types.iter().any(|it| types.contains(it));
        let fits = |act: &&Act| concerns(act) && possible(act);
        let acts: Vec<(usize, &Act)> = ACTS.iter().filter(fits).map(|act| (act.weight, act)).collect();
        if !acts.is_empty() {
            let act = self.rng.weighted(&acts);
            self.steps.push(Step::Act(act.name, self.rng.next() >> 32));
        }
    }

    /// The first steps: the act, at its moment.
    fn aim(&mut self, act: &'static Act, moment: Moment) {
        let aimed = Step::Act(act.name, self.rng.next() >> 32);
        let needed = match act.name {
            name if name.starts_with(DESTROYS) => Some("a second team grants to our principal"),
            "the capacity is resumed" => Some("the capacity is paused"),
            _ => None,
        };
        let needed = needed.map(|name| Step::Act(name, self.rng.next() >> 32));
        // What takes a name before we have it does so before the first apply, or in its midst.
        let takes_names = !act.moments.contains(&Moment::AfterApply);
        let is_early = takes_names || (act.moments.contains(&Moment::BeforeCreate) && self.rng.chance(50));
        match moment {
            Moment::BeforeCreate => self.steps.extend([aimed, Step::Apply]),
            Moment::AfterApply => {
                self.steps.push(Step::Apply);
                self.steps.extend(needed);
                self.steps.extend([aimed, Step::Apply]);
            }
            Moment::BetweenPlanAndApply if is_early => self.steps.extend([Step::Save, aimed, Step::ApplySaved]),
            Moment::BetweenPlanAndApply => {
                self.steps.push(Step::Apply);
                self.steps.extend(needed);
                self.edit();
                self.steps.extend([Step::Save, aimed, Step::ApplySaved]);
            }
            // A login that is killed while it is made has its SID already; one whose name is taken has none.
            Moment::AfterFailure if act.name == TAKES_SID => {
                let taken = Step::Act("somebody has a login of our name", self.rng.next() >> 32);
                self.steps.extend([taken, Step::Apply, aimed, Step::Apply]);
            }
            Moment::AfterFailure if takes_names => {
                let step = Step::Kill(1 + self.rng.below(5) as u64);
                self.steps.extend([step, aimed, Step::Apply]);
            }
            Moment::AfterFailure => {
                // Some of it is there then; or nothing is.
                if needed.is_some() || self.rng.chance(50) {
                    self.steps.push(Step::Apply);
                    self.steps.extend(needed);
                    self.edit();
                }
                let step = self.early();
                self.steps.extend([step, aimed, Step::Apply]);
            }
        }
    }

    fn edit(&mut self) {
        let (name, edits) = edit(&mut self.rng, &self.configuration, self.features);
        edits.iter().for_each(|edit| edit.apply(&mut self.configuration));
        self.steps.push(Step::Edit(name, edits));
    }

    /// A plan is saved, something happens, the plan is applied.
    fn saved(&mut self) {
        self.steps.push(Step::Save);
        for _ in 0..=self.rng.below(2) {
            self.act(Moment::BetweenPlanAndApply);
        }
        self.steps.push(Step::ApplySaved);
    }

    fn early(&mut self) -> Step {
        let after = 1 + self.rng.below(45) as u64;
        match self.rng.below(20) {
            0 => Step::InterruptThrottled,
            1..8 => Step::Interrupt(after),
            _ => Step::Kill(after),
        }
    }

    fn address(&mut self) -> Option<String> {
        let blocks = &self.configuration.blocks;
        if blocks.is_empty() { None } else { Some(self.rng.pick(blocks).address.clone()) }
    }

    fn more(&mut self) {
        match self.rng.below(100) {
            0..38 => {
                for _ in 0..=self.rng.below(2) {
                    self.act(Moment::AfterApply);
                }
                if self.rng.chance(75) {
                    self.steps.push(Step::Apply);
                }
            }
            38..58 => {
                self.edit();
                if self.rng.chance(15) {
                    self.edit();
                }
                if self.rng.chance(25) {
                    self.saved();
                } else if self.rng.chance(80) {
                    self.steps.push(Step::Apply);
                }
            }
            58..68 => self.saved(),
            68..76 => {
                let step = self.early();
                self.steps.push(step);
                if self.rng.chance(50) {
                    self.act(Moment::AfterFailure);
                }
            }
            76..81 => {
                if let Some(address) = self.address() {
                    let refresh = self.rng.chance(70);
                    self.steps.push(Step::Replace(address, refresh));
                }
            }
            81..86 => {
                if let Some(address) = self.address() {
                    self.steps.extend([Step::Apply, Step::Reimport(address)]);
                }
            }
            86..88 => {
                let stranger = self.rng.one(&STRANGERS);
                self.steps.push(Step::ImportStranger(stranger));
            }
            88..91 => self.steps.push(Step::ApplyUnrefreshed),
            91 => self.steps.push(Step::Plan),
            92 => {
                let address = self.address();
                let block = self.configuration.blocks.iter().find(|it| Some(&it.address) == address.as_ref());
                let required: Vec<&'static str> = block.map(edits::required).unwrap_or_default();
                if let (Some(address), false) = (address, required.is_empty()) {
                    self.steps.push(Step::NullFor(address, self.rng.one(&required)));
                }
            }
            93..95 => self.steps.push(Step::ReadStatus),
            95..97 => self.steps.push(Step::Follow),
            97..99 => self.steps.extend([Step::Destroy, Step::Apply]),
            _ => self.steps.push(Step::Apply),
        }
    }
}
