//! Entra principals: who is in the directory, and how a configuration says whom it means.

use tfplugin::Dynamic;
use tfplugin::testing::{Block, Configuration, Expression};

use crate::configs::{Type, object, text};
use crate::edits::Edit;
use crate::rng::Rng;

/// Somebody in the directory that the emulator starts with.
#[derive(Debug, PartialEq, Eq)]
pub struct Principal {
    /// Of a user the user principal name, else the display name.
    pub name: &'static str,
    kind: &'static str,
    pub object_id: &'static str,
    client_id: Option<&'static str>,
    /// That its login and its users have.
    pub sid: &'static str,
}

pub static DIRECTORY: [Principal; 4] = [
    Principal {
        name: "bob@contoso.com",
        kind: "user",
        object_id: "b0b00000-2c3d-4e5f-8a6b-7c8d9e0f1a06",
        client_id: None,
        sid: "0x0000B0B03D2C5F4E8A6B7C8D9E0F1A06",
    },
    Principal {
        name: "Data Team",
        kind: "group",
        object_id: "da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07",
        client_id: None,
        sid: "0xA17E7ADA4E3D5A4F8B7C8D9E0F1A2B07",
    },
    Principal {
        name: "runner",
        kind: "service_principal",
        object_id: "5e1f0b1e-6a7b-4c8d-9e0f-1a2b3c4d5e0a",
        client_id: Some("5e1f0b1e-7b8c-4d9e-8f1a-2b3c4d5e6f0b"),
        sid: "0x1E0B1F5E8C7B9E4D8F1A2B3C4D5E6F0B",
    },
    Principal {
        name: "contoso-mi",
        kind: "managed_identity",
        object_id: "1de47171-90ab-4cde-8f12-3456789abc04",
        client_id: Some("1de47171-aa01-4b23-9c45-6789abcdef05"),
        sid: "0x7171E41D01AA234B9C456789ABCDEF05",
    },
];

/// Names of an application's login that is known by its client id, which nobody looks up.
const FREE_NAMES: [&str; 3] = ["a deploy bot", "it's a b]ot", "Bøt"];

/// What a block stands for besides: a login's name may be free, a user's is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Login,
    User,
}

impl Principal {
    /// Its type in the catalog.
    pub fn letter(&self) -> &'static str {
        if self.kind == "group" { "X" } else { "E" }
    }

    fn entra(&self, id: Option<(&str, &str)>) -> Expression {
        let kind = ("type", text(self.kind));
        match id {
            Some((name, id)) => object([kind, (name, text(id))]),
            None => object([kind]),
        }
    }

    /// `name` and `entra` of a block that means it by its object id, under a name that is not the directory's.
    pub fn renamed(&self, name: &str) -> [(&'static str, Expression); 2] {
        [("name", text(&format!("{} {name}", self.name))), ("entra", self.entra(Some(("object_id", self.object_id))))]
    }

    /// `name` and `entra` of a block that means it, by one of what it can be known by.
    pub fn known(&self, rng: &mut Rng, of: Of) -> [(&'static str, Expression); 2] {
        let by_name = self.client_id.is_none() && rng.chance(50);
        if by_name {
            let name = if rng.chance(20) { self.name.to_uppercase() } else { self.name.to_owned() };
            return [("name", text(&name)), ("entra", self.entra(None))];
        }
        match self.client_id.filter(|_| rng.chance(60)) {
            Some(id) => {
                let is_free = of == Of::Login && rng.chance(40);
                let name = if is_free { rng.one(&FREE_NAMES) } else { self.name };
                [("name", text(name)), ("entra", self.entra(Some(("client_id", id))))]
            }
            None if rng.chance(30) => self.renamed("2"),
            None => {
                let upper = self.object_id.to_uppercase();
                let id = if rng.chance(20) { upper.as_str() } else { self.object_id };
                [("name", text(self.name)), ("entra", self.entra(Some(("object_id", id))))]
            }
        }
    }

    /// By the id that is its SID.
    pub fn by_sid(&self) -> Expression {
        self.entra(Some(match self.client_id {
            Some(id) => ("client_id", id),
            None => ("object_id", self.object_id),
        }))
    }
}

/// Whom a block means, where it means an Entra principal.
pub fn principal(block: &Block) -> Option<&'static Principal> {
    let Expression::Object(entra) = block.attributes.get("entra")? else { return None };
    let given = |name: &str| match entra.get(name) {
        Some(Expression::Value(Dynamic::String(text))) => Some(text.to_lowercase()),
        _ => None,
    };
    let (client_id, object_id, kind) = (given("client_id"), given("object_id"), given("type"));
    DIRECTORY.iter().find(|it| match (&client_id, &object_id) {
        (Some(id), _) => it.client_id == Some(id),
        (None, Some(id)) => it.object_id == *id,
        (None, None) => kind.as_deref() == Some(it.kind),
    })
}

/// Whether what the block says tells by itself whose SID is meant.
pub fn is_certain(block: &Block) -> bool {
    let Some(Expression::Object(entra)) = block.attributes.get("entra") else { return false };
    let is_application = principal(block).is_some_and(|it| it.client_id.is_some());
    entra.contains_key("client_id") || (!is_application && entra.contains_key("object_id"))
}

/// Whether the configuration has a block of this type that means an Entra principal.
pub fn has(configuration: &Configuration, it: Type) -> bool {
    configuration.blocks.iter().any(|block| block.type_name == it.name() && principal(block).is_some())
}

/// Whom the first block of a configuration means that means somebody.
pub fn first(configuration: &Configuration) -> Option<&'static Principal> {
    configuration.blocks.iter().find_map(principal)
}

fn set(address: &str, attributes: [(&'static str, Expression); 2]) -> Vec<Edit> {
    attributes.into_iter().map(|(name, value)| Edit::Set(address.to_owned(), name, value)).collect()
}

/// A change of what a block says of its Entra principal.
pub fn edit(rng: &mut Rng, block: &Block, of: Of) -> (&'static str, Vec<Edit>) {
    let Some(principal) = principal(block) else { return ("nothing", Vec::new()) };
    // A group is not turned into anybody else.
    let others: Vec<&Principal> =
        DIRECTORY.iter().filter(|it| *it != principal && it.letter() == principal.letter()).collect();
    match rng.below(4) {
        0 => ("the Entra principal under another name", set(&block.address, principal.renamed("renamed"))),
        1 if !others.is_empty() => ("another Entra principal", set(&block.address, rng.pick(&others).known(rng, of))),
        _ => ("the Entra principal by another id", set(&block.address, principal.known(rng, of))),
    }
}
