//! What is to be granted, denied and revoked: for a new object, for a change, and at its end.

use std::collections::BTreeSet;

use mssql_admin::{
    DatabasePrincipals, Grants, Permission, PermissionChange, PermissionName, PermissionState, Principal,
};
use tfplugin::Context;

use super::held::Held;
use super::{CONNECT, DatabaseGrants, HELD, Names, OUR_DENIES, WAS_KEPT_OUT, contains, is_implied, is_role};
use crate::error::Result;
use crate::provider::FabricMirror;

impl DatabaseGrants {
    /// The three sets that are wanted. CONNECT is wanted of every user, unless it is listed otherwise.
    pub(super) fn wanted(&self, grantee: &Principal) -> Grants {
        let names = |set: &Names| -> BTreeSet<PermissionName> { set.iter().map(|name| name.value().clone()).collect() };
        let [granted, with_grant_option, denied] = self.sets();
        let mut wanted =
            Grants { granted: names(granted), with_grant_option: names(with_grant_option), denied: names(denied) };
        let connect: PermissionName = CONNECT.parse().expect("a legal name");
        if !is_role(grantee) && !wanted.with_grant_option.contains(&connect) && !wanted.denied.contains(&connect) {
            wanted.granted.insert(connect);
        }
        wanted
    }

    /// What leads a new object to what is wanted: nothing is revoked.
    pub(super) fn additions(
        &self,
        principals: &DatabasePrincipals,
        grantee: &Principal,
    ) -> Result<Vec<PermissionChange>> {
        let rows = principals.permissions_of(grantee)?;
        Ok(self.wanted(grantee).changes_from(&rows, principals.operator(), |_| false))
    }

    /// What leads from what the plan saw to what is wanted. Only that is revoked: what came since stays, and is the next
    /// plan's to show.
    pub(super) fn changes(
        &self,
        cx: &Context<FabricMirror>,
        prior: &Self,
        principals: &DatabasePrincipals,
        holder: &Principal,
    ) -> Result<Vec<PermissionChange>> {
        let rows = principals.permissions_of(holder)?;
        let seen = Held::read(&cx.private(), HELD);
        // Nothing is revoked in the update that switches it.
        let switches = self.is_exclusive() != prior.is_exclusive();
        let may_revoke = |row: &Permission| match row.state {
            PermissionState::Denied => {
                self.lifts()
                    && (prior.denies(row.name.as_str())
                        || (is_implied(row, holder) && prior.connect == false.into())
                        || self.meets_deny(cx, prior, row))
            }
            // Hidden, it is not taken away either.
            PermissionState::Granted if is_implied(row, holder) && !contains(&prior.permissions, CONNECT) => false,
            _ => {
                !switches
                    && prior.looks_at(row)
                    && seen.as_ref().map_or_else(|| prior.lists(&row.name), |seen| seen.has(row))
            }
        };
        // Not exclusive, what others hold is no difference.
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|row| self.looks_at(row) || prior.lists(&row.name) || is_implied(row, holder))
            .collect();
        let changes = self.wanted(holder).changes_from(&rows, principals.operator(), may_revoke);
        // What the state holds and somebody has taken since is the next plan's to show, too.
        let [granted, with_grant_option, denied] = prior.sets();
        let is_unseen = |change: &PermissionChange| match change {
            PermissionChange::Grant(name) if name.as_str() == CONNECT && !is_role(holder) => {
                prior.connect == true.into()
            }
            PermissionChange::Grant(name) => contains(granted, name.as_str()),
            PermissionChange::GrantWithGrantOption(name) => contains(with_grant_option, name.as_str()),
            PermissionChange::Deny(name) => contains(denied, name.as_str()),
            _ => false,
        };
        Ok(changes.into_iter().filter(|change| !is_unseen(change)).collect())
    }

    /// A DENY in the way of what is listed, which the plan's look has seen and the state could not show: not exclusive, it
    /// shows the names that it has, and this one is new, or went with a principal that was replaced.
    pub(super) fn meets_deny(&self, cx: &Context<FabricMirror>, prior: &Self, row: &Permission) -> bool {
        let [granted, with_grant_option, _] = self.sets();
        row.state == PermissionState::Denied
            && !prior.is_exclusive()
            && !prior.lists(&row.name)
            && (contains(granted, row.name.as_str()) || contains(with_grant_option, row.name.as_str()))
            && Held::read(&cx.private(), HELD).is_some_and(|seen| seen.has(row))
    }

    /// What was granted and the state does not list, and a DENY replaces. UNCONFIRMED that what others granted goes as well;
    /// if it stays, this says too much.
    pub(super) fn taken_by_denies(
        &self,
        prior: &Self,
        principals: &DatabasePrincipals,
        holder: &Principal,
        changes: &[PermissionChange],
    ) -> Result<BTreeSet<String>> {
        let is_denied =
            |row: &Permission| changes.iter().any(|it| matches!(it, PermissionChange::Deny(name) if *name == row.name));
        let rows = principals.permissions_of(holder)?;
        let taken = rows.into_iter().filter(|row| {
            row.state != PermissionState::Denied
                && is_denied(row)
                && !prior.lists(&row.name)
                && !is_implied(row, holder)
        });
        Ok(taken.map(|row| row.name.to_string()).collect())
    }

    /// What takes away what is managed, and nothing else. A DENY goes only if it was ours, or if that is allowed: somebody
    /// else's protects something.
    pub(super) fn removal(
        &self,
        cx: &Context<FabricMirror>,
        principals: &DatabasePrincipals,
        holder: &Principal,
    ) -> Result<Vec<PermissionChange>> {
        let rows = principals.permissions_of(holder)?;
        let seen = Held::read(&cx.private(), HELD);
        let ours = cx.private().get(OUR_DENIES).unwrap_or_default().to_owned();
        let ours: BTreeSet<&str> = ours.split(',').collect();
        let was_kept_out = cx.private().get(WAS_KEPT_OUT).is_some();
        let may_revoke = |row: &Permission| match row.state {
            PermissionState::Denied => {
                self.denies(row.name.as_str()) && (self.lifts() || ours.contains(row.name.as_str()))
            }
            _ => {
                if is_implied(row, holder) && was_kept_out {
                    return mssql_admin::same_name(&row.grantor, principals.operator());
                }
                let is_ours = !is_implied(row, holder) || contains(self.sets()[1], CONNECT);
                is_ours && seen.as_ref().map_or_else(|| self.lists(&row.name), |seen| seen.has(row))
            }
        };
        let mut wanted = Grants::default();
        let is_let_in = ours.contains(CONNECT) || rows.iter().any(|row| is_implied(row, holder));
        if !is_role(holder) && !was_kept_out && is_let_in {
            // Whoever was let in before stays so.
            let is_denied_by_others = rows
                .iter()
                .any(|row| is_implied(row, holder) && row.state == PermissionState::Denied && !may_revoke(row));
            if !is_denied_by_others {
                wanted.granted.insert(CONNECT.parse().expect("a legal name"));
            }
        }
        Ok(wanted.changes_from(&rows, principals.operator(), may_revoke))
    }
}
