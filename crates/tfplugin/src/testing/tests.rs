//! The player against a toy: a world of things by name, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use super::{Action, Block, Cli, Configuration, Expression, PlanOptions, State};
use crate::schema::Attribute;
use crate::{
    Answer, CancellationToken, Context, DataSource, Diagnostic, Diagnostics, Dynamic, HandlerError, Model, Provider,
    ProviderType, Resource, Secret, Value,
};

/// What is there, and what was done to it. Each test has a world of its own, by name.
#[derive(Debug, Default)]
pub(super) struct World {
    things: Mutex<BTreeMap<String, String>>,
    calls: Mutex<Vec<String>>,
}

static WORLDS: LazyLock<Mutex<BTreeMap<String, Arc<World>>>> = LazyLock::new(Mutex::default);

impl World {
    fn named(name: &str) -> Arc<Self> {
        WORLDS.lock().unwrap().entry(name.to_owned()).or_default().clone()
    }
    fn note(&self, call: &str) {
        self.calls.lock().unwrap().push(call.to_owned());
    }
    fn calls(&self) -> String {
        std::mem::take(&mut *self.calls.lock().unwrap()).join(" ")
    }
    fn has(&self, name: &str) -> bool {
        self.things.lock().unwrap().contains_key(name)
    }
}

/// The block.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct TestBlock {
    /// Which world.
    #[attr(required)]
    world: String,
}

pub(super) struct Toy(Arc<World>);

#[derive(Debug)]
pub(super) struct Trouble(Diagnostics);

impl From<Diagnostic> for Trouble {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(diagnostic.into())
    }
}

impl HandlerError for Trouble {
    fn diagnose(self, _: &[Attribute]) -> Diagnostics {
        self.0
    }
}

impl ProviderType for Toy {
    const NAME: &'static str = "test";
    type Config = TestBlock;
    type Error = Trouble;
    async fn configure(config: TestBlockDraft, _: CancellationToken) -> Result<Self, Trouble> {
        match config.world.known() {
            Some(name) if name == "refused" => Err(Diagnostic::error("No such world", "Choose another.").into()),
            name => Ok(Self(World::named(name.map_or("", String::as_str)))),
        }
    }
}

/// A thing.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Thing {
    /// Its name.
    #[attr(required, replace)]
    name: String,
    /// What it says. Some words are orders to the handlers.
    #[attr(optional)]
    text: Value<String>,
    /// Given by the world.
    #[attr(computed)]
    id: Value<String>,
    /// Kept nowhere.
    #[attr(optional, write_only)]
    code: Value<Secret>,
}

fn text(value: &Value<String>) -> String {
    value.known().cloned().unwrap_or_default()
}

async fn obey(cx: &Context<Toy>, plan: Thing) -> Answer<Thing, Thing> {
    let world = &cx.provider.0;
    let (name, said) = (plan.name.clone(), text(&plan.text));
    let done = Thing { id: format!("id-{name}").as_str().into(), ..plan };
    if said == "fail first" {
        return Err(Diagnostic::error("Refused", "Nothing was done.").into());
    }
    world.things.lock().unwrap().insert(name, said.clone());
    cx.keep(&done);
    match said.as_str() {
        "fail late" => Err(Diagnostic::error("Refused", "Something was done.").into()),
        "wait" => {
            cx.stopped().await;
            Err(Diagnostic::error("Interrupted", "By the user.").into())
        }
        "sleep" => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            world.note("woke");
            Ok(done)
        }
        "leave unknown" => Ok(Thing { id: Value::Unknown, ..done }),
        _ => Ok(done),
    }
}

impl Resource for Thing {
    const NAME: &'static str = "thing";
    type Provider = Toy;

    fn validate(config: &ThingDraft) -> Diagnostics {
        match config.text.known() {
            Some(text) if text == "invalid" => Diagnostic::error("Invalid text", "Say something else.").into(),
            _ => Diagnostics::default(),
        }
    }

    async fn plan(cx: &Context<Toy>, change: &mut crate::Change<Self>) -> Answer<(), Self> {
        let is_new = change.is_create();
        cx.provider.0.note(if is_new { "plan-new" } else { "plan" });
        match text(&change.planned.text).as_str() {
            "plan otherwise" => change.planned.text = "otherwise".into(),
            "refuse plan" => return Err(Diagnostic::error("Refused", "At plan.").into()),
            "warn" => cx.warn(Diagnostic::warning(if is_new { "New" } else { "Old" }, "Of a plan.")),
            _ if change.planned.text.is_unknown() && change.planned.name == "hasty".into() => {
                change.planned.id = "guessed".into();
            }
            _ => {}
        }
        Ok(())
    }

