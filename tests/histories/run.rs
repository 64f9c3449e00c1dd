//! A history while it runs: two teams with a state each, the world between them, and what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fabricmirror::{FabricMirror, provider};
use fabricmirror_emulator::journal::Entry;
use tfplugin::Dynamic;
use tfplugin::testing::{Action, Applied, Cli, Configuration, Expression, Plan, PlanOptions, Said, State};

use crate::Result;
use crate::accounts::{Accounts, planned};
use crate::acts::faults;
use crate::configs::{Features, Places, Type};
use crate::coverage::Moment;
use crate::invariants;
use crate::snapshot::{Difference, Snapshot, Thing, differences};
use crate::steps::{History, SERVICES};
use crate::truth;
use crate::world::{Answer, Session, Speaker, World};

/// No plan takes longer, and no apply: waits are cut by short `timeouts`.
const PLAN_LIMIT: Duration = Duration::from_secs(45);
const APPLY_LIMIT: Duration = Duration::from_secs(75);

/// A rule that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant.
    pub rule: &'static str,
    /// Tells one failure of a rule from another, without what differs from run to run.
    pub key: String,
    /// What was expected and what was seen.
    pub text: String,
}

/// Someone with a state folder.
pub struct Team {
    pub cli: Cli<FabricMirror>,
    /// With placeholders.
    pub configuration: Configuration,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Us,
    Others,
}

/// How an apply is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    ByItself,
    /// Killed after so many requests.
    Killed(u64),
    Interrupted(u64),
    /// Interrupted while Fabric lets it wait for a minute.
    Throttled,
}

/// A plan on disk.
pub struct Saved {
    pub plan: Plan,
    /// The world as it saw it.
    pub seen: Snapshot,
}

