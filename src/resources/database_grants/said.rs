//! What is said of permissions that are not as the configuration has them: denies that would be lifted, what others hold,
//! what stays after a deletion.

use mssql_admin::{DatabasePrincipals, Permission, PermissionChange, PermissionState, Principal};
use tfplugin::{Context, Diagnostic, Diagnostics, path};

use super::{CONNECT, DatabaseGrants, describe};
use crate::error::Result;
use crate::provider::FabricMirror;

impl DatabaseGrants {
    /// The denies of the state that the configuration does not list.
    fn lifted<'a>(&self, prior: &'a Self) -> Vec<&'a str> {
        let mut lifted: Vec<&str> =
            prior.sets()[2].iter().map(|name| name.as_str()).filter(|name| !self.denies(name)).collect();
        if prior.connect == false.into() && !self.denies(CONNECT) && !lifted.contains(&CONNECT) {
            lifted.push(CONNECT);
        }
        if prior.is_exclusive() && !self.is_exclusive() {
            // What is not listed is not looked at any more.
            lifted.retain(|name| self.lists_name(name) || (*name == CONNECT && prior.connect == false.into()));
        }
        lifted
    }

    pub(super) fn warn_of_lifting(
        &self,
        cx: &Context<FabricMirror>,
        prior: &Self,
        principals: Option<&DatabasePrincipals>,
    ) {
        let rows = principals.and_then(|seen| seen.permissions_of(prior.grantee_of(cx, seen)?).ok());
        let in_the_way =
            rows.iter().flatten().filter(|row| self.meets_deny(cx, prior, row)).map(|row| row.name.as_str());
        for permission in self.lifted(prior).into_iter().chain(in_the_way) {
            let denied = |row: &&&Permission| row.state == PermissionState::Denied && row.name.as_str() == permission;
            let row = rows.as_ref().map(|rows| rows.iter().find(denied));
            // CONNECT may be missing without any DENY.
            if permission == CONNECT && !prior.denies(CONNECT) && row.is_none_or(|row| row.is_none()) {
                continue;
            }
            let by = row.flatten().map_or(String::new(), |row| format!(", set by {}", row.grantor));
            let will = if self.lifts() {
                "Apply will lift it."
            } else {
                "Apply will refuse to lift it unless `lift_denies = true`."
            };
            cx.warn(
                Diagnostic::warning(
                    format!("{permission} is denied to {}{by}", prior.principal),
                    format!("The configuration does not deny it. {will} To keep the DENY, add it to `denied`."),
                )
                .at(path!(DatabaseGrants: denied)),
            );
        }
    }

    /// Before the first statement: a DENY that nobody asked to lift stays, and with it everything else. So does one that
    /// came since the plan.
    pub(super) fn refuse_lifting(
        &self,
        cx: &Context<FabricMirror>,
        prior: &Self,
        principals: &DatabasePrincipals,
        holder: &Principal,
    ) -> Result<()> {
        let lifted = self.lifted(prior);
        let wanted = self.wanted(holder);
        let mut said = Diagnostics::default();
        for row in principals.permissions_of(holder)? {
            let name = row.name.as_str();
            let is_planned = lifted.contains(&name) || self.meets_deny(cx, prior, row);
            let is_in_the_way = wanted.granted.contains(&row.name) || wanted.with_grant_option.contains(&row.name);
            if row.state != PermissionState::Denied || (!is_planned && !is_in_the_way) || (is_planned && self.lifts()) {
                continue;
            }
            let since = if is_planned { "" } else { " It came since the plan was made: a new plan shows it." };
            said.push(
                Diagnostic::error(
                    format!("{name} is denied to {}", self.principal),
                    format!(
                        "A DENY protects something, and a GRANT would lift it unsaid; nothing was changed. It was set by \
                         {}.{since}\n\nTo lift it, set `lift_denies = true`; to keep it, add \"{name}\" to `denied`.",
                        row.grantor
                    ),
                )
                .at(path!(DatabaseGrants: permissions)),
            );
        }
        if said.is_empty() { Ok(()) } else { Err(said.into()) }
    }

    pub(super) fn warn_of_what_comes_into_sight(&self, cx: &Context<FabricMirror>, rows: &[&Permission]) {
        let others: Vec<_> = rows.iter().filter(|row| !self.lists(&row.name)).map(|row| describe(row)).collect();
        if others.is_empty() {
            return;
        }
        cx.warn(
            Diagnostic::warning(
                format!("{} holds permissions that are not listed", self.principal),
                format!(
                    "This update revokes none of them. The plan after it shows them as differences, and would revoke them:\n{}",
                    others.join("\n")
                ),
            )
            .at(path!(DatabaseGrants: exclusive)),
        );
    }

    /// What is held from somebody otherwise than it is listed, where this update does not revoke it: nobody looked at it so
    /// far, or this is the update that switches `exclusive`.
    pub(super) fn warn_of_what_is_held_otherwise(
        &self,
        cx: &Context<FabricMirror>,
        prior: &Self,
        rows: &[&Permission],
        changes: &[PermissionChange],
    ) {
        let [granted, _, denied] = self.sets();
        let is_otherwise = |row: &&&Permission| {
            let name = &row.name.clone().into();
            let is_new = !prior.lists(&row.name) || prior.is_exclusive();
            let is_new = is_new && self.lists(&row.name);
            let is_replaced = changes.iter().any(|it| matches!(it, PermissionChange::Deny(name) if *name == row.name));
            is_new
                && match row.state {
                    PermissionState::GrantedWithGrantOption => granted.contains(name) || denied.contains(name),
                    PermissionState::Granted => denied.contains(name) && !is_replaced,
                    PermissionState::Denied => false,
                }
        };
        let held: Vec<_> = rows.iter().filter(is_otherwise).map(|row| describe(row)).collect();
        if held.is_empty() {
            return;
        }
        cx.warn(
            Diagnostic::warning(
                format!("{} holds permissions otherwise than listed", self.principal),
                format!(
                    "This update revokes none of them: they were not looked at so far, or it switches `exclusive`. The plan \
                     after it shows them as differences, and would revoke them:\n{}",
                    held.join("\n")
                ),
            )
            .at(path!(DatabaseGrants: permissions)),
        );
    }

    /// What the state lists and the configuration does not: nobody looks at it from now on.
    pub(super) fn warn_of_what_goes_out_of_sight(
        &self,
        cx: &Context<FabricMirror>,
        prior: &Self,
        rows: &[&Permission],
    ) {
        let leaves = |row: &&&Permission| prior.lists(&row.name) && !self.lists(&row.name);
        let leaving: Vec<_> = rows.iter().filter(leaves).map(|row| describe(row)).collect();
        if leaving.is_empty() {
            return;
        }
        cx.warn(
            Diagnostic::warning(
                format!("{} keeps permissions that are not managed any more", self.principal),
                format!(
                    "Not exclusive, the object looks at what it lists alone. These are neither shown nor revoked from now on, nor \
                     when the object is destroyed:\n{}\n\nTo have them revoked, apply once with `exclusive = true` before.",
                    leaving.join("\n")
                ),
            )
            .at(path!(DatabaseGrants: exclusive)),
        );
    }

    /// What the state lists and the principal still holds, or is denied, after a deletion or a change that leaves it out: no
    /// plan has seen it as it is now.
    pub(super) fn warn_of_what_came(
        &self,
        cx: &Context<FabricMirror>,
        principals: &DatabasePrincipals,
        rows: &[&Permission],
        changes: &[PermissionChange],
    ) {
        // Of a DENY that the state shows, the plan has spoken.
        let is_new = |row: &&&Permission| row.state != PermissionState::Denied || !self.denies(row.name.as_str());
        let came: Vec<String> = rows
            .iter()
            .filter(is_new)
            .filter(|row| self.lists(&row.name) && !goes(principals, changes, row))
            .map(|row| describe(row))
            .collect();
        if came.is_empty() {
            return;
        }
        cx.warn(
            Diagnostic::warning(
                format!("{} keeps permissions that came since the plan", self.principal),
                format!(
                    "Somebody granted or denied them otherwise than the plan saw them; they stay, and are a DBA's to take away:\n{}",
                    came.join("\n")
                ),
            )
            .at(path!(DatabaseGrants: permissions)),
        );
    }

    /// The denies of the state that a deletion leaves: nobody knows that they are ours.
    pub(super) fn warn_of_what_stays(
        &self,
        cx: &Context<FabricMirror>,
        principals: &DatabasePrincipals,
        rows: &[&Permission],
        changes: &[PermissionChange],
    ) {
        let stays: Vec<String> = rows
            .iter()
            .filter(|row| {
                row.state == PermissionState::Denied
                    && self.denies(row.name.as_str())
                    && !goes(principals, changes, row)
            })
            .map(|row| describe(row))
            .collect();
        if stays.is_empty() {
            return;
        }
        cx.warn(
            Diagnostic::warning(
                format!("What is denied to {} stays denied", self.principal),
                format!(
                    "These were there before this object, or came with an import:\n{}\n\nA DENY protects something: to take it \
                     away with the object, set `lift_denies = true` and apply before.",
                    stays.join("\n")
                ),
            )
            .at(path!(DatabaseGrants: denied)),
        );
    }
}

/// Whether one of the changes revokes the permission, from the one who gave it.
fn goes(principals: &DatabasePrincipals, changes: &[PermissionChange], row: &Permission) -> bool {
    changes.iter().any(|it| match it {
        PermissionChange::Revoke(revoked) | PermissionChange::RevokeCascade(revoked) => {
            let grantor = revoked.grantor.as_ref().map_or(principals.operator(), |grantor| grantor.as_str());
            revoked.name == row.name && mssql_admin::same_name(grantor, &row.grantor)
        }
        _ => false,
    })
}