    async fn create(cx: &Context<Toy>, plan: Self) -> Answer<Self, Self> {
        cx.provider.0.note(&format!("create-{}", plan.name));
        cx.private().set("made", "yes");
        obey(cx, plan).await
    }

    async fn read(cx: &Context<Toy>, state: Self) -> Answer<Option<Self>, Self> {
        cx.provider.0.note("read");
        let things = cx.provider.0.things.lock().unwrap();
        let found = things.get(&state.name).cloned();
        Ok(found.map(|text| Self {
            text: if text.is_empty() { Value::Null } else { text.into() },
            id: format!("id-{}", state.name).as_str().into(),
            ..state
        }))
    }

    async fn update(cx: &Context<Toy>, _: Self, plan: Self) -> Answer<Self, Self> {
        assert_eq!(cx.private().get("made"), Some("yes"));
        cx.provider.0.note(&format!("update-{}", plan.name));
        obey(cx, plan).await
    }

    async fn delete(cx: &Context<Toy>, state: Self) -> Answer<(), Self> {
        let name = state.name.clone();
        cx.provider.0.note(&format!("delete-{name}"));
        if text(&state.text) == "stay" {
            return Err(Diagnostic::error("Refused", "It stays.").into());
        }
        cx.provider.0.things.lock().unwrap().remove(&name);
        Ok(())
    }

    async fn import(_: &Context<Toy>, id: &str) -> Answer<Self, Self> {
        Ok(Self { name: id.into(), ..Self::default() })
    }
}

/// How many things there are.
#[derive(Clone, Debug, PartialEq, Model)]
struct Count {
    /// The number.
    #[attr(computed)]
    number: Value<i64>,
}

impl DataSource for Count {
    const NAME: &'static str = "count";
    type Provider = Toy;
    async fn read(cx: &Context<Toy>, _: Self) -> Result<Self, Trouble> {
        Ok(Self { number: i64::try_from(cx.provider.0.things.lock().unwrap().len()).unwrap().into() })
    }
}

pub(super) struct Stage {
    pub cli: Cli<Toy>,
    world: Arc<World>,
    state: State,
}

impl Stage {
    pub(super) fn new(world: &str) -> Self {
        let config = Dynamic::Map([("world".to_owned(), world.into())].into());
        let cli = Cli::new(|| Provider::new().resource::<Thing>().data_source::<Count>(), config);
        Self { cli, world: World::named(world), state: State::default() }
    }

    async fn plan(&self, blocks: &[Block]) -> super::Plan {
        self.plan_with(blocks, &PlanOptions::default()).await
    }

    async fn plan_with(&self, blocks: &[Block], options: &PlanOptions) -> super::Plan {
        self.cli.plan(&Configuration { blocks: blocks.to_vec() }, &self.state, options).await
    }

    /// Plans and applies; the state is the new one.
    async fn apply(&mut self, blocks: &[Block]) -> super::Applied {
        let plan = self.plan(blocks).await;
        assert!(!plan.has_errors(), "{plan:?}");
        self.world.calls();
        let applied = self.cli.apply(&plan).await;
        self.state = applied.state.clone();
        applied
    }

    async fn clean_apply(&mut self, blocks: &[Block]) -> Vec<(String, Action)> {
        let applied = self.apply(blocks).await;
        assert!(!applied.has_errors(), "{applied:?}");
        let plan = self.plan(blocks).await;
        assert!(plan.is_empty() && !plan.has_errors() && plan.drift.is_empty(), "{plan:?}");
        applied.done
    }
}

fn block(address: &str, attributes: &[(&str, &str)]) -> Block {
    let value = |(name, text): &(&str, &str)| ((*name).to_owned(), Expression::Value((*text).into()));
    Block {
        address: address.to_owned(),
        type_name: "test_thing".to_owned(),
        attributes: attributes.iter().map(value).collect(),
        depends_on: Vec::new(),
    }
}

/// A thing whose text is the id of another one.
fn user(address: &str, name: &str, of: &str) -> Block {
    let mut block = block(address, &[("name", name)]);
    let reference = Expression::Reference { address: of.to_owned(), path: vec!["id".to_owned()] };
    block.attributes.insert("text".to_owned(), reference);
    block
}

