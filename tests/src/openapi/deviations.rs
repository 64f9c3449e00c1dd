//! Where the emulator answers otherwise than the published description says, and why.

use std::collections::BTreeSet;

use super::{Deviation, What};

/// A deviation that is meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// As [`Deviation::route`]; `*` is every route.
    pub route: &'static str,
    /// 0 is every status.
    pub status: u16,
    pub at: &'static str,
    pub what: What,
    pub reason: &'static str,
}

const fn known(route: &'static str, status: u16, what: What, at: &'static str, reason: &'static str) -> Known {
    Known { route, status, at, what, reason }
}

/// All that are meant. "Recorded": seen in recordings of real tenants, fabric-api facts §11.
pub const KNOWN: &[Known] = &[
    known("POST /connections", 201, What::HeaderUndeclared, "Location", "recorded: 201 with Location"),
    known(MIRRORS, 201, What::HeaderUndeclared, "ETag", EMPTY_TAG),
    known(MIRROR, 200, What::HeaderUndeclared, "ETag", EMPTY_TAG),
    known(MIRROR_PATCH, 200, What::HeaderUndeclared, "ETag", EMPTY_TAG),
    known("POST /workspaces/{workspaceId}/items", 201, What::HeaderUndeclared, "ETag", EMPTY_TAG),
    known("GET /workspaces/{workspaceId}/items/{itemId}", 200, What::HeaderUndeclared, "ETag", EMPTY_TAG),
    known("PATCH /workspaces/{workspaceId}/items/{itemId}", 200, What::HeaderUndeclared, "ETag", EMPTY_TAG),
    known(MIRROR, 200, What::Null, "$.properties.oneLakeTablesPath", "recorded: null while the mirror initializes"),
    known(MIRROR_PATCH, 200, What::Null, "$.properties.oneLakeTablesPath", "as GET"),
    known("*", 404, What::NoBody, "CapacityNotActive", "said of paused capacities; only where the scenario chooses it"),
    known(START, 202, What::Status, "", "said by one author; only where the scenario chooses it"),
    known(MIRROR_LIST, 200, What::Null, "$.value[].properties.oneLakeTablesPath", "as GET of one"),
    known(TABLES, 200, What::Null, "$.continuationUri", "recorded: null on the last page"),
    known(TABLES, 200, What::Null, "$.continuationToken", "recorded: null on the last page"),
    known(ROLES, 400, What::FieldMissing, "$.moreDetails[].errorCode", PRINCIPAL_NOT_FOUND),
    known(ROLES, 400, What::FieldMissing, "$.moreDetails[].message", PRINCIPAL_NOT_FOUND),
    known(OPERATION, 200, What::Value, "$.createdTimeUtc", "recorded: times of operations have no Z"),
    known(OPERATION, 200, What::Value, "$.lastUpdatedTimeUtc", "recorded: times of operations have no Z"),
    known(OPERATION, 200, What::Null, "$.percentComplete", "recorded: null until it has succeeded"),
    known(OPERATION, 200, What::HeaderMissing, "Location", "recorded: none once it has succeeded without a result"),
    known(
        OPERATION,
        200,
        What::HeaderMissing,
        "x-ms-operation-id",
        "recorded: none once it has succeeded without a result",
    ),
    known(OPERATION, 200, What::HeaderMissing, "Retry-After", "recorded: none once the operation has succeeded"),
    known(TYPES, 200, What::Null, "$.value[].creationMethods[].parameters[].allowedValues", "recorded: null"),
    known("POST /gateways", 201, What::HeaderUndeclared, "Location", "recorded: 201 with Location"),
    known(
        "POST /workspaces/{workspaceId}/folders",
        201,
        What::HeaderUndeclared,
        "Location",
        "recorded: 201 with Location",
    ),
    known(OPERATION, 200, What::Null, "$.error", "recorded: null unless it has failed"),
    known(CONNECTIONS, 200, What::Null, "$.value[].connectionRecency.lastBoundDateTime", NEVER),
    known(CONNECTIONS, 200, What::Null, "$.value[].connectionRecency.lastCredentialUsedDateTime", NEVER),
    known(CONNECTIONS, 200, What::Null, "$.value[].connectionRecency.myLastBoundDateTime", NEVER),
    known(CONNECTIONS, 200, What::Null, "$.value[].connectionRecency.myLastCredentialUsedDateTime", NEVER),
    known(ROLES, 409, What::FieldMissing, "$.moreDetails[].errorCode", "as PrincipalNotFound (UNCONFIRMED)"),
    known(ROLES, 409, What::FieldMissing, "$.moreDetails[].message", "as PrincipalNotFound (UNCONFIRMED)"),
    known("GET /workspaces/{workspaceId}/recoverableItems", 0, What::Route, "", BIN),
    known("POST /workspaces/{workspaceId}/recoverableItems/{itemId}/recover", 0, What::Route, "", BIN),
    known("DELETE /workspaces/{workspaceId}/recoverableItems/{itemId}", 0, What::Route, "", BIN),
];

const MIRRORS: &str = "POST /workspaces/{workspaceId}/mirroredDatabases";
const MIRROR_LIST: &str = "GET /workspaces/{workspaceId}/mirroredDatabases";
const MIRROR: &str = "GET /workspaces/{workspaceId}/mirroredDatabases/{mirroredDatabaseId}";
const MIRROR_PATCH: &str = "PATCH /workspaces/{workspaceId}/mirroredDatabases/{mirroredDatabaseId}";
const TABLES: &str = "POST /workspaces/{workspaceId}/mirroredDatabases/{mirroredDatabaseId}/getTablesMirroringStatus";
const START: &str = "POST /workspaces/{workspaceId}/mirroredDatabases/{mirroredDatabaseId}/startMirroring";
const ROLES: &str = "POST /workspaces/{workspaceId}/roleAssignments";
const OPERATION: &str = "GET /operations/{operationId}";
const TYPES: &str = "GET /connections/supportedConnectionTypes";
const CONNECTIONS: &str = "GET /connections";
const EMPTY_TAG: &str = "recorded: items answer an empty ETag";
const NEVER: &str = "recorded: null if never";
const BIN: &str = "on Microsoft's pages and in its newest SDK; younger than the description";
const PRINCIPAL_NOT_FOUND: &str = "recorded: the detail of PrincipalNotFound has a related resource alone";

impl Known {
    fn covers(&self, deviation: &Deviation) -> bool {
        (self.route == "*" || self.route == deviation.route)
            && (self.status == 0 || self.status == deviation.status)
            && self.at == deviation.at
            && self.what == deviation.what
    }
}

/// Method and path of every route that is served and not described.
pub fn undescribed() -> impl Iterator<Item = (&'static str, &'static str)> {
    KNOWN.iter().filter(|known| known.what == What::Route).filter_map(|known| known.route.split_once(' '))
}

/// The undescribed path that this one is, below `/v1`.
pub fn undescribed_path(method: &str, path: &str) -> Option<&'static str> {
    undescribed().find(|(of, template)| *of == method && super::fits(template, path)).map(|(_, template)| template)
}

/// Those that nobody listed.
pub fn unlisted<'d>(found: impl IntoIterator<Item = &'d Deviation>) -> Vec<&'d Deviation> {
    found.into_iter().filter(|deviation| !KNOWN.iter().any(|known| known.covers(deviation))).collect()
}

/// Those of the list that were not found: for a run that has seen everything.
pub fn gone(found: &BTreeSet<Deviation>) -> Vec<&'static Known> {
    KNOWN.iter().filter(|known| !found.iter().any(|deviation| known.covers(deviation))).collect()
}
