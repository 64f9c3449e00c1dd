//! The service as a CLI meets it: messages in, messages out, over a provider that lives in memory.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Request;

use super::convert::{from_value, to_value};
use super::pb;
use super::pb::provider_server::Provider as _;
use super::service::Service;
use crate::schema::Attribute;
use crate::{
    Answer, Change, Context, DataSource, Diagnostic, Diagnostics, Dynamic, Ephemeral, Function, FunctionError,
    HandlerError, Model, Provider, ProviderType, Resource, Secret, Set, Text, Value, path,
};

/// The block.
#[derive(Clone, Debug, Model)]
struct Block {
    /// Known once the server exists.
    #[attr(optional)]
    server: Value<String>,
}

#[derive(Debug)]
struct World {
    is_known: bool,
}

#[derive(Debug)]
enum Trouble {
    Said(Diagnostics),
    UnknownBlock,
}

impl From<Diagnostic> for Trouble {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Said(diagnostic.into())
    }
}

impl HandlerError for Trouble {
    fn diagnose(self, _: &[Attribute]) -> Diagnostics {
        match self {
            Self::Said(diagnostics) => diagnostics,
            Self::UnknownBlock => Diagnostic::error("The block is unknown", "Add depends_on.").into(),
        }
    }
    fn is_unknown_block(&self) -> bool {
        matches!(self, Self::UnknownBlock)
    }
}

impl ProviderType for World {
    const NAME: &'static str = "test";
    type Config = Block;
    type Error = Trouble;

    fn validate(config: &Block) -> Diagnostics {
        assert_ne!(config.server, "panic".into(), "validation of the block");
        Diagnostics::default()
    }

    async fn configure(config: Block) -> Result<Self, Trouble> {
        assert_ne!(config.server, "panic".into(), "configuration");
        Ok(Self { is_known: !config.server.is_unknown() })
    }
}

/// A part.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Part {
    /// Its key.
    #[attr(required)]
    key: Value<String>,
    /// A note.
    #[attr(optional, computed, default = "none")]
    note: Value<String>,
    /// Given by the server.
    #[attr(computed)]
    stamp: Value<String>,
    /// Kept nowhere.
    #[attr(optional, write_only)]
    code: Value<Secret>,
}

/// A pair.
#[derive(Clone, Debug, Default, PartialEq, Model)]
struct Pair {
    /// One.
    #[attr(required)]
    left: Value<String>,
    /// The other.
    #[attr(optional)]
    right: Value<String>,
}

/// A thing.
#[derive(Clone, Debug, Default, Model)]
struct Thing {
    /// Given by the server.
    #[attr(computed)]
    id: Value<String>,
    /// What the handlers do.
    #[attr(required, replace)]
    name: Value<String>,
    /// Three, if nobody says otherwise.
    #[attr(optional, computed, default = 3_i64)]
    size: Value<i64>,
    /// Kept nowhere.
    #[attr(optional, write_only, requires = "password_version")]
    password: Value<Secret>,
    /// Raised to set the password anew.
    #[attr(optional, requires = "password")]
    password_version: Value<i64>,
    /// A secret that the state holds.
    #[attr(computed)]
    token: Value<Secret>,
    /// A set of texts.
    #[attr(optional, conflicts = "alias")]
    roles: Value<BTreeSet<String>>,
    /// Not with roles.
    #[attr(optional)]
    alias: Value<String>,
    /// This or `other`.
    #[attr(optional, exactly_one_of = "other")]
    one: Value<String>,
    /// That or `one`.
    #[attr(optional)]
    other: Value<String>,
    /// A number in a text.
    #[attr(optional)]
    port: Value<Text<u16>>,
    /// One object.
    #[attr(optional)]
    single: Value<Part>,
    /// Objects in order.
    #[attr(optional)]
    list: Value<Vec<Part>>,
    /// Objects by name.
    #[attr(optional)]
    map: Value<BTreeMap<String, Part>>,
    /// Objects without order.
    #[attr(optional)]
    set: Value<Set<Pair>>,
}

impl Thing {
    /// Gives everything that the server gives. The id tells which secrets arrived.
    fn fill(mut self) -> Self {
        let length = |secret: &Value<Secret>| secret.known().map_or(0, |it| it.inner().expose_secret().len());
        let mut lengths = vec![length(&self.password)];
        for part in self.parts() {
            lengths.push(length(&part.code));
            part.stamp = "stamped".into();
        }
        self.id = format!("{lengths:?}").as_str().into();
        self.token = Secret::new("token-of-the-server").into();
        self
    }