fn actions(plan: &super::Plan) -> Vec<(&str, Action)> {
    plan.changes.iter().map(|change| (change.address.as_str(), change.action)).collect()
}

fn done(done: &[(String, Action)]) -> Vec<(&str, Action)> {
    done.iter().map(|(address, action)| (address.as_str(), *action)).collect()
}

#[tokio::test]
async fn things_are_created_updated_replaced_and_deleted() {
    let mut it = Stage::new("life");
    let [a, b] = [block("a", &[("name", "one"), ("code", "secret")]), user("b", "two", "a")];
    let plan = it.plan(&[b.clone(), a.clone()]).await;
    assert_eq!(actions(&plan), [("a", Action::Create), ("b", Action::Create)]);
    assert_eq!(*plan.change("b").unwrap().after.get("text"), Dynamic::Unknown);
    let made = it.clean_apply(&[b.clone(), a.clone()]).await;
    assert_eq!(done(&made), [("a", Action::Create), ("b", Action::Create)]);
    assert_eq!(*it.state.objects["b"].value.get("text"), "id-one".into());
    assert_eq!(*it.state.objects["a"].value.get("code"), Dynamic::Null);
    assert_eq!(it.state.objects["b"].dependencies, ["a"]);

    // A replacement: its user is updated, with what is known only then.
    let a = block("a", &[("name", "uno")]);
    let plan = it.plan(&[a.clone(), b.clone()]).await;
    assert_eq!(actions(&plan), [("a", Action::Replace), ("b", Action::Update)]);
    let made = it.clean_apply(&[a.clone(), b.clone()]).await;
    assert_eq!(done(&made), [("a", Action::Delete), ("a", Action::Create), ("b", Action::Update)]);

    // The user goes first when both go.
    let made = it.clean_apply(&[]).await;
    assert_eq!(done(&made), [("b", Action::Delete), ("a", Action::Delete)]);
    assert_eq!(it.state, State::default());
}

#[tokio::test]
async fn an_apply_asks_nothing_about_what_does_not_change() {
    let mut it = Stage::new("silence");
    let [a, b] = [block("a", &[("name", "one")]), block("b", &[("name", "two")])];
    it.clean_apply(&[a.clone(), b.clone()]).await;
    let a = block("a", &[("name", "one"), ("text", "new")]);
    it.apply(&[a, b]).await;
    assert_eq!(it.world.calls(), "plan update-one");
}

#[tokio::test]
async fn drift_is_told_and_mended_and_what_is_gone_is_made_again() {
    let mut it = Stage::new("drift");
    let blocks = [block("a", &[("name", "one"), ("text", "mine")]), block("b", &[("name", "two")])];
    it.clean_apply(&blocks).await;
    it.world.things.lock().unwrap().insert("one".into(), "theirs".into());
    it.world.things.lock().unwrap().remove("two");
    let plan = it.plan(&blocks).await;
    assert_eq!(actions(&plan), [("a", Action::Update), ("b", Action::Create)]);
    let drift: Vec<_> = plan.drift.iter().map(|change| (change.address.as_str(), change.action)).collect();
    assert_eq!(drift, [("a", Action::Update), ("b", Action::Delete)]);
    let blind = it.plan_with(&blocks, &PlanOptions { refresh: false, ..PlanOptions::default() }).await;
    assert!(blind.is_empty() && blind.drift.is_empty(), "{blind:?}");
    it.clean_apply(&blocks).await;
}

#[tokio::test]
async fn a_replacement_is_planned_twice_and_warns_once() {
    let mut it = Stage::new("replace");
    let blocks = [block("a", &[("name", "one"), ("text", "warn")])];
    it.clean_apply(&blocks).await;
    it.world.calls();
    let replace = PlanOptions { replace: ["a".to_owned()].into(), ..PlanOptions::default() };
    let plan = it.plan_with(&blocks, &replace).await;
    assert_eq!(actions(&plan), [("a", Action::Replace)]);
    assert_eq!(it.world.calls(), "read plan plan-new");
    let said: Vec<_> = plan.diagnostics.iter().map(|said| said.summary.as_str()).collect();
    assert_eq!(said, ["Old"]);
    assert_eq!(*plan.change("a").unwrap().after.get("id"), Dynamic::Unknown);
    let applied = it.cli.apply(&plan).await;
    assert_eq!(done(&applied.done), [("a", Action::Delete), ("a", Action::Create)]);
}

