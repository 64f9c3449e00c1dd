//! A provider that lives in memory, and its resource `test_thing`, whose name says what the handlers do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::schema::Attribute;
use crate::{
    Answer, Change, Context, DataSource, Diagnostic, Diagnostics, Dynamic, Ephemeral, Function, FunctionError,
    HandlerError, Model, ProviderType, Resource, Secret, Set, Text, Value, path,
};

/// The block.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Block {
    /// Known once the server exists.
    #[attr(optional)]
    server: Value<String>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) is_known: bool,
    /// The token that `configure` was given.
    stop: CancellationToken,
    /// Names of the vessels that the state was found to hold.
    pub(super) afloat: Mutex<Vec<String>>,
    /// That something is elsewhere was said.
    said: Arc<AtomicBool>,
}

#[derive(Debug)]
pub(super) enum Trouble {
    Said(Diagnostics),
    UnknownBlock,
    Elsewhere(Arc<AtomicBool>),
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
            Self::Elsewhere(_) => Diagnostic::error("All of it is elsewhere", "Name the other server.").into(),
        }
    }
    fn is_unknown_block(&self) -> bool {
        matches!(self, Self::UnknownBlock)
    }
    fn is_said(&self) -> bool {
        matches!(self, Self::Elsewhere(said) if said.swap(true, Ordering::SeqCst))
    }
}

impl ProviderType for World {
    const NAME: &'static str = "test";
    type Config = Block;
    type Error = Trouble;

    fn validate(config: &BlockDraft) -> Diagnostics {
        assert_ne!(config.server, "panic".into(), "validation of the block");
        Diagnostics::default()
    }

    async fn configure(config: BlockDraft, stop: CancellationToken) -> Result<Self, Trouble> {
        assert_ne!(config.server, "panic".into(), "configuration");
        Ok(Self { is_known: !config.server.is_unknown(), stop, afloat: Mutex::default(), said: Arc::default() })
    }
}

/// A part.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub(super) struct Part {
    /// Its key.
    #[attr(required)]
    key: String,
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
pub(super) struct Pair {
    /// One.
    #[attr(required)]
    left: String,
    /// The other.
    #[attr(optional)]
    right: Value<String>,
}

/// A thing.
#[derive(Clone, Debug, Default, PartialEq, Model)]
pub(super) struct Thing {
    /// Given by the server.
    #[attr(computed)]
    id: Value<String>,
    /// What the handlers do.
    #[attr(required, replace)]
    name: String,
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
    pub(super) fn with_password(password: &str) -> Self {
        Self { password: Secret::new(password).into(), ..Self::default() }
    }

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
}

fn refused() -> Trouble {
    Diagnostic::error("Refused", "By the server.").at(path!(Thing: name)).into()
}

impl Resource for Thing {
    const NAME: &'static str = "thing";
    const VERSION: i64 = 2;
    type Provider = World;

    fn validate(config: &ThingDraft) -> Diagnostics {
        assert_ne!(config.name, "panic".into(), "validation");
        Diagnostics::default()
    }

    async fn plan(cx: &Context<World>, change: &mut Change<Self>) -> Answer<(), Self> {
        assert_ne!(change.planned.name, "panic".into(), "plan");
        if !cx.provider.is_known && change.prior.is_some() {
            cx.warn(Diagnostic::warning("Planned blindly", "The server is not known."));
        }
        if change.planned.name == "elsewhere".into() {
            return Err(Trouble::Elsewhere(cx.provider.said.clone()));
        }
        if change.is_replacement() {
            cx.warn(Diagnostic::warning("In the place of another", "Whose end was planned before."));
        }
        cx.private().set("phase", "planned");
        Ok(())
    }

    async fn create(cx: &Context<World>, plan: Self) -> Answer<Self, Self> {
        assert_eq!(cx.private().get("phase"), Some("planned"));
        let name = plan.name.clone();
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
        match state.name.as_str() {
            "gone" => Ok(None),
            "fail" => Err(refused()),
            "elsewhere" => Err(Trouble::Elsewhere(cx.provider.said.clone())),
            "panic" => panic!("read"),
            _ => Ok(Some(state)),
        }
    }

    async fn update(_: &Context<World>, _: Self, plan: Self) -> Answer<Self, Self> {
        if plan.size == 0.into() { Err(refused()) } else { Ok(plan.fill()) }
    }

    async fn delete(cx: &Context<World>, state: Self) -> Answer<(), Self> {
        match state.name.as_str() {
            "fail" => Err(refused()),
            "elsewhere" => Err(Trouble::Elsewhere(cx.provider.said.clone())),
            _ => Ok(()),
        }
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
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct LookUp {
    /// What is looked for.
    #[attr(required)]
    name: String,
    /// What was found.
    #[attr(computed)]
    found: Value<String>,
}

impl DataSource for LookUp {
    const NAME: &'static str = "look_up";
    type Provider = World;

    async fn read(cx: &Context<World>, config: Self) -> Result<Self, Trouble> {
        let provider = &cx.provider;
        let found = match config.name.as_str() {
            "panic" => panic!("look-up"),
            "what is afloat" => provider.afloat.lock().unwrap().join(", "),
            "whether it stops" => provider.stop.is_cancelled().to_string(),
            _ => "it".to_owned(),
        };
        if provider.is_known { Ok(Self { found: found.into(), ..config }) } else { Err(Trouble::UnknownBlock) }
    }
}

/// A key.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Key {
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
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Repeat {
    /// Texts.
    #[attr(required)]
    texts: Vec<String>,
    /// How often.
    #[attr(required)]
    times: i64,
}

impl Function for Repeat {
    const NAME: &'static str = "repeat";
    const SUMMARY: &'static str = "Repeats texts.";
    type Output = String;

    fn call(arguments: Self) -> Result<String, FunctionError> {
        assert_ne!(arguments.times, 99, "function");
        let times = usize::try_from(arguments.times)
            .map_err(|_| FunctionError::at(path!(Repeat: times), "Not fewer than none."))?;
        Ok(arguments.texts.concat().repeat(times))
    }
}

/// A parcel.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Parcel {
    /// Its edge.
    #[attr(required, range = 1..=9)]
    edge: i64,
    /// What is written on it.
    #[attr(optional, conflicts = "mark")]
    label: Value<String>,
    /// What is painted on it.
    #[attr(optional)]
    mark: Value<String>,
}

/// Weighs a parcel.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Weigh {
    /// The parcel.
    #[attr(required)]
    parcel: Parcel,
}

/// What a parcel weighs.
#[derive(Clone, Debug, PartialEq, Model)]
pub(super) struct Weight {
    /// Grams.
    #[attr(computed)]
    grams: Value<i64>,
    /// Its label.
    #[attr(computed)]
    label: Value<String>,
}

impl Function for Weigh {
    const NAME: &'static str = "weigh";
    const SUMMARY: &'static str = "Weighs a parcel.";
    type Output = Weight;

    fn call(arguments: Self) -> Result<Weight, FunctionError> {
        let Parcel { edge, label, .. } = arguments.parcel;
        if label.known().is_some_and(|label| label == "feather") {
            return Err(FunctionError::at(path!(Weigh: parcel.label), "Feathers weigh nothing."));
        }
        Ok(Weight { grams: edge.pow(3).into(), label })
    }
}
