//! What becomes of a deleted item: with the tenant's switch on, the recycle bin of its workspace, from which it is
//! recovered or purged until its retention is over. fabric-api facts §1.5, of Microsoft's pages and its newest SDK; the
//! published description has no word of it.
//!
//! UNCONFIRMED: with the switch off the calls are 403 `TenantSwitchDisabled`; a recovery is an operation without a
//! result (the SDK says operation, the page 200); `InvalidItemState` for an item that is on its way back; a mirror that ran
//! comes back paused, since nothing resumes by itself; and a soft delete leaves the change feed as a final one does.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ApiError;
use super::operations::{RETRY_AFTER, TAKES};
use super::reply::{Empty, Ids, Page, Query};
use super::roles::{WorkspaceRole, effective};
use super::store::{MirroredDatabase, ReservedName, Store};
use super::{Fabric, Service};
use crate::entra::Caller;
use crate::world::ItemRecovery;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const BIN: &str = "/v1/workspaces/{workspaceId}/recoverableitems";

pub fn routes() -> Router<Arc<Fabric>> {
    Router::new()
        .route(BIN, get(list))
        .route(&format!("{BIN}/{{itemId}}"), delete(purge))
        .route(&format!("{BIN}/{{itemId}}/recover"), post(recover))
}

/// A mirrored database in the bin. Its SQL endpoint went with it and comes back with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoverableItem {
    pub item: MirroredDatabase,
    /// When it is purged.
    pub until: Duration,
    /// When it is back, once somebody recovers it.
    pub back: Option<Duration>,
}

impl Fabric {
    /// Deletes an item in any status (§11): softly where the tenant has that on and `hardDelete` is not asked for. The
    /// source is not touched, so the change feed of a mirror that was not stopped stays on: "Delete item = source
    /// untouched" (sql-mi facts §4.6), with a rescue procedure for what is left.
    ///
    /// # Errors
    /// 400 for what is no flag; 403 `InsufficientWorkspaceRole` for a hard delete by another than an Admin.
    pub fn delete_item(
        &self,
        store: &mut Store,
        index: usize,
        caller: &Caller,
        query: &Query,
    ) -> Result<Empty, ApiError> {
        let hard = query.flag("hardDelete")?.unwrap_or(false);
        if hard {
            self.workspace(store, store.mirrors[index].workspace_id, caller, WorkspaceRole::Admin)?;
        }
        let mut item = store.mirrors.remove(index);
        let now = self.now();
        // The bin does not reserve the name (§1.5); that it is free as late as after a final delete is UNCONFIRMED.
        store.reserved.push(ReservedName {
            item: item.id,
            workspace_id: item.workspace_id,
            display_name: item.display_name.clone(),
            until: now + Duration::from_secs(self.rest().name_reserved_s),
        });
        item.mirror.leave(now, &*self.instances[item.instance].source);
        if !hard && self.world.facts().item_recovery == ItemRecovery::On {
            let until = now + DAY * self.rest().item_recovery_days;
            store.recoverable.push(RecoverableItem { item, until, back: None });
        }
        Ok(Empty(StatusCode::OK))
    }

    /// What is due in the bins: items that are back, and the end of others' retention.
    pub fn settle_bins(&self, store: &mut Store, now: Duration) {
        for RecoverableItem { item, .. } in
            store.recoverable.extract_if(.., |binned| binned.back.is_some_and(|back| back <= now))
        {
            store.mirrors.push(item);
        }
        store.recoverable.retain(|binned| binned.back.is_some() || binned.until > now);
    }

    /// The bin of a workspace, if there is one and the caller has at least `role`; answers that role.
    fn bin(
        &self,
        store: &Store,
        workspace: Uuid,
        caller: &Caller,
        role: WorkspaceRole,
    ) -> Result<Option<WorkspaceRole>, ApiError> {
        let found = self.item_workspace(store, workspace, caller, role)?;
        if self.world.facts().item_recovery == ItemRecovery::Off {
            let text = "Item recovery is switched off in the tenant";
            return Err(ApiError::forbidden("TenantSwitchDisabled", text));
        }
        Ok(effective(&found.roles, caller.object_id, &self.scenario.directory))
    }
}

/// Place of an item in the list of all bins.
fn find(store: &Store, [workspace, id]: [Uuid; 2]) -> Result<usize, ApiError> {
    let found =
        store.recoverable.iter().position(|binned| binned.item.workspace_id == workspace && binned.item.id == id);
    let missing = || ApiError::not_found("ItemNotFound", "The requested item was not found").about(id, "Item");
    let place = found.ok_or_else(missing)?;
    if store.recoverable[place].back.is_some() {
        return Err(ApiError::bad_request("InvalidItemState", "The item is being recovered").about(id, "Item"));
    }
    Ok(place)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecoverableAnswer {
    id: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    display_name: String,
    description: String,
    workspace_id: Uuid,
    /// UTC, to the second.
    retention_expiration_date_time: String,
}

/// `type` as for items; `recoverableByMe=true` leaves out what the caller could not recover.
async fn list(
    State(fabric): Service,
    caller: Caller,
    Ids([workspace]): Ids<1>,
    query: Query,
) -> Result<Json<Page<RecoverableAnswer>>, ApiError> {
    let store = fabric.store();
    let role = fabric.bin(&store, workspace, &caller, WorkspaceRole::Viewer)?;
    let shown = query.flag("recoverableByMe")? != Some(true) || role >= Some(WorkspaceRole::Contributor);
    let wanted = query.get("type").is_none_or(|kind| kind.eq_ignore_ascii_case("MirroredDatabase"));
    let own = store.recoverable.iter().filter(|binned| binned.item.workspace_id == workspace && shown && wanted);
    let seen = own.filter(|binned| fabric.sees(&store, &binned.item, caller.object_id));
    let all = seen.map(|RecoverableItem { item, until, .. }| RecoverableAnswer {
        id: item.id,
        kind: "MirroredDatabase",
        display_name: item.display_name.clone(),
        description: item.description.clone(),
        workspace_id: workspace,
        retention_expiration_date_time: fabric.at(*until).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    Ok(Json(query.page(&fabric.endpoint, fabric.rest().page_size, all.collect())?))
}

/// It fails while another item has its name (§1.5).
async fn recover(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>) -> Result<Response, ApiError> {
    let mut store = fabric.store();
    fabric.bin(&store, ids[0], &caller, WorkspaceRole::Contributor)?;
    let place = find(&store, ids)?;
    fabric.check_free(&store, ids[0], &store.recoverable[place].item.display_name, Some(ids[1]))?;
    store.recoverable[place].back = Some(fabric.now() + TAKES);
    Ok(fabric.accept(&mut store, &caller, None, RETRY_AFTER))
}

async fn purge(State(fabric): Service, caller: Caller, Ids(ids): Ids<2>) -> Result<Empty, ApiError> {
    let mut store = fabric.store();
    fabric.bin(&store, ids[0], &caller, WorkspaceRole::Admin)?;
    let place = find(&store, ids)?;
    store.recoverable.remove(place);
    Ok(Empty(StatusCode::OK))
}
