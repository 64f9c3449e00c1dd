//! What others lose when a permission with grant option is revoked: what its holder made of it goes along (CASCADE).

use std::collections::BTreeSet;

use mssql_admin::{DatabasePrincipals, Permission, PermissionChange, PermissionName, Principal};
use tfplugin::{Context, Diagnostic, path};

use super::{DatabaseGrants, changed_since};
use crate::error::Result;
use crate::provider::FabricMirror;

/// Private state: what others hold from the principal, as the last look showed it. The plan names whoever loses some of
/// it; what came since, no plan has named.
const ALONG: &str = "along";

/// Private state: the permissions that the last look showed and the object does not speak of. The plan names those that a
/// DENY takes away; what came since, no plan has named. Noted by the look and not by the plan: apply plans once more.
const ASIDE: &str = "aside";

pub(super) fn note_what_is_not_looked_at<'a>(cx: &Context<FabricMirror>, rows: impl Iterator<Item = &'a Permission>) {
    let names: BTreeSet<&str> = rows.map(|row| row.name.as_str()).collect();
    cx.private().set(ASIDE, names.into_iter().collect::<Vec<_>>().join(","));
}

pub(super) fn warn_of_what_is_denied(cx: &Context<FabricMirror>, taken: &BTreeSet<String>, holder: &Principal) {
    for permission in taken {
        cx.warn(
            Diagnostic::warning(
                format!("{permission} is taken from {}", holder.name),
                "Somebody granted it, where this object did not look. The DENY that is planned takes its place: should it be \
                 lifted later, the permission has to be granted anew.",
            )
            .at(path!(DatabaseGrants: denied)),
        );
    }
}

/// What was granted since the plan is not denied over.
pub(super) fn refuse_unsaid_denies(
    cx: &Context<FabricMirror>,
    taken: &BTreeSet<String>,
    holder: &Principal,
) -> Result<()> {
    let said = cx.private().get(ASIDE).unwrap_or_default().to_owned();
    match taken.iter().find(|permission| !said.split(',').any(|it| it == permission.as_str())) {
        None => Ok(()),
        Some(permission) => {
            let what = format!("What {} holds", holder.name);
            let advice = format!("Somebody has granted {permission}, which is to be denied.");
            Err(changed_since(what, advice).at(path!(DatabaseGrants: denied)))
        }
    }
}

/// The permission that a change takes from others too.
fn cascades(change: &PermissionChange) -> Option<&PermissionName> {
    match change {
        PermissionChange::RevokeCascade(row) | PermissionChange::RevokeGrantOption(row) => Some(&row.name),
        PermissionChange::Deny(name) => Some(name),
        _ => None,
    }
}

/// What others lose when the changes cascade.
fn losses(principals: &DatabasePrincipals, holder: &Principal, changes: &[PermissionChange]) -> BTreeSet<String> {
    passed_on(principals, holder, changes.iter().filter_map(cascades))
}

/// Notes what others hold from the principal, for the apply that comes after this look.
pub(super) fn note_what_others_hold(
    cx: &Context<FabricMirror>,
    principals: &DatabasePrincipals,
    holder: &Principal,
) -> Result<()> {
    let rows = principals.permissions_of(holder)?;
    let held = passed_on(principals, holder, rows.iter().map(|row| &row.name));
    cx.private().set(ALONG, held.into_iter().collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// What others hold of these permissions from the principal, one line each.
fn passed_on<'a>(
    principals: &DatabasePrincipals,
    holder: &Principal,
    permissions: impl Iterator<Item = &'a PermissionName>,
) -> BTreeSet<String> {
    permissions
        .flat_map(|permission| principals.taken_along(holder, permission))
        .map(|taken| format!("- {} of {}, from {}", taken.name, taken.grantee, taken.grantor))
        .collect()
}

pub(super) fn warn_of_what_goes_along(
    cx: &Context<FabricMirror>,
    principals: &DatabasePrincipals,
    holder: &Principal,
    changes: &[PermissionChange],
) {
    let losses = losses(principals, holder, changes);
    if losses.is_empty() {
        return;
    }
    let list = losses.into_iter().collect::<Vec<_>>().join("\n");
    cx.warn(
        Diagnostic::warning(
            format!("Others lose what {} granted to them", holder.name),
            format!(
                "A permission with grant option can only be revoked together with what its holder made of it. With it \
                 go:\n{list}\n\nWhoever is to keep it needs it from somebody else first."
            ),
        )
        .at(path!(DatabaseGrants: permissions_with_grant_option)),
    );
}

/// What a plan has not said is not taken away.
pub(super) fn refuse_unsaid_losses(
    cx: &Context<FabricMirror>,
    principals: &DatabasePrincipals,
    holder: &Principal,
    changes: &[PermissionChange],
) -> Result<()> {
    let said = cx.private().get(ALONG).unwrap_or_default().to_owned();
    let losses = losses(principals, holder, changes);
    let unsaid: Vec<_> =
        losses.iter().filter(|loss| !said.lines().any(|line| line == loss.as_str())).map(String::as_str).collect();
    if unsaid.is_empty() {
        return Ok(());
    }
    Err(Diagnostic::error(
        format!("Others would lose what {} granted to them", holder.name),
        format!(
            "No plan has said that these go with what is revoked:\n{}\n\nNothing was changed. Run again, and the plan says it.",
            unsaid.join("\n")
        ),
    )
    .at(path!(DatabaseGrants: permissions_with_grant_option))
    .into())
}
