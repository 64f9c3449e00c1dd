//! The service as a CLI meets it: messages in, messages out, over a provider that lives in memory.

use std::collections::BTreeMap;

use prost::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Request;

use self::vessel::{Berth, Cabin, Sailor, Vessel};
use self::world::{Key, LookUp, Pair, Parcel, Part, Repeat, Thing, Weigh, Weight, World};
use super::convert::{from_value, to_value};
use super::pb;
use super::pb::provider_server::Provider as _;
use super::service::Service;
use crate::schema::{Attribute, Nesting, Type};
use crate::{Dynamic, Model, Provider};

mod handlers;
mod life;
mod promises;
mod rules;
mod spelling;
mod values;
mod vessel;
mod world;

/// The CLI's side.
struct Cli {
    service: Service<World>,
    /// The resource that it asks for.
    type_name: &'static str,
    attributes: Vec<Attribute>,
}

impl Cli {
    /// A provider whose block is known.
    async fn new() -> Self {
        Self::configured("here".into()).await
    }

    /// The same, asked for vessels.
    async fn of_vessels() -> Self {
        Self { type_name: "test_vessel", attributes: Vessel::attributes(), ..Self::new().await }
    }

    /// Before the provider's block was sent.
    fn unconfigured() -> Self {
        let offered = Provider::new().resource::<Thing>().resource::<Vessel>().data_source::<LookUp>();
        let offered = offered.ephemeral::<Key>().function::<Repeat>().function::<Weigh>();
        let service = Service::new(offered, CancellationToken::new(), TaskTracker::new());
        Self { service, type_name: "test_thing", attributes: Thing::attributes() }
    }