pub struct Run {
    pub world: Arc<World>,
    pub features: Arc<Features>,
    pub places: Places,
    pub us: Team,
    pub others: Team,
    pub saved: Option<Saved>,
    /// Who the provider logs in as, where it is not the administrator.
    pub operator: Option<&'static str>,
    /// The last apply did all it was asked to, and nobody has done anything since.
    pub is_settled: bool,
    /// The last apply ended in an error, or early.
    pub has_failed: bool,
    /// The errors of our last plan or apply.
    pub errors: Vec<Said>,
    pub begin: Snapshot,
    /// The world as our last plan saw it, or the saved one that is applied.
    pub seen: Snapshot,
    /// What acts have made, ever.
    pub theirs: BTreeSet<Thing>,
    /// What appeared in an apply of ours: from then on it is ours to take away, whoever had it before.
    pub made: BTreeSet<Thing>,
    /// What a plan of ours said that it changes or takes along.
    pub told: BTreeSet<Thing>,
    /// What appeared in an apply that ended early: no state need know it.
    pub cut_off: BTreeSet<Thing>,
    /// The warnings of our plans.
    pub warned: Vec<String>,
    /// What acts have changed, fact by fact.
    pub altered: BTreeSet<(Thing, &'static str)>,
    pub violations: Vec<Violation>,
    /// Act, type and moment, for each act that was done.
    pub covered: Vec<(&'static str, Type, Moment)>,
    /// Acts that could not be done, with the reason.
    pub refused: BTreeMap<&'static str, String>,
    /// What happened, for a reader.
    pub log: Vec<String>,
    /// Sessions that somebody keeps open.
    pub sessions: Vec<Session>,
    /// An apply of ours took a role in the workspace, which the mirror may notice later.
    pub undermined: bool,
    /// Nothing but the spelling of a name has changed since the last plan, which was empty.
    pub only_spelled: bool,
    pub helpers: BTreeSet<&'static str>,
    /// Faults for our next plan and apply. What others do is not struck.
    pub faults: Vec<serde_json::Value>,
    /// Facts of the world that acts have changed and nobody has mended.
    pub broken: BTreeSet<&'static str>,
}

/// The password of the least-privileged operator and of other people.
pub const PEOPLE: &str = "Other-People-0nly";

/// A SQL login with few rights, and the provider's Entra identity with as few: by itself it is a member of sysadmin.
const SQL_OPERATOR: (&str, &str) = ("operator", "CREATE LOGIN operator WITH PASSWORD = 'Other-People-0nly'");
const ENTRA_OPERATOR: (&str, &str) = ("terraform", "ALTER SERVER ROLE sysadmin DROP MEMBER terraform");

/// What the operator of docs/guides/least-privilege.md has; `{}` is its name.
const RIGHTS: &[(&str, &str)] = &[
    ("master", "ALTER SERVER ROLE [##MS_LoginManager##] ADD MEMBER {}"),
    ("master", "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER {}"),
    ("Sales", "CREATE USER {} FOR LOGIN {}; ALTER ROLE db_owner ADD MEMBER {}"),
    ("Inventory", "CREATE USER {} FOR LOGIN {}; ALTER ROLE db_owner ADD MEMBER {}"),
];

impl Run {
    /// Resets the world, and begins.
    pub async fn begin(world: Arc<World>, features: Arc<Features>, history: &History) -> Result<Self> {
        let History { configuration, least_privileged, by_token, service, .. } = history;
        world.reset();
        if let Some((path, choices)) = service.and_then(|service| SERVICES.get(service)) {
            world.choose(path, choices).await?;
        }
        let ready = world.ready.clone();
        let folders = format!("/workspaces/{}/folders", ready.scenario.workspace_id);
        let (status, folder) =
            world.rest("POST", &folders, Some(&serde_json::json!({ "displayName": "shelf" }))).await?;
        let folder = folder["id"].as_str().ok_or_else(|| format!("no folder: {status} {folder}"))?.to_owned();
        let (workspace, identity) =
            (ready.scenario.workspace_id.to_string(), ready.scenario.instance_identity_object_id.to_string());
        let bob = "b0b00000-2c3d-4e5f-8a6b-7c8d9e0f1a06".to_owned();
        let team = "da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07".to_owned();
        let places = Places(vec![
            ("@server", ready.sql.server.clone()),
            ("@WORKSPACE", workspace.to_uppercase()),
            ("@workspace", workspace),
            ("@IDENTITY", identity.to_uppercase()),
            ("@identity", identity),
            ("@BOB", bob.to_uppercase()),
            ("@bob", bob),
            ("@TEAM", team.to_uppercase()),
            ("@team", team),
            ("@folder", folder),
        ]);
        expect_done(&world, "Sales", "CREATE ROLE [readers]").await?;
        let (name, made) = if *by_token { ENTRA_OPERATOR } else { SQL_OPERATOR };
        let operator = least_privileged.then_some(name);
        if operator.is_some() {
            expect_done(&world, "master", made).await?;
            for (database, statement) in RIGHTS {
                expect_done(&world, database, &statement.replace("{}", name)).await?;
            }
        }
        let block = block(&world, &features, operator.filter(|_| !by_token), *by_token);
        let team = |configuration: Configuration| Team {
            cli: Cli::new(provider, block.clone()),
            configuration,
            state: State::default(),
        };
        let begin = world.snapshot().await?;
        Ok(Self {
            us: team(configuration.clone()),
            others: team(Configuration::default()),
            saved: None,
            operator,
            is_settled: false,
            has_failed: false,
            errors: Vec::new(),
            seen: begin.clone(),
            begin,
            theirs: BTreeSet::new(),
            made: BTreeSet::new(),
            told: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            warned: Vec::new(),
            altered: BTreeSet::new(),
            violations: Vec::new(),
            covered: Vec::new(),
            refused: BTreeMap::new(),
            log: Vec::new(),
            sessions: Vec::new(),
            undermined: false,
            only_spelled: false,
            helpers: BTreeSet::new(),
            faults: Vec::new(),
            broken: BTreeSet::new(),
            features,
            world,
            places,
        })
    }

    pub fn team(&mut self, who: Who) -> &mut Team {
        match who {
            Who::Us => &mut self.us,
            Who::Others => &mut self.others,
        }
    }

    /// The password that our login should have.
    pub fn password(&self) -> Option<String> {
        let block = self.us.configuration.blocks.iter().find(|block| block.type_name == Type::Login.name())?;
        match block.attributes.get("password_wo")? {
            Expression::Value(Dynamic::String(text)) => Some(text.clone()),
            _ => None,
        }
    }

    pub fn violate(&mut self, rule: &'static str, key: impl Into<String>, text: impl Into<String>) {
        self.violations.push(Violation { rule, key: key.into(), text: text.into() });
    }

    pub fn say(&mut self, text: impl Into<String>) {
        self.log.push(text.into());
    }

    /// Plans, and checks what holds for every plan.
    pub async fn plan(&mut self, who: Who, options: &PlanOptions) -> Result<Plan> {
        let before = self.world.snapshot().await?;
        let first = self.world.requests();
        let team = match who {
            Who::Us => &self.us,
            Who::Others => &self.others,
        };
        let configuration = self.places.configuration(&team.configuration);
        self.plant(who).await?;
        let started = Instant::now();
        let planning = team.cli.plan(&configuration, &team.state, options);
        let Ok(plan) = tokio::time::timeout(PLAN_LIMIT, planning).await else {
            self.violate("every wait ends", "plan", format!("a plan was not there after {PLAN_LIMIT:?}"));
            return Ok(Plan::default());
        };
        self.world.clear_faults();
        let journal = self.world.journal_from(first).await?;
        let after = self.world.snapshot().await?;
        self.say(format!("{who:?} plan{} in {:?}: {}", told(options), started.elapsed(), summary(&plan)));
        invariants::of_plan(self, &plan, &journal);
        if who == Who::Us {
            truth::of_plan(self, &plan, options, &before, &after);
        }
        if who == Who::Us {
            self.seen = after;
            self.errors = plan.diagnostics.iter().filter(|it| it.error).cloned().collect();
            self.warned.extend(plan.diagnostics.iter().filter(|it| !it.error).map(ToString::to_string));
        }
        Ok(plan)
    }

    /// Applies a plan, and checks what holds for every apply.
    pub async fn apply(&mut self, who: Who, plan: &Plan, end: End) -> Result<Applied> {
        let before = self.world.snapshot().await?;
        let first = self.world.requests();
        self.plant(who).await?;
        if end == End::Throttled {
            self.world.plant(&faults::minute()).await?;
        }
        let started = Instant::now();
        let world = self.world.clone();
        let team = match who {
            Who::Us => &self.us,
            Who::Others => &self.others,
        };
        let applying = async {
            match end {
                End::ByItself => team.cli.apply(plan).await,
                End::Killed(after) => team.cli.apply_until(plan, world.after_requests(after)).await,
                End::Interrupted(after) => team.cli.apply_interrupted(plan, world.after_requests(after)).await,
                End::Throttled => team.cli.apply_interrupted(plan, world.after_fault()).await,
            }
        };
        let Ok(applied) = tokio::time::timeout(APPLY_LIMIT, applying).await else {
            self.violate("every wait ends", "apply", format!("an apply had not ended after {APPLY_LIMIT:?}"));
            return Ok(Applied::default());
        };
        self.world.clear_faults();
        if matches!(end, End::Killed(_)) {
            self.world.quiet().await;
        }
        let journal = self.world.journal_from(first).await?;
        let after = self.world.snapshot().await?;
        self.say(format!("{who:?} apply ({end:?}) in {:?}: {}", started.elapsed(), ended(&applied)));
        self.check_apply(plan, &applied, end, &journal, &before, &after);
        if who == Who::Us {
            self.undermined |= invariants::is_undermined(plan);
            truth::of_apply(self, plan, &applied, end, &before, &after);
            self.faults.clear();
        }
        self.team(who).state = applied.state.clone();
        self.note_apply(who, &applied, end, &before, &after);
        Ok(applied)
    }

    async fn plant(&self, who: Who) -> Result<()> {
        for fault in self.faults.iter().filter(|_| who == Who::Us) {
            self.world.plant(fault).await?;
        }
        Ok(())
    }

    fn note_apply(&mut self, who: Who, applied: &Applied, end: End, before: &Snapshot, after: &Snapshot) {
        // Whoever was told that an answer was lost looks after it.
        let is_lost = |it: &Said| it.error && it.summary.contains("was lost");
        let early = matches!(end, End::Killed(_)) || applied.diagnostics.iter().any(is_lost);
        self.warned.extend(applied.diagnostics.iter().filter(|it| !it.error).map(ToString::to_string));
        let new = after.things.keys().filter(|thing| !before.things.contains_key(*thing)).cloned();
        match who {
            Who::Others => self.theirs.extend(new),
            Who::Us if early => self.cut_off.extend(new),
            Who::Us => self.made.extend(new),
        }
        if who == Who::Us {
            self.errors = applied.diagnostics.iter().filter(|it| it.error).cloned().collect();
            self.has_failed = applied.has_errors() || early;
            self.is_settled = !self.has_failed;
            self.saved = None;
        }
    }

    fn check_apply(
        &mut self,
        plan: &Plan,
        applied: &Applied,
        end: End,
        journal: &[Entry],
        before: &Snapshot,
        after: &Snapshot,
    ) {
        let accounts = Accounts { plan, planned: planned(plan), seen: &self.seen.clone(), before, after };
        let differences = differences(before, after);
        // What a plan said it would change is not theirs alone any more; of what it warned, everybody knows.
        let told = |it: &&Difference| match it {
            Difference::Changed(..) => accounts.explain(it),
            _ => accounts.is_warned_of(it),
        };
        self.told.extend(differences.iter().filter(told).map(|it| it.thing().clone()));
        let unseen: Vec<_> = differences.into_iter().filter(|it| !accounts.explain(it)).collect();
        invariants::of_apply(self, plan, applied, end, journal, before);
        invariants::nothing_unseen(self, &unseen, &accounts);
    }

    /// The next plan has nothing to do. Returns whether it was looked at.
    pub async fn expect_empty(&mut self, plan: &Plan, applied: &Applied) -> Result<()> {
        let next = self.plan(Who::Us, &PlanOptions::default()).await?;
        invariants::empty_plan(self, plan, applied, &next);
        self.is_settled = self.is_settled && next.is_empty() && !next.has_errors();
        if self.is_settled {
            let now = self.world.snapshot().await?;
            truth::meant(self, &now);
        }
        Ok(())
    }

    /// What an act was done among.
    pub fn moment(&self, it: Type) -> Moment {
        let held = self.us.state.objects.values().any(|object| object.type_name == it.name());
        if self.saved.is_some() {
            Moment::BetweenPlanAndApply
        } else if self.has_failed {
            Moment::AfterFailure
        } else if held {
            Moment::AfterApply
        } else {
            Moment::BeforeCreate
        }
    }
}

async fn expect_done(world: &World, database: &str, statement: &str) -> Result<()> {
    match world.sql(Speaker::Administrator, database, statement).await? {
        Answer::Done => Ok(()),
        refused => Err(format!("{statement}: {refused:?}").into()),
    }
}

/// The provider's block: with a SQL login, or with what Fabric is called with alone.
fn block(world: &World, features: &Features, operator: Option<&str>, by_token: bool) -> Dynamic {
    let ready = &world.ready;
    let text = |text: &str| Dynamic::from(text);
    let (user, password) = match operator {
        Some(name) => (name, PEOPLE),
        None => (ready.sql.username.as_str(), ready.sql.password.as_str()),
    };
    let map = |entries: Vec<(&str, Dynamic)>| {
        Dynamic::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let mut entries = vec![
        ("tenant_id", text(&ready.entra.tenant_id.to_string())),
        ("client_id", text(&ready.entra.client_id.to_string())),
        ("client_secret", text(&ready.entra.client_secret)),
        ("endpoint", text(&ready.fabric.endpoint)),
    ];
    let mut sql = vec![("server", text(&ready.sql.server))];
    if !by_token {
        sql.extend([("username", text(user)), ("password", text(password))]);
    }
    entries.push(("sql", map(sql)));
    if features.of_block("ca_certificate_file") {
        entries.push(("ca_certificate_file", text(&ready.ca_certificate_file.display().to_string())));
    }
    map(entries)
}

fn told(options: &PlanOptions) -> String {
    let mut told = String::new();
    if options.destroy {
        told += " -destroy";
    }
    if !options.refresh {
        told += " -refresh=false";
    }
    options.replace.iter().for_each(|address| told += &format!(" -replace={address}"));
    told
}

fn summary(plan: &Plan) -> String {
    let changes = plan.changes.iter().filter(|it| it.action != Action::NoOp);
    let mut parts: Vec<String> = changes.map(|it| format!("{:?} {}", it.action, short(&it.address))).collect();
    parts.extend(plan.diagnostics.iter().map(said));
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join("; ") }
}

fn ended(applied: &Applied) -> String {
    let mut parts: Vec<String> =
        applied.done.iter().map(|(address, action)| format!("{action:?} {} done", short(address))).collect();
    parts.extend(applied.diagnostics.iter().map(said));
    parts.join("; ")
}

fn said(said: &Said) -> String {
    format!("{}: {}: {}", if said.error { "ERROR" } else { "warning" }, short(&said.address), said.summary)
}

fn short(address: &str) -> &str {
    address.strip_prefix("fabricmirror_").unwrap_or(address)
}
