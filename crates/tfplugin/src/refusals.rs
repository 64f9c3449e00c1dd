//! What does not compile, each beside what does: rules that could not be carried out, and paths that lead nowhere. Here
//! and not among the refusals of `tfplugin-derive`, for it takes the types of this crate.
//!
//! A set of objects takes no rule that needs a place: no default:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Has no place.
//!     #[attr(optional)]
//!     name: Value<String>,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<Set<Inside>>,
//! }
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Has no place.
//!     #[attr(optional, computed, default = "a")]
//!     name: Value<String>,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<Set<Inside>>,
//! }
//! ```
//!
//!
//! nothing computed;
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Has no place.
//!     #[attr(computed)]
//!     name: Value<String>,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<Set<Inside>>,
//! }
//! ```
//!
//!
//! nothing write-only;
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Has no place.
//!     #[attr(optional, write_only)]
//!     name: Value<String>,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<Set<Inside>>,
//! }
//! ```
//!
//!
//! nothing that replaces;
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Has no place.
//!     #[attr(required, replace)]
//!     name: String,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<Set<Inside>>,
//! }
//! ```
//!
//!
//! and none of that further down:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Has no place.
//!     #[attr(optional)]
//!     name: Value<String>,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Between {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<BTreeMap<String, Inside>>,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(required)]
//!     objects: Set<Between>,
//! }
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Has no place.
//!     #[attr(computed)]
//!     name: Value<String>,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Between {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<BTreeMap<String, Inside>>,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(required)]
//!     objects: Set<Between>,
//! }
//! ```
//!
//!
//! Only a single object replaces:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Replaces.
//!     #[attr(required, replace)]
//!     name: String,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<Inside>,
//! }
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Replaces.
//!     #[attr(required, replace)]
//!     name: String,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<Vec<Inside>>,
//! }
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Replaces.
//!     #[attr(required, replace)]
//!     name: String,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional)]
//!     objects: Value<BTreeMap<String, Inside>>,
//! }
//! ```
//!
//!
//! `one_of` belongs to a `Word`:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(required, one_of = ["a", "b"])]
//!     name: Word,
//! }
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(required, one_of = ["a", "b"])]
//!     name: String,
//! }
//! ```
//!
//!
//! `length` belongs to a text or a collection:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(required, length = 1..=9)]
//!     name: BTreeMap<String, String>,
//! }
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(required, length = 1..=9)]
//!     name: i64,
//! }
//! ```
//!
//!
//! `range` belongs to a number:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional, range = 1..=9)]
//!     days: Value<i64>,
//! }
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(optional, range = 1..=9)]
//!     days: Value<String>,
//! }
//! ```
//!
//!
//! A path leads to an attribute:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Its name.
//!     #[attr(required)]
//!     r#type: String,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// One object.
//!     #[attr(optional)]
//!     single: Value<Inside>,
//! }
//! let _ = path!(Thing: single.type);
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Its name.
//!     #[attr(required)]
//!     r#type: String,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// One object.
//!     #[attr(optional)]
//!     single: Value<Inside>,
//! }
//! let _ = path!(Thing: single.typ);
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Its name.
//!     #[attr(required)]
//!     r#type: String,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// One object.
//!     #[attr(optional)]
//!     single: Value<Inside>,
//! }
//! let _ = path!(Thing: single.type.first);
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// An object inside.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Inside {
//!     /// Its name.
//!     #[attr(required)]
//!     r#type: String,
//! }
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// One object.
//!     #[attr(optional)]
//!     single: Value<Inside>,
//! }
//! let _ = path!(Thing: type);
//! ```
//!
//!
//! A required attribute is a plain `T`:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(required)]
//!     name: String,
//! }
//! ```
//!
//! ```compile_fail
//! # use std::collections::BTreeMap;
//! # use tfplugin::{Model, Set, Value, Word, path};
//! /// A model.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Thing {
//!     /// What it holds.
//!     #[attr(required)]
//!     name: Value<String>,
//! }
//! ```