    fn parts(&mut self) -> Vec<&mut Part> {
        let mut parts = Vec::new();
        if let Value::Known(part) = &mut self.single {
            parts.push(part);
        }
        if let Value::Known(list) = &mut self.list {
            parts.extend(list);
        }
        if let Value::Known(map) = &mut self.map {
            parts.extend(map.values_mut());
        }
        parts
    }

    fn is_called(&self, name: &str) -> bool {
        self.name.known().is_some_and(|it| it == name)
    }
}

fn refused() -> Trouble {
    Diagnostic::error("Refused", "By the server.").at(path!(name)).into()
}

impl Resource for Thing {
    const NAME: &'static str = "thing";
    const VERSION: i64 = 2;
    type Provider = World;

    fn validate(config: &Self) -> Diagnostics {
        assert!(!config.is_called("panic"), "validation");
        Diagnostics::default()
    }

    async fn plan(cx: &Context<World>, change: &mut Change<Self>) -> Answer<(), Self> {
        assert!(!change.planned.is_called("panic"), "plan");
        if !cx.provider.is_known && change.prior.is_some() {
            cx.warn(Diagnostic::warning("Planned blindly", "The server is not known."));
        }
        cx.private().set("phase", "planned");
        Ok(())
    }

    async fn create(cx: &Context<World>, plan: Self) -> Answer<Self, Self> {
        assert_eq!(cx.private().get("phase"), Some("planned"));
        let name = plan.name.known().cloned().unwrap_or_default();
        match name.as_str() {
            "fail" => return Err(refused()),
            "panic" => panic!("create"),
            "leave unknown" => return Ok(plan),
            _ => {}
        }
        // What is kept may be half done: the id is known, the rest is not.
        let half = Self { id: "half".into(), ..plan.clone() };
        cx.private().set("phase", "half");
        match name.as_str() {
            "keep, then fail" => {
                cx.keep(&half);
                Err(refused())
            }
            "keep, then panic" => {
                cx.keep(&half);
                panic!("create, later");
            }
            "keep, then wait" => {
                cx.keep(&half);
                cx.stopped().await;
                Err(Diagnostic::error("Interrupted", "By the user.").into())
            }
            _ => Ok(plan.fill()),
        }
    }

    async fn read(cx: &Context<World>, state: Self) -> Answer<Option<Self>, Self> {
        if !cx.provider.is_known {
            return Err(Trouble::UnknownBlock);
        }
        match state.name.known().map(String::as_str) {
            Some("gone") => Ok(None),
            Some("fail") => Err(refused()),
            Some("panic") => panic!("read"),
            _ => Ok(Some(state)),
        }
    }

    async fn update(_: &Context<World>, _: Self, plan: Self) -> Answer<Self, Self> {
        if plan.size == 0.into() { Err(refused()) } else { Ok(plan.fill()) }
    }

    async fn delete(_: &Context<World>, state: Self) -> Answer<(), Self> {
        if state.is_called("fail") { Err(refused()) } else { Ok(()) }
    }

    async fn import(_: &Context<World>, id: &str) -> Answer<Self, Self> {
        match id {
            "panic" => panic!("import"),
            "nothing" => Err(Diagnostic::error("There is no such thing", "Look again.").into()),
            id => Ok(Self { name: id.into(), ..Self::default() }),
        }
    }

    fn upgrade(version: i64, mut state: Dynamic) -> Result<Dynamic, Diagnostic> {
        assert_eq!(version, 1, "only version 1 was ever written");
        if let Dynamic::Map(members) = &mut state
            && let Some(title) = members.remove("title")
        {
            members.insert("name".into(), title);
        }
        Ok(state)
    }
}

/// A look-up.
#[derive(Clone, Debug, Model)]
struct LookUp {
    /// What is looked for.
    #[attr(required)]
    name: Value<String>,
    /// What was found.
    #[attr(computed)]
    found: Value<String>,
}

impl DataSource for LookUp {
    const NAME: &'static str = "look_up";
    type Provider = World;

    async fn read(cx: &Context<World>, config: Self) -> Result<Self, Trouble> {
        assert_ne!(config.name, "panic".into(), "look-up");
        if cx.provider.is_known { Ok(Self { found: "it".into(), ..config }) } else { Err(Trouble::UnknownBlock) }
    }
}

/// A key.
#[derive(Clone, Debug, Model)]
struct Key {
    /// How long.
    #[attr(optional, computed, default = 4_i64)]
    length: Value<i64>,
    /// The key.
    #[attr(computed)]
    result: Value<Secret>,
}

impl Ephemeral for Key {
    const NAME: &'static str = "key";

