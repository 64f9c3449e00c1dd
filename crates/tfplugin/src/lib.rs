//! A Terraform and OpenTofu provider framework: plugin protocol 6 over mutual TLS, and models whose struct is schema,
//! state and documentation.
//!
//! A provider is a [`ProviderType`] (its block in the configuration), a list of what it offers ([`Provider`]), and a
//! `main` that is `tfplugin::serve(provider())`. Each type is a struct with `#[derive(Model)]` and one of the traits
//! [`Resource`], [`DataSource`], [`Ephemeral`], [`Function`]. Nothing outside this crate knows protobuf or msgpack.

extern crate self as tfplugin;

mod context;
mod data_source;
mod diagnostics;
mod dynamic;
mod ephemeral;
mod function;
#[doc(hidden)]
pub mod macros;
mod model;
mod path;
mod private;
mod provider;
#[cfg(doctest)]
mod refusals;
mod resource;
pub mod schema;
mod server;
#[doc(hidden)]
pub mod testing;
mod text;
mod value;
mod wire;

pub use context::Context;
pub use data_source::DataSource;
pub use diagnostics::{Diagnostic, Diagnostics, Severity, sentence};
pub use dynamic::Dynamic;
pub use ephemeral::Ephemeral;
pub use function::{Function, FunctionError};
pub use model::{Draft, Model, Nothing};
pub use path::{AttributePath, Step};
pub use private::Private;
pub use provider::{Described, DescribedFunction, Description, HandlerError, Kind, Provider, ProviderType};
pub use resource::{Answer, Change, Resource};
pub use server::serve;
pub use text::{Text, Word};
pub use tfplugin_derive::Model;
pub use tokio_util::sync::CancellationToken;
pub use value::{AttributeType, Keep, Name, Refusal, Secret, Set, Value, leads_somewhere};
