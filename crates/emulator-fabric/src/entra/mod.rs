//! Microsoft Entra as far as the product needs it: a directory of principals ([`directory`]), access tokens
//! ([`tokens`]) and the token endpoint for applications
//! ([`endpoint`]) and those for managed identities ([`managed_identity`]). Facts: tds.md §4, fabric-api.md §8.4.

pub mod directory;
pub mod endpoint;
pub mod managed_identity;
pub mod tokens;

pub use directory::{Directory, Principal, PrincipalKind};
pub use tokens::{Caller, TokenError, Tokens, Verifier};

/// Audience of tokens for the Fabric REST API.
pub const FABRIC: &str = "https://api.fabric.microsoft.com";
/// Audience of tokens for SQL, with the slash.
pub const SQL: &str = "https://database.windows.net/";
