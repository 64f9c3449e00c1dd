//! The provider `fabricmirror`: one file per Terraform type, each read top to bottom – model, plan, create, read,
//! update, delete. Nothing here knows TDS, HTTP or protobuf.

mod clients;
mod data_sources;
mod duration;
mod ephemeral;
mod error;
mod functions;
mod generation;
mod import_id;
mod ledger;
mod mirror;
mod operator;
mod pace;
mod provider;
mod resources;
mod surroundings;
mod view;

pub use provider::{FabricMirror, provider};
