//! What tokens can be asked for: the identifier URIs of Microsoft's services, and how a request names one.
//!
//! Sources: Learn, "Azure services that support Microsoft Entra authentication" and "Scopes and permissions in the
//! Microsoft identity platform". The emulator answers Fabric's and SQL's audiences itself; tokens for the others are for
//! clients that get them on the way. App ids in the place of a URI are not taken.

/// Audience of tokens for the Fabric REST API.
pub const FABRIC: &str = "https://api.fabric.microsoft.com";
/// The older audience of the same service: Fabric's API takes its tokens too.
pub const POWER_BI: &str = "https://analysis.windows.net/powerbi/api";
/// Audience of tokens for SQL, with the slash.
pub const SQL: &str = "https://database.windows.net/";
/// What a scope without a resource means.
const GRAPH: &str = "https://graph.microsoft.com";

/// Services of every tenant besides.
const OTHERS: [&str; 10] = [
    GRAPH,
    "https://storage.azure.com",
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://vault.azure.net",
    "https://datalake.azure.net",
    "https://eventhubs.azure.net",
    "https://servicebus.azure.net",
    "https://batch.core.windows.net",
    "https://kusto.kusto.windows.net",
];

/// OpenID Connect's own scopes, which MSAL adds to every request: they name no resource.
const RESERVED: [&str; 4] = ["openid", "offline_access", "profile", "email"];
const DEFAULT: &str = ".default";

/// Why a scope names no resource that a token can be issued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeError<'s> {
    Several,
    NotDefault,
    Unknown(&'s str),
}

/// The audience of tokens for `resource`; nothing if the tenant has no such service. It is spelled as it was asked for,
/// with the slash or without, but SQL's always has it.
pub fn audience(resource: &str) -> Option<String> {
    let same = |known: &str| resource.trim_end_matches('/') == known.trim_end_matches('/');
    if same(SQL) {
        return Some(SQL.to_owned());
    }
    [FABRIC, POWER_BI].into_iter().chain(OTHERS).any(same).then(|| resource.to_owned())
}

/// The audience that a `scope` means: `RESOURCE/.default`, once, beside reserved scopes in any order. A resource that
/// ends with a slash keeps it, which makes two; without a resource it is Microsoft Graph.
pub fn audience_of(scope: &str) -> Result<String, ScopeError<'_>> {
    let mut asked: Vec<&str> = scope.split_ascii_whitespace().filter(|scope| !RESERVED.contains(scope)).collect();
    asked.sort_unstable();
    asked.dedup();
    let [asked] = asked[..] else {
        return Err(if asked.is_empty() { ScopeError::NotDefault } else { ScopeError::Several });
    };
    let Some(resource) = asked.strip_suffix(DEFAULT) else { return Err(ScopeError::NotDefault) };
    if resource.is_empty() {
        return Ok(GRAPH.to_owned());
    }
    let Some(resource) = resource.strip_suffix('/') else { return Err(ScopeError::NotDefault) };
    audience(resource).ok_or(ScopeError::Unknown(resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_scopes_are_no_resource() {
        for (scope, expected) in [
            ("https://api.fabric.microsoft.com/.default openid offline_access profile", Ok(FABRIC)),
            ("openid  https://api.fabric.microsoft.com/.default\tprofile email", Ok(FABRIC)),
            ("https://api.fabric.microsoft.com/.default https://api.fabric.microsoft.com/.default", Ok(FABRIC)),
            ("https://analysis.windows.net/powerbi/api/.default", Ok(POWER_BI)),
            ("https://database.windows.net/.default", Ok(SQL)),
            ("https://database.windows.net//.default", Ok(SQL)),
            ("https://management.core.windows.net//.default", Ok("https://management.core.windows.net/")),
            ("https://storage.azure.com/.default", Ok("https://storage.azure.com")),
            (".default offline_access", Ok(GRAPH)),
            ("openid profile offline_access", Err(ScopeError::NotDefault)),
            ("https://api.fabric.microsoft.com.default", Err(ScopeError::NotDefault)),
            ("https://api.fabric.microsoft.com/Item.Read.All openid", Err(ScopeError::NotDefault)),
            ("https://storage.azure.com/.default https://graph.microsoft.com/.default", Err(ScopeError::Several)),
            ("https://nobody.example/.default openid", Err(ScopeError::Unknown("https://nobody.example"))),
        ] {
            assert_eq!(audience_of(scope).as_deref().map_err(|error| *error), expected, "{scope}");
        }
    }
}