#[tokio::test]
async fn an_error_in_create_taints_what_was_made_and_stops_what_depends_on_it() {
    let mut it = Stage::new("taint");
    let blocks = |text: &str| {
        [block("a", &[("name", "one"), ("text", text)]), user("b", "two", "a"), block("c", &[("name", "three")])]
    };
    let applied = it.apply(&blocks("fail late")).await;
    assert_eq!(done(&applied.done), [("c", Action::Create)]);
    assert!(it.state.objects["a"].tainted && !it.state.objects.contains_key("b"), "{applied:?}");
    let plan = it.plan(&blocks("good")).await;
    assert_eq!(actions(&plan), [("a", Action::Replace), ("b", Action::Create), ("c", Action::NoOp)]);
    it.world.calls();
    let applied = it.cli.apply(&plan).await;
    // Planned as new, and only once.
    assert_eq!(it.world.calls(), "delete-one plan-new create-one plan-new create-two");
    it.state = applied.state;
    assert!(!it.state.objects["a"].tainted);

    // Nothing was made: nothing is in the state.
    let mut it = Stage::new("taint nothing");
    it.apply(&[block("a", &[("name", "one"), ("text", "fail first")])]).await;
    assert_eq!(it.state, State::default());
}

#[tokio::test]
async fn an_error_in_update_or_delete_keeps_the_object() {
    let mut it = Stage::new("keep");
    it.clean_apply(&[block("a", &[("name", "one"), ("text", "stay")])]).await;
    let applied = it.apply(&[block("a", &[("name", "one"), ("text", "fail late")])]).await;
    assert!(applied.has_errors() && applied.done.is_empty());
    assert_eq!(*it.state.objects["a"].value.get("text"), "fail late".into());
    assert!(!it.state.objects["a"].tainted);
    it.apply(&[block("a", &[("name", "one"), ("text", "fail first")])]).await;
    assert_eq!(*it.state.objects["a"].value.get("text"), "fail late".into());

    it.clean_apply(&[block("a", &[("name", "one"), ("text", "stay")])]).await;
    let applied = it.apply(&[]).await;
    assert!(applied.has_errors() && it.state.objects.contains_key("a"), "{applied:?}");
}

#[tokio::test]
async fn what_breaks_the_rules_is_a_violation() {
    let it = Stage::new("rules");
    let plan = it.plan(&[block("a", &[("name", "one"), ("text", "plan otherwise")]), user("b", "two", "a")]).await;
    assert_eq!(
        plan.violations,
        [
            r#"Provider produced invalid plan: a.text: planned value "otherwise" does not match config value "plan otherwise""#
        ]
    );
    assert!(plan.changes.is_empty() && it.cli.apply(&plan).await.has_errors());

    // Known when it was planned, not known when it was planned again.
    let mut it = Stage::new("final");
    let applied = it.apply(&[block("a", &[("name", "one")]), user("b", "hasty", "a")]).await;
    assert_eq!(applied.violations, ["Provider produced inconsistent final plan: b.id: was known, but now unknown"]);
    assert_eq!((done(&applied.done), it.world.has("hasty")), (vec![("a", Action::Create)], false));
}

#[tokio::test]
async fn what_cannot_be_planned_has_no_plan_and_neither_has_what_depends_on_it() {
    let it = Stage::new("errors");
    let blocks =
        [block("a", &[("name", "one"), ("text", "refuse plan")]), user("b", "two", "a"), block("c", &[("name", "c")])];
    let plan = it.plan(&blocks).await;
    assert_eq!(actions(&plan), [("c", Action::Create)]);
    assert!(plan.has_errors() && it.cli.apply(&plan).await.state == State::default());
    for (block, summary) in [
        (block("a", &[("name", "one"), ("text", "invalid")]), "Invalid text"),
        (block("a", &[("text", "x")]), "Missing required argument"),
        (block("a", &[("name", "x"), ("other", "x")]), "Incorrect attribute value type"),
        (user("a", "one", "nothing"), "Reference to undeclared resource"),
        (user("a", "one", "a"), "Cycle"),
    ] {
        let plan = it.plan(&[block]).await;
        assert_eq!(plan.diagnostics[0].summary, summary);
    }
    assert_eq!(it.world.calls(), "plan-new plan-new");
    let refused = Stage::new("refused").plan(&[block("a", &[("name", "one")])]).await;
    assert_eq!(refused.diagnostics[0].phase, "configure");
}