    async fn open(config: Self) -> Result<Self, Diagnostics> {
        let length = config.length.known().copied().unwrap_or_default();
        let length = usize::try_from(length).map_err(|_| Diagnostic::error("Too short", "At least 0."))?;
        Ok(Self { result: Secret::new("k".repeat(length)).into(), ..config })
    }
}

/// Repeats.
#[derive(Clone, Debug, Model)]
struct Repeat {
    /// Texts.
    #[attr(required)]
    texts: Value<Vec<String>>,
    /// How often.
    #[attr(required)]
    times: Value<i64>,
}

impl Function for Repeat {
    const NAME: &'static str = "repeat";
    const SUMMARY: &'static str = "Repeats texts.";
    type Output = String;

    fn call(arguments: Self) -> Result<String, FunctionError> {
        let times = arguments.times.known().copied().unwrap_or_default();
        assert_ne!(times, 99, "function");
        let times = usize::try_from(times).map_err(|_| FunctionError::argument(1, "Not fewer than none."))?;
        Ok(arguments.texts.known().map(|texts| texts.concat().repeat(times)).unwrap_or_default())
    }
}

/// The CLI's side.
struct Cli {
    service: Service<World>,
}

impl Cli {
    /// A provider whose block is known.
    async fn new() -> Self {
        Self::configured("here".into()).await
    }

    async fn configured(server: Dynamic) -> Self {
        let offered = Provider::new().resource::<Thing>().data_source::<LookUp>().ephemeral::<Key>();
        let service = Service::new(offered.function::<Repeat>(), CancellationToken::new(), TaskTracker::new());
        let config = to_value(&Dynamic::Map(BTreeMap::from([("server".into(), server)])));
        let request = pb::configure_provider::Request { config, ..Default::default() };
        let answer = service.configure_provider(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&answer.diagnostics), "");
        Self { service }
    }

    async fn validate(&self, config: &Dynamic) -> String {
        let request = pb::validate_resource_config::Request {
            type_name: "test_thing".into(),
            config: to_value(config),
            ..Default::default()
        };
        said(&self.service.validate_resource_config(Request::new(request)).await.unwrap().into_inner().diagnostics)
    }

    async fn plan(&self, prior: &Dynamic, config: &Dynamic) -> pb::plan_resource_change::Response {
        let request = pb::plan_resource_change::Request {
            type_name: "test_thing".into(),
            prior_state: to_value(prior),
            proposed_new_state: to_value(&proposed(prior, config)),
            config: to_value(config),
            ..Default::default()
        };
        self.service.plan_resource_change(Request::new(request)).await.unwrap().into_inner()
    }

    async fn apply(&self, prior: &Dynamic, config: &Dynamic) -> pb::apply_resource_change::Response {
        let planned = self.plan(prior, config).await;
        assert_eq!(said(&planned.diagnostics), "");
        let request = pb::apply_resource_change::Request {
            type_name: "test_thing".into(),
            prior_state: to_value(prior),
            planned_state: planned.planned_state,
            config: to_value(config),
            planned_private: planned.planned_private,
            ..Default::default()
        };
        self.service.apply_resource_change(Request::new(request)).await.unwrap().into_inner()
    }

    async fn create(&self, members: &[(&str, Dynamic)]) -> pb::apply_resource_change::Response {
        self.apply(&Dynamic::Null, &thing(members)).await
    }

    async fn destroy(&self, prior: &Dynamic) -> pb::apply_resource_change::Response {
        let request = pb::apply_resource_change::Request {
            type_name: "test_thing".into(),
            prior_state: to_value(prior),
            planned_state: to_value(&Dynamic::Null),
            config: to_value(&Dynamic::Null),
            ..Default::default()
        };
        self.service.apply_resource_change(Request::new(request)).await.unwrap().into_inner()
    }

    async fn read(&self, state: &Dynamic, private: &[u8]) -> pb::read_resource::Response {
        let request = pb::read_resource::Request {
            type_name: "test_thing".into(),
            current_state: to_value(state),
            private: private.to_vec(),
            ..Default::default()
        };
        self.service.read_resource(Request::new(request)).await.unwrap().into_inner()
    }

    async fn upgrade(&self, version: i64, json: &str) -> pb::upgrade_resource_state::Response {
        let raw_state = Some(pb::RawState { json: json.as_bytes().to_vec(), ..Default::default() });
        let request = pb::upgrade_resource_state::Request { type_name: "test_thing".into(), version, raw_state };
        self.service.upgrade_resource_state(Request::new(request)).await.unwrap().into_inner()
    }

    async fn import(&self, id: &str) -> pb::import_resource_state::Response {
        let request =
            pb::import_resource_state::Request { type_name: "test_thing".into(), id: id.into(), ..Default::default() };
        self.service.import_resource_state(Request::new(request)).await.unwrap().into_inner()
    }

    async fn look_up(&self, name: &str) -> pb::read_data_source::Response {
        let config = Dynamic::Map(BTreeMap::from([("name".into(), name.into()), ("found".into(), Dynamic::Null)]));
        let request = pb::read_data_source::Request {
            type_name: "test_look_up".into(),
            config: to_value(&config),
            ..Default::default()
        };
        self.service.read_data_source(Request::new(request)).await.unwrap().into_inner()
    }

    async fn call(&self, arguments: &[Dynamic]) -> Result<Dynamic, (String, Option<i64>)> {
        let arguments = arguments.iter().filter_map(to_value).collect();
        let request = pb::call_function::Request { name: "repeat".into(), arguments };
        let answer = self.service.call_function(Request::new(request)).await.unwrap().into_inner();
        match answer.error {
            Some(error) => Err((error.text, error.function_argument)),
            None => Ok(from_value(answer.result).unwrap()),
        }
    }
}

