//! Microsoft Entra as far as the product needs it: a directory of principals ([`directory`]), access tokens
//! ([`tokens`]), the key that signs them ([`signing`]), the services they are for ([`resources`]), the token endpoint
//! for applications ([`endpoint`]) with what proves them
//! ([`assertion`], and the issuers of such proof, [`issuers`]), what clients read before they ask there ([`discovery`]), and the endpoints for
//! managed identities ([`managed_identity`]). Facts: tds.md §4, fabric-api.md §8.4.

mod assertion;
pub mod directory;
pub mod discovery;
pub mod endpoint;
pub mod issuers;
pub mod managed_identity;
mod refusal;
pub mod resources;
pub mod signing;
pub mod tokens;

pub use directory::{Directory, FederatedCredential, Principal, PrincipalKind};
pub use resources::{FABRIC, POWER_BI, SQL};
pub use signing::SigningKey;
pub use tokens::{Caller, TokenError, Tokens, Verifier};