#[tokio::test]
async fn a_destroy_plans_everything_first_and_then_deletes_it() {
    let mut it = Stage::new("destroy");
    let blocks = [block("a", &[("name", "one"), ("text", "warn")]), user("b", "two", "a")];
    it.clean_apply(&blocks).await;
    it.world.things.lock().unwrap().remove("two");
    it.world.calls();
    let plan = it.plan_with(&blocks, &PlanOptions { destroy: true, ..PlanOptions::default() }).await;
    assert_eq!(it.world.calls(), "read plan read plan-new");
    assert_eq!(actions(&plan), [("a", Action::Delete)]);
    assert!(plan.diagnostics.is_empty(), "{plan:?}");
    let applied = it.cli.apply(&plan).await;
    assert_eq!(applied.state, State::default());
    assert!(!it.world.has("one"));
}

#[tokio::test]
async fn an_import_reads_what_the_id_names() {
    let mut it = Stage::new("import");
    it.world.things.lock().unwrap().insert("one".into(), "text".into());
    let missing = it.cli.import(&it.state, "a", "test_thing", "two").await;
    assert_eq!(missing.diagnostics[0].summary, "Cannot import non-existent remote object");
    let imported = it.cli.import(&it.state, "a", "test_thing", "one").await;
    assert!(!imported.has_errors(), "{imported:?}");
    it.state = imported.state;
    assert_eq!(*it.state.objects["a"].value.get("text"), "text".into());
    assert!(it.plan(&[block("a", &[("name", "one"), ("text", "text")])]).await.is_empty());
    assert!(it.cli.import(&it.state, "a", "test_thing", "one").await.has_errors());
    let (count, said) = it.cli.read_data("test_count", Dynamic::Map(BTreeMap::new())).await;
    assert_eq!((count.get("number"), said.len()), (&Dynamic::Int(1), 0));
}

#[tokio::test]
async fn a_kill_leaves_the_state_of_the_last_answer_and_nothing_goes_on() {
    let mut it = Stage::new("kill");
    let plan = it.plan(&[block("a", &[("name", "one")]), block("b", &[("name", "two"), ("text", "sleep")])]).await;
    let world = it.world.clone();
    let cut = async move {
        while !world.has("two") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let applied = it.cli.apply_until(&plan, cut).await;
    assert_eq!(done(&applied.done), [("a", Action::Create)]);
    assert_eq!(applied.state.objects.keys().collect::<Vec<_>>(), ["a"]);
    // The handler that slept is gone with its process, and so is what it held.
    assert_eq!(Arc::strong_count(&it.world), 2);
    // At once: the state on disk is still the one from before the refresh.
    it.state = applied.state;
    it.world.things.lock().unwrap().insert("one".into(), "theirs".into());
    let plan = it.plan(&[block("a", &[("name", "one")])]).await;
    let applied = it.cli.apply_until(&plan, std::future::ready(())).await;
    assert_eq!((applied.state, plan.drift.len()), (it.state.clone(), 1));
    // Never: an ordinary apply.
    let applied = it.cli.apply_until(&plan, std::future::pending()).await;
    assert_eq!(done(&applied.done), [("a", Action::Update)]);
}

#[tokio::test]
async fn an_interrupt_ends_what_is_under_way_and_begins_nothing() {
    let it = Stage::new("interrupt");
    let plan = it.plan(&[block("a", &[("name", "one"), ("text", "wait")]), block("b", &[("name", "two")])]).await;
    let world = it.world.clone();
    let interrupt = async move {
        while !world.has("one") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let applied = it.cli.apply_interrupted(&plan, interrupt).await;
    assert!(applied.ended_after_interrupt.is_some_and(|time| time < Duration::from_secs(2)), "{applied:?}");
    assert!(applied.state.objects["a"].tainted && !applied.state.objects.contains_key("b"));
    let said: Vec<_> = applied.diagnostics.iter().map(|said| said.summary.as_str()).collect();
    assert_eq!(said, ["Interrupted", "execution halted"]);
    let never = it.cli.apply_interrupted(&it.plan(&[]).await, std::future::pending()).await;
    assert_eq!(never.ended_after_interrupt, None);
}

/// What a test may rely on: phases can be spawned, and their future can be dropped.
#[tokio::test]
async fn a_phase_can_be_spawned_and_dropped() {
    let it = Stage::new("spawned");
    let plan = it.plan(&[block("a", &[("name", "one"), ("text", "sleep")])]).await;
    let world = it.world.clone();
    let task = tokio::spawn(async move { it.cli.apply(&plan).await.done.len() });
    while !world.has("one") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}