    async fn configured(server: Dynamic) -> Self {
        let cli = Self::unconfigured();
        let config = to_value(&Dynamic::Map(BTreeMap::from([("server".into(), server)])));
        let request = pb::configure_provider::Request { config, ..Default::default() };
        let answer = cli.service.configure_provider(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(said(&answer.diagnostics), "");
        cli
    }

    async fn validate(&self, config: &Dynamic) -> String {
        let request = pb::validate_resource_config::Request {
            type_name: self.type_name.into(),
            config: to_value(config),
            ..Default::default()
        };
        said(&self.service.validate_resource_config(Request::new(request)).await.unwrap().into_inner().diagnostics)
    }

    async fn plan(&self, prior: &Dynamic, config: &Dynamic) -> pb::plan_resource_change::Response {
        self.plan_with(prior, config, &[]).await
    }

    async fn plan_with(&self, prior: &Dynamic, config: &Dynamic, private: &[u8]) -> pb::plan_resource_change::Response {
        let request = pb::plan_resource_change::Request {
            type_name: self.type_name.into(),
            prior_state: to_value(prior),
            proposed_new_state: to_value(&proposed(&self.attributes, prior, config)),
            config: to_value(config),
            prior_private: private.to_vec(),
            ..Default::default()
        };
        self.service.plan_resource_change(Request::new(request)).await.unwrap().into_inner()
    }

    async fn apply(&self, prior: &Dynamic, config: &Dynamic) -> pb::apply_resource_change::Response {
        let planned = self.plan(prior, config).await;
        assert_eq!(said(&planned.diagnostics), "");
        let request = pb::apply_resource_change::Request {
            type_name: self.type_name.into(),
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
            type_name: self.type_name.into(),
            prior_state: to_value(prior),
            planned_state: to_value(&Dynamic::Null),
            config: to_value(&Dynamic::Null),
            ..Default::default()
        };
        self.service.apply_resource_change(Request::new(request)).await.unwrap().into_inner()
    }

    async fn read(&self, state: &Dynamic, private: &[u8]) -> pb::read_resource::Response {
        let request = pb::read_resource::Request {
            type_name: self.type_name.into(),
            current_state: to_value(state),
            private: private.to_vec(),
            ..Default::default()
        };
        self.service.read_resource(Request::new(request)).await.unwrap().into_inner()
    }

    async fn upgrade(&self, version: i64, json: &str) -> pb::upgrade_resource_state::Response {
        let raw_state = Some(pb::RawState { json: json.as_bytes().to_vec(), ..Default::default() });
        let request = pb::upgrade_resource_state::Request { type_name: self.type_name.into(), version, raw_state };
        self.service.upgrade_resource_state(Request::new(request)).await.unwrap().into_inner()
    }

    async fn import(&self, id: &str) -> pb::import_resource_state::Response {
        let request = pb::import_resource_state::Request {
            type_name: self.type_name.into(),
            id: id.into(),
            ..Default::default()
        };
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

    async fn call(&self, name: &str, arguments: &[Dynamic]) -> Result<Dynamic, (String, Option<i64>)> {
        let arguments = arguments.iter().filter_map(to_value).collect();
        let request = pb::call_function::Request { name: name.into(), arguments };
        let answer = self.service.call_function(Request::new(request)).await.unwrap().into_inner();
        match answer.error {
            Some(error) => Err((error.text, error.function_argument)),
            None => Ok(from_value(answer.result).unwrap()),
        }
    }
}

/// What the CLI proposes: the configuration, and the prior value of what only the provider sets. A write-only value is
/// not proposed.
fn proposed(attributes: &[Attribute], prior: &Dynamic, config: &Dynamic) -> Dynamic {
    let Dynamic::Map(_) = config else { return config.clone() };
    let members = attributes.iter().map(|attribute| {
        let (configured, before) = (config.get(attribute.name), prior.get(attribute.name));
        let value = match (&attribute.ty, configured) {
            _ if attribute.write_only => Dynamic::Null,
            (_, Dynamic::Null) if attribute.mode.is_computed() => before.clone(),
            (Type::Nested(Nesting::Single, inside), configured) => proposed(inside, before, configured),
            (Type::Nested(Nesting::List, inside), Dynamic::List(elements)) => {
                let elements = elements.iter().enumerate();
                Dynamic::List(elements.map(|(index, element)| proposed(inside, before.at(index), element)).collect())
            }
            (Type::Nested(Nesting::Map, inside), Dynamic::Map(entries)) => {
                let entries = entries.iter();
                Dynamic::Map(entries.map(|(key, it)| (key.clone(), proposed(inside, before.get(key), it))).collect())
            }
            (_, configured) => configured.clone(),
        };
        (attribute.name.to_owned(), value)
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

/// A vessel called `a` that sails, if nobody says otherwise.
fn vessel(members: &[(&str, Dynamic)]) -> Dynamic {
    let mut members = members.to_vec();
    for (name, value) in [("name", "a"), ("drive", "sail")] {
        if !members.iter().any(|(it, _)| *it == name) {
            members.push((name, value.into()));
        }
    }
    object(&Vessel::attributes(), &members)
}

fn berth(members: &[(&str, Dynamic)]) -> Dynamic {
    object(&Berth::attributes(), members)
}

fn cabin(members: &[(&str, Dynamic)]) -> Dynamic {
    object(&Cabin::attributes(), members)
}

fn sailor(members: &[(&str, Dynamic)]) -> Dynamic {
    object(&Sailor::attributes(), members)
}

fn list<const N: usize>(elements: [Dynamic; N]) -> Dynamic {
    Dynamic::List(elements.into())
}

fn map<const N: usize>(entries: [(&str, Dynamic); N]) -> Dynamic {
    Dynamic::Map(entries.into_iter().map(|(key, entry)| (key.to_owned(), entry)).collect())
}

fn texts(texts: &[&str]) -> Dynamic {
    Dynamic::List(texts.iter().map(|text| (*text).into()).collect())
}

fn state(value: &Option<pb::DynamicValue>) -> Dynamic {
    from_value(value.clone()).unwrap()
}

fn steps(path: &pb::AttributePath) -> String {
    use pb::attribute_path::step::Selector;
    let step = |step: &pb::attribute_path::Step| match &step.selector {
        Some(Selector::AttributeName(name)) => format!(" {name}"),
        Some(Selector::ElementKeyString(key)) => format!(" {key:?}"),
        Some(Selector::ElementKeyInt(index)) => format!(" [{index}]"),
        None => " ?".to_owned(),
    };
    path.steps.iter().map(step).collect()
}

/// The attributes that need a new object.
fn replacing(planned: &pb::plan_resource_change::Response) -> Vec<String> {
    planned.requires_replace.iter().map(|path| steps(path).trim_start().to_owned()).collect()
}

/// `error name: Refused`, one line each.
fn said(diagnostics: &[pb::Diagnostic]) -> String {
    let line = |diagnostic: &pb::Diagnostic| {
        let severity = if diagnostic.severity == pb::diagnostic::Severity::Error as i32 { "error" } else { "warning" };
        format!("{severity}{}: {}", diagnostic.attribute.iter().map(steps).collect::<String>(), diagnostic.summary)
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn holds(message: &impl Message, text: &str) -> bool {
    message.encode_to_vec().windows(text.len()).any(|window| window == text.as_bytes())
}

fn private(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
