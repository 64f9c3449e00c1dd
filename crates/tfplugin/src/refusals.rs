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
//!
//!
//! A function's arguments come from the caller, its answer from the function:
//!
//! ```
//! # use tfplugin::{CancellationToken, Diagnostic, Diagnostics, Function, FunctionError, HandlerError, Model, Nothing};
//! # use tfplugin::{Provider, ProviderType, Value, schema::Attribute};
//! # struct Us;
//! # struct Trouble;
//! # impl From<Diagnostic> for Trouble {
//! #     fn from(_: Diagnostic) -> Self {
//! #         Self
//! #     }
//! # }
//! # impl HandlerError for Trouble {
//! #     fn diagnose(self, _: &[Attribute]) -> Diagnostics {
//! #         Diagnostics::default()
//! #     }
//! # }
//! # impl ProviderType for Us {
//! #     const NAME: &'static str = "us";
//! #     type Config = Nothing;
//! #     type Error = Trouble;
//! #     async fn configure(_: Nothing, _: CancellationToken) -> Result<Self, Trouble> {
//! #         Ok(Self)
//! #     }
//! # }
//! /// An argument that is an object.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Given {
//!     /// Its name.
//!     #[attr(optional)]
//!     name: Value<String>,
//! }
//! /// Names something.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Name {
//!     /// What it is given.
//!     #[attr(required)]
//!     given: Given,
//! }
//! /// An answer that is an object.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Named {
//!     /// Its name.
//!     #[attr(computed)]
//!     name: Value<String>,
//! }
//! impl Function for Name {
//!     const NAME: &'static str = "name";
//!     const SUMMARY: &'static str = "Names something.";
//!     type Output = Named;
//!     fn call(arguments: Self) -> Result<Named, FunctionError> {
//!         Ok(Named { name: arguments.given.name })
//!     }
//! }
//! let _ = Provider::<Us>::new().function::<Name>();
//! ```
//!
//!
//! nothing in an argument is computed or has a default, not even further down;
//!
//! ```compile_fail
//! # use tfplugin::{CancellationToken, Diagnostic, Diagnostics, Function, FunctionError, HandlerError, Model, Nothing};
//! # use tfplugin::{Provider, ProviderType, Value, schema::Attribute};
//! # struct Us;
//! # struct Trouble;
//! # impl From<Diagnostic> for Trouble {
//! #     fn from(_: Diagnostic) -> Self {
//! #         Self
//! #     }
//! # }
//! # impl HandlerError for Trouble {
//! #     fn diagnose(self, _: &[Attribute]) -> Diagnostics {
//! #         Diagnostics::default()
//! #     }
//! # }
//! # impl ProviderType for Us {
//! #     const NAME: &'static str = "us";
//! #     type Config = Nothing;
//! #     type Error = Trouble;
//! #     async fn configure(_: Nothing, _: CancellationToken) -> Result<Self, Trouble> {
//! #         Ok(Self)
//! #     }
//! # }
//! /// An argument that is an object.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Given {
//!     /// Its name.
//!     #[attr(optional, computed, default = "a")]
//!     name: Value<String>,
//! }
//! /// Names something.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Name {
//!     /// What it is given.
//!     #[attr(required)]
//!     given: Given,
//! }
//! /// An answer that is an object.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Named {
//!     /// Its name.
//!     #[attr(computed)]
//!     name: Value<String>,
//! }
//! impl Function for Name {
//!     const NAME: &'static str = "name";
//!     const SUMMARY: &'static str = "Names something.";
//!     type Output = Named;
//!     fn call(arguments: Self) -> Result<Named, FunctionError> {
//!         Ok(Named { name: arguments.given.name })
//!     }
//! }
//! let _ = Provider::<Us>::new().function::<Name>();
//! ```
//!
//!
//! nothing is kept from anybody;
//!
//! ```compile_fail
//! # use tfplugin::{CancellationToken, Diagnostic, Diagnostics, Function, FunctionError, HandlerError, Model, Nothing};
//! # use tfplugin::{Provider, ProviderType, Value, schema::Attribute};
//! # struct Us;
//! # struct Trouble;
//! # impl From<Diagnostic> for Trouble {
//! #     fn from(_: Diagnostic) -> Self {
//! #         Self
//! #     }
//! # }
//! # impl HandlerError for Trouble {
//! #     fn diagnose(self, _: &[Attribute]) -> Diagnostics {
//! #         Diagnostics::default()
//! #     }
//! # }
//! # impl ProviderType for Us {
//! #     const NAME: &'static str = "us";
//! #     type Config = Nothing;
//! #     type Error = Trouble;
//! #     async fn configure(_: Nothing, _: CancellationToken) -> Result<Self, Trouble> {
//! #         Ok(Self)
//! #     }
//! # }
//! /// An argument that is an object.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Given {
//!     /// Its name.
//!     #[attr(optional, write_only)]
//!     name: Value<String>,
//! }
//! /// Names something.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Name {
//!     /// What it is given.
//!     #[attr(required)]
//!     given: Given,
//! }
//! /// An answer that is an object.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Named {
//!     /// Its name.
//!     #[attr(computed)]
//!     name: Value<String>,
//! }
//! impl Function for Name {
//!     const NAME: &'static str = "name";
//!     const SUMMARY: &'static str = "Names something.";
//!     type Output = Named;
//!     fn call(arguments: Self) -> Result<Named, FunctionError> {
//!         Ok(Named { name: arguments.given.name })
//!     }
//! }
//! let _ = Provider::<Us>::new().function::<Name>();
//! ```
//!
//!
//! nothing in an answer is configured.
//!
//! ```compile_fail
//! # use tfplugin::{CancellationToken, Diagnostic, Diagnostics, Function, FunctionError, HandlerError, Model, Nothing};
//! # use tfplugin::{Provider, ProviderType, Value, schema::Attribute};
//! # struct Us;
//! # struct Trouble;
//! # impl From<Diagnostic> for Trouble {
//! #     fn from(_: Diagnostic) -> Self {
//! #         Self
//! #     }
//! # }
//! # impl HandlerError for Trouble {
//! #     fn diagnose(self, _: &[Attribute]) -> Diagnostics {
//! #         Diagnostics::default()
//! #     }
//! # }
//! # impl ProviderType for Us {
//! #     const NAME: &'static str = "us";
//! #     type Config = Nothing;
//! #     type Error = Trouble;
//! #     async fn configure(_: Nothing, _: CancellationToken) -> Result<Self, Trouble> {
//! #         Ok(Self)
//! #     }
//! # }
//! /// An argument that is an object.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Given {
//!     /// Its name.
//!     #[attr(optional)]
//!     name: Value<String>,
//! }
//! /// Names something.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Name {
//!     /// What it is given.
//!     #[attr(required)]
//!     given: Given,
//! }
//! /// An answer that is an object.
//! #[derive(Clone, Debug, PartialEq, Model)]
//! struct Named {
//!     /// Its name.
//!     #[attr(optional, computed)]
//!     name: Value<String>,
//! }
//! impl Function for Name {
//!     const NAME: &'static str = "name";
//!     const SUMMARY: &'static str = "Names something.";
//!     type Output = Named;
//!     fn call(arguments: Self) -> Result<Named, FunctionError> {
//!         Ok(Named { name: arguments.given.name })
//!     }
//! }
//! let _ = Provider::<Us>::new().function::<Name>();
//! ```