/// What the CLI proposes: the configuration, and the prior value of what only the provider sets.
fn proposed(prior: &Dynamic, config: &Dynamic) -> Dynamic {
    let Dynamic::Map(members) = config else { return Dynamic::Null };
    let members = members.iter().map(|(name, value)| {
        let computed = ["id", "token", "size"].contains(&name.as_str()) && value.is_null();
        let value = if computed { prior.get(name) } else { value };
        // A write-only value is not proposed.
        (name.clone(), if name == "password" { Dynamic::Null } else { value.clone() })
    });
    Dynamic::Map(members.collect())
}

fn object(attributes: &[Attribute], members: &[(&str, Dynamic)]) -> Dynamic {
    let mut object = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    for attribute in attributes {
        BTreeMap::entry(&mut object, attribute.name.to_owned()).or_insert(Dynamic::Null);
    }
    Dynamic::Map(object)
}

fn thing(members: &[(&str, Dynamic)]) -> Dynamic {
    let mut members = members.to_vec();
    if !members.iter().any(|(name, _)| ["one", "other"].contains(name)) {
        members.push(("one", "1".into()));
    }
    object(&Thing::attributes(), &members)
}

fn part(members: &[(&str, Dynamic)]) -> Dynamic {
    object(&Part::attributes(), members)
}

fn texts(texts: &[&str]) -> Dynamic {
    Dynamic::List(texts.iter().map(|text| (*text).into()).collect())
}

fn state(value: &Option<pb::DynamicValue>) -> Dynamic {
    from_value(value.clone()).unwrap()
}

