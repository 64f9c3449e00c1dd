//! The HTTP side of the emulator, in process, over real TLS on loopback, with a source that is a fake: no SQL here.
//! Every answer is checked against Microsoft's published description of the API where that is at hand.

mod choices;
mod conformance;
mod connections;
mod contained;
mod control;
mod data;
mod data_access_roles;
mod entra;
mod fake;
mod folders;
mod gateways;
mod items;
mod managed_identity;
mod mirroring;
mod quotas;
mod recoverable_items;
mod scenarios;
mod site;
mod workspaces;