/// `error name: Refused`, one line each.
fn said(diagnostics: &[pb::Diagnostic]) -> String {
    let line = |diagnostic: &pb::Diagnostic| {
        use pb::attribute_path::step::Selector;
        let severity = if diagnostic.severity == pb::diagnostic::Severity::Error as i32 { "error" } else { "warning" };
        let steps = diagnostic.attribute.iter().flat_map(|path| &path.steps).map(|step| match &step.selector {
            Some(Selector::AttributeName(name)) => format!(" {name}"),
            Some(Selector::ElementKeyString(key)) => format!(" {key:?}"),
            Some(Selector::ElementKeyInt(index)) => format!(" [{index}]"),
            None => " ?".to_owned(),
        });
        format!("{severity}{}: {}", steps.collect::<String>(), diagnostic.summary)
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn holds(message: &impl Message, text: &str) -> bool {
    message.encode_to_vec().windows(text.len()).any(|window| window == text.as_bytes())
}

fn private(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_new_object_is_planned_with_defaults_and_with_unknown_for_what_the_provider_gives() {
    let cli = Cli::new().await;
    let given = part(&[("key", "k".into())]);
    let config = thing(&[
        ("name", "a".into()),
        ("single", given.clone()),
        ("list", Dynamic::List(vec![given.clone()])),
        ("map", Dynamic::Map(BTreeMap::from([("m".into(), given)]))),
    ]);
    let planned = cli.plan(&Dynamic::Null, &config).await;
    assert_eq!(said(&planned.diagnostics), "");
    let planned = state(&planned.planned_state);
    let completed = part(&[("key", "k".into()), ("note", "none".into()), ("stamp", Dynamic::Unknown)]);
    assert_eq!(
        planned,
        thing(&[
            ("id", Dynamic::Unknown),
            ("token", Dynamic::Unknown),
            ("name", "a".into()),
            ("size", Dynamic::Int(3)),
            ("single", completed.clone()),
            ("list", Dynamic::List(vec![completed.clone()])),
            ("map", Dynamic::Map(BTreeMap::from([("m".into(), completed)]))),
        ])
    );
}

#[tokio::test]
async fn a_write_only_value_reaches_the_handler_and_is_in_no_answer() {
    let cli = Cli::new().await;
    let coded = part(&[("key", "k".into()), ("code", "hunter2-code".into())]);
    let config = thing(&[
        ("name", "a".into()),
        ("password", "hunter2".into()),
        ("password_version", Dynamic::Int(1)),
        ("single", coded.clone()),
        ("list", Dynamic::List(vec![coded.clone()])),
        ("map", Dynamic::Map(BTreeMap::from([("m".into(), coded)]))),
    ]);
    let planned = cli.plan(&Dynamic::Null, &config).await;
    assert!(!holds(&planned, "hunter2"));
    let created = cli.apply(&Dynamic::Null, &config).await;
    assert_eq!(said(&created.diagnostics), "");
    assert!(!holds(&created, "hunter2"));
    let created = state(&created.new_state);
    assert_eq!(*created.get("id"), "[7, 12, 12, 12]".into(), "the lengths of the secrets, as the handler saw them");
    assert_eq!(*created.get("password"), Dynamic::Null);
    let updated = cli.apply(&created, &config).await;
    assert!(!holds(&updated, "hunter2"));
    assert_eq!(*state(&updated.new_state).get("id"), "[7, 12, 12, 12]".into());
    // The state holds what is secret but not write-only: the schema says so.
    assert_eq!(*created.get("token"), "token-of-the-server".into());
}

#[tokio::test]
async fn a_secret_is_sensitive_in_the_schema_and_shown_by_no_debug() {
    let thing = Thing { password: Secret::new("hunter2").into(), ..Thing::default() };
    assert!(!format!("{thing:?}").contains("hunter2"));
    let cli = Cli::new().await;
    let schema = cli.service.get_provider_schema(Request::new(Default::default())).await.unwrap().into_inner();
    let block = schema.resource_schemas["test_thing"].block.clone().unwrap();
    let words = |name: &str| {
        let it = block.attributes.iter().find(|attribute| attribute.name == name).unwrap();
        let words = [
            ("required", it.required),
            ("optional", it.optional),
            ("computed", it.computed),
            ("sensitive", it.sensitive),
            ("write_only", it.write_only),
        ];
        words.into_iter().filter(|(_, on)| *on).map(|(word, _)| word).collect::<Vec<_>>().join(" ")
    };
    for (name, expected) in [
        ("id", "computed"),
        ("name", "required"),
        ("size", "optional computed"),
        ("password", "optional sensitive write_only"),
        ("token", "computed sensitive"),
        ("single", "optional"),
    ] {
        assert_eq!(words(name), expected, "{name}");
    }
}

#[tokio::test]
async fn a_change_that_needs_a_new_object_names_the_attribute() {
    let cli = Cli::new().await;
    let prior = state(&cli.create(&[("name", "a".into())]).await.new_state);
    for (config, needing) in [
        (thing(&[("name", "b".into())]), vec!["name"]),
        (thing(&[("name", "a".into()), ("size", Dynamic::Int(4))]), vec![]),
    ] {
        let planned = cli.plan(&prior, &config).await;
        let paths = planned.requires_replace.iter().map(|path| match &path.steps[0].selector {
            Some(pb::attribute_path::step::Selector::AttributeName(name)) => name.as_str(),
            other => panic!("{other:?}"),
        });
        assert_eq!(paths.collect::<Vec<_>>(), needing);
        assert_eq!(state(&planned.planned_state).get("id"), prior.get("id"), "what is computed keeps its prior value");
    }
}

#[tokio::test]
async fn private_state_goes_from_plan_to_apply_to_read() {
    let cli = Cli::new().await;
    let created = cli.create(&[("name", "a".into())]).await;
    assert_eq!(private(&created.private), r#"{"phase":"half"}"#);
    let read = cli.read(&state(&created.new_state), &created.private).await;
    assert_eq!(read.private, created.private);
    // A provider that kept its notes otherwise: they are as good as none, and no reason to fail.
    let read = cli.read(&state(&created.new_state), b"\x00nonsense").await;
    assert_eq!((said(&read.diagnostics), read.private), (String::new(), Vec::new()));
}

#[tokio::test]
async fn what_a_handler_kept_survives_however_it_ends() {
    let cli = Cli::new().await;
    for (name, message, kept) in [
        ("fail", "error name: Refused", false),
        ("panic", "error: The provider has a defect", false),
        ("keep, then fail", "error name: Refused", true),
        ("keep, then panic", "error: The provider has a defect", true),
    ] {
        let config = thing(&[("name", name.into()), ("password", "hunter2".into()), ("password_version", 1.0.into())]);
        // These names make the plan and the validation panic as well: planned under another one.
        let planned = cli.plan(&Dynamic::Null, &thing(&[("name", "a".into()), ("password_version", 1.0.into())])).await;
        let mut planned_state = state(&planned.planned_state);
        if let Dynamic::Map(members) = &mut planned_state {
            members.insert("name".into(), name.into());
        }
        let request = pb::apply_resource_change::Request {
            type_name: "test_thing".into(),
            prior_state: to_value(&Dynamic::Null),
            planned_state: to_value(&planned_state),
            config: to_value(&config),
            planned_private: planned.planned_private,
            ..Default::default()
        };
        let ended = cli.service.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&ended.diagnostics), message, "{name}");
        assert!(!holds(&ended, "hunter2"), "{name}");
        if kept {
            let expected = thing(&[
                ("id", "half".into()),
                ("name", name.into()),
                ("size", Dynamic::Int(3)),
                ("password_version", Dynamic::Int(1)),
            ]);
            assert_eq!(state(&ended.new_state), expected, "{name}: what is known, and nothing unknown");
            assert_eq!(private(&ended.private), r#"{"phase":"half"}"#, "{name}");
        } else {
            assert_eq!(state(&ended.new_state), Dynamic::Null, "{name}: nothing exists");
        }
    }
}

#[tokio::test]
async fn an_interrupt_reaches_a_handler_that_waits_and_what_it_kept_is_not_lost() {
    let cli = Cli::new().await;
    let interrupt = async {
        tokio::task::yield_now().await;
        cli.service.stop_provider(Request::new(Default::default())).await.unwrap()
    };
    let waiting = [("name", "keep, then wait".into())];
    let created = cli.create(&waiting);
    let (ended, _) = tokio::join!(created, interrupt);
    assert_eq!(said(&ended.diagnostics), "error: Interrupted");
    assert_eq!(*state(&ended.new_state).get("id"), "half".into());
}

#[tokio::test]
async fn an_update_or_delete_that_fails_leaves_the_prior_state() {
    let cli = Cli::new().await;
    let prior = state(&cli.create(&[("name", "a".into())]).await.new_state);
    let updated = cli.apply(&prior, &thing(&[("name", "a".into()), ("size", Dynamic::Int(0))])).await;
    assert_eq!(
        (said(&updated.diagnostics).as_str(), state(&updated.new_state)),
        ("error name: Refused", prior.clone())
    );
    let failing = thing(&[("name", "fail".into()), ("id", "1".into())]);
    let kept = cli.destroy(&failing).await;
    assert_eq!((said(&kept.diagnostics).as_str(), state(&kept.new_state)), ("error name: Refused", failing));
    let gone = cli.destroy(&prior).await;
    assert_eq!((said(&gone.diagnostics).as_str(), state(&gone.new_state)), ("", Dynamic::Null));
}

#[tokio::test]
async fn a_value_that_a_handler_leaves_unknown_is_its_defect_and_never_goes_out() {
    let cli = Cli::new().await;
    let roles = Dynamic::List(vec!["a".into(), Dynamic::Unknown]);
    let created = cli.create(&[("name", "leave unknown".into()), ("roles", roles)]).await;
    assert_eq!(said(&created.diagnostics), "error id: The provider has a defect");
    let left = state(&created.new_state);
    assert!(!left.has_unknown(), "{left:?}");
    assert_eq!(*left.get("name"), "leave unknown".into());
}

#[tokio::test]
async fn reading_tells_gone_from_failed() {
    let cli = Cli::new().await;
    for (name, message, gone) in [
        ("a", "", false),
        ("gone", "", true),
        ("fail", "error name: Refused", false),
        ("panic", "error: The provider has a defect", false),
    ] {
        let before = thing(&[("name", name.into()), ("id", "1".into())]);
        let read = cli.read(&before, b"").await;
        assert_eq!(said(&read.diagnostics), message, "{name}");
        assert_eq!(state(&read.new_state), if gone { Dynamic::Null } else { before }, "{name}");
    }
}

#[tokio::test]
async fn a_panic_outside_apply_is_a_diagnostic_too() {
    const DEFECT: &str = "error: The provider has a defect";
    let cli = Cli::new().await;
    let config = thing(&[("name", "panic".into())]);
    assert_eq!(cli.validate(&config).await, DEFECT);
    assert_eq!(said(&cli.plan(&Dynamic::Null, &config).await.diagnostics), DEFECT);
    assert_eq!(said(&cli.upgrade(0, r#"{"name":"a"}"#).await.diagnostics), DEFECT);
    assert_eq!(said(&cli.import("panic").await.diagnostics), DEFECT);
    assert_eq!(said(&cli.look_up("panic").await.diagnostics), DEFECT);
    let block = || to_value(&Dynamic::Map(BTreeMap::from([("server".into(), "panic".into())])));
    let request = pb::validate_provider_config::Request { config: block() };
    let answer = cli.service.validate_provider_config(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), DEFECT);
    let request = pb::configure_provider::Request { config: block(), ..Default::default() };
    let answer = cli.service.configure_provider(Request::new(request)).await.unwrap().into_inner();
    assert_eq!(said(&answer.diagnostics), DEFECT);
}

#[tokio::test]
async fn while_the_block_is_unknown_objects_stay_as_they_were_and_that_is_said_once() {
    let cli = Cli::configured(Dynamic::Unknown).await;
    let before = thing(&[("name", "gone".into()), ("id", "1".into())]);
    for warning in ["warning: Objects were not refreshed", "", ""] {
        let read = cli.read(&before, br#"{"phase":"half"}"#).await;
        assert_eq!(said(&read.diagnostics), warning);
        assert_eq!(state(&read.new_state), before);
        assert_eq!(private(&read.private), r#"{"phase":"half"}"#);
    }
    assert_eq!(said(&cli.look_up("a").await.diagnostics), "error: The block is unknown");
    let planned = cli.plan(&before, &thing(&[("name", "gone".into())])).await;
    assert_eq!(said(&planned.diagnostics), "warning: Planned blindly");
}

#[tokio::test]
async fn a_set_of_which_something_is_unknown_goes_back_as_it_came() {
    let cli = Cli::new().await;
    let roles = Dynamic::List(vec!["b".into(), Dynamic::Unknown, "a".into()]);
    let pairs = Dynamic::List(vec![
        object(&Pair::attributes(), &[("left", "z".into()), ("right", Dynamic::Unknown)]),
        object(&Pair::attributes(), &[("left", "a".into())]),
        Dynamic::Unknown,
    ]);
    let config = thing(&[("name", "a".into()), ("roles", roles.clone()), ("set", pairs.clone())]);
    assert_eq!(cli.validate(&config).await, "");
    let planned = state(&cli.plan(&Dynamic::Null, &config).await.planned_state);
    assert_eq!((planned.get("roles"), planned.get("set")), (&roles, &pairs));
}

#[tokio::test]
async fn a_state_of_another_version_is_brought_into_todays_shape() {
    let cli = Cli::new().await;
    for (version, json, message) in [
        (2, r#"{"name":"a","one":"1","size":3.0,"forgotten":{"x":[1]}}"#, ""),
        (1, r#"{"title":"a","one":"1","size":3}"#, ""),
        (3, r#"{"name":"a"}"#, "error: The state was written by a newer provider"),
        (2, "{", "error: The state file holds an object that cannot be read"),
    ] {
        let upgraded = cli.upgrade(version, json).await;
        assert_eq!(said(&upgraded.diagnostics), message, "{json}");
        if message.is_empty() {
            let expected = thing(&[("name", "a".into()), ("size", Dynamic::Int(3))]);
            assert_eq!(state(&upgraded.upgraded_state), expected, "{json}");
        }
    }
}

#[tokio::test]
async fn an_import_is_an_object_or_an_error() {
    let cli = Cli::new().await;
    let imported = cli.import("a").await.imported_resources;
    assert_eq!(state(&imported[0].state), object(&Thing::attributes(), &[("name", "a".into())]));
    let nothing = cli.import("nothing").await;
    assert_eq!(
        (said(&nothing.diagnostics).as_str(), nothing.imported_resources.len()),
        ("error: There is no such thing", 0)
    );
}

#[tokio::test]
async fn attributes_that_belong_together_are_checked_and_what_is_unknown_is_not() {
    let cli = Cli::new().await;
    let unknown = || Dynamic::Unknown;
    for (members, message) in [
        (vec![("password", "x".into())], "error password: `password` needs `password_version`"),
        (vec![("password_version", Dynamic::Int(1))], "error password_version: `password_version` needs `password`"),
        (vec![("password", "x".into()), ("password_version", unknown())], ""),
        (vec![("password", unknown())], ""),
        (vec![("roles", texts(&["a"])), ("alias", "b".into())], "error roles: `roles` and `alias` exclude each other"),
        (vec![("roles", unknown()), ("alias", "b".into())], ""),
        (vec![("roles", texts(&["a"])), ("alias", unknown())], ""),
        (vec![("one", Dynamic::Null)], "error: One of `one`, `other` is needed"),
        (vec![("one", "1".into()), ("other", "2".into())], "error one: Only one of `one`, `other` can be set"),
        (vec![("one", "1".into()), ("other", unknown())], ""),
        (vec![("other", unknown())], ""),
        (vec![("other", "2".into())], ""),
    ] {
        let members = [vec![("name", Dynamic::from("a"))], members].concat();
        assert_eq!(cli.validate(&thing(&members)).await, message, "{members:?}");
    }
}

#[tokio::test]
async fn a_wrong_value_is_shown_at_its_place() {
    let cli = Cli::new().await;
    let wrong = || part(&[("key", Dynamic::Int(1))]);
    for (attribute, value, message) in [
        ("size", Dynamic::Float(0.5), "error size: Wrong type"),
        ("size", Dynamic::BigNumber("9223372036854775808".into()), "error size: Wrong type"),
        // A number beyond 64 bits comes as its digits.
        ("size", "123456789012345678901234567890".into(), "error size: Wrong type"),
        ("size", Dynamic::Int(i64::MIN), ""),
        ("port", "70000".into(), "error port: Invalid value"),
        ("port", "080".into(), "error port: Invalid value"),
        ("port", "80".into(), ""),
        ("single", wrong(), "error single key: Wrong type"),
        ("list", Dynamic::List(vec![part(&[("key", "k".into())]), wrong()]), "error list [1] key: Wrong type"),
        ("map", Dynamic::Map(BTreeMap::from([("m".into(), wrong())])), r#"error map "m" key: Wrong type"#),
        (
            "set",
            Dynamic::List(vec![object(&Pair::attributes(), &[("left", Dynamic::Int(1))])]),
            "error set: Wrong type",
        ),
        ("roles", Dynamic::List(vec![Dynamic::Null]), "error roles: Wrong type"),
    ] {
        let config = thing(&[("name", "a".into()), (attribute, value)]);
        assert_eq!(cli.validate(&config).await, message, "{config:?}");
    }
}

#[tokio::test]
async fn a_function_says_which_argument_is_wrong() {
    let cli = Cli::new().await;
    assert_eq!(cli.call(&[texts(&["a", "b"]), Dynamic::Int(2)]).await, Ok("abab".into()));
    for (arguments, argument) in [
        ([texts(&["a"]), Dynamic::Int(-1)], Some(1)),
        ([texts(&["a"]), Dynamic::Float(0.5)], Some(1)),
        ([Dynamic::List(vec![Dynamic::Null]), Dynamic::Int(1)], Some(0)),
        ([texts(&["a"]), Dynamic::Int(99)], None),
    ] {
        let (text, at) = cli.call(&arguments).await.unwrap_err();
        assert_eq!(at, argument, "{arguments:?}: {text}");
        assert!(!text.is_empty());
    }
}

#[tokio::test]
async fn an_ephemeral_value_takes_its_defaults_and_fails_with_words() {
    let cli = Cli::new().await;
    for (length, result, message) in [
        (Dynamic::Null, "kkkk".into(), ""),
        (Dynamic::Int(2), "kk".into(), ""),
        (Dynamic::Int(-1), Dynamic::Null, "error: Too short"),
    ] {
        let config = Dynamic::Map(BTreeMap::from([("length".into(), length), ("result".into(), Dynamic::Null)]));
        let request = pb::open_ephemeral_resource::Request {
            type_name: "test_key".into(),
            config: to_value(&config),
            ..Default::default()
        };
        let opened = cli.service.open_ephemeral_resource(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&opened.diagnostics), message);
        assert_eq!(*state(&opened.result).get("result"), result);
    }
}

#[tokio::test]
async fn what_is_not_offered_or_not_configured_is_refused_and_changes_nothing() {
    let offered = Provider::new().resource::<Thing>();
    let service = Service::<World>::new(offered, CancellationToken::new(), TaskTracker::new());
    let prior = thing(&[("name", "a".into())]);
    for (type_name, message) in [
        ("test_thing", "error: The provider is not configured"),
        ("test_other", "error: There is no resource `test_other`"),
        ("other_thing", "error: There is no resource `other_thing`"),
    ] {
        let request = pb::apply_resource_change::Request {
            type_name: type_name.into(),
            prior_state: to_value(&prior),
            planned_state: to_value(&Dynamic::Null),
            planned_private: b"{}".to_vec(),
            ..Default::default()
        };
        let answer = service.apply_resource_change(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&answer.diagnostics), message);
        assert_eq!((state(&answer.new_state), answer.private.as_slice()), (prior.clone(), &b"{}"[..]));
    }
}
