//! `POST /snapshot` and `POST /restore`: instance, Fabric and world as they were at a moment, ids and SIDs included.
//!
//! The clock never goes back: what was to take a minute when the snapshot was taken takes a minute after the restore.
//! Faults and journal are not part of it. Sessions of SQL clients are ended by a restore; tokens stay valid.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Control, Misunderstood, read};
use crate::fabric::Snapshot;

/// Those taken so far; the id of a snapshot is its place, from 1.
pub type Snapshots = Arc<Mutex<Vec<Arc<Snapshot>>>>;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Id {
    id: usize,
}

pub(super) async fn take(State(control): State<Control>) -> Result<(StatusCode, Json<Id>), Misunderstood> {
    let snapshot = control.fabric.snapshot();
    let snapshot = snapshot.map_err(|reason| Misunderstood(format!("no snapshot can be taken: {reason}")))?;
    let mut taken = control.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
    taken.push(Arc::new(snapshot));
    Ok((StatusCode::CREATED, Json(Id { id: taken.len() })))
}

pub(super) async fn restore(State(control): State<Control>, body: Bytes) -> Result<StatusCode, Misunderstood> {
    let Id { id } = read(&body)?;
    let snapshot = {
        let taken = control.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let found = id.checked_sub(1).and_then(|place| taken.get(place)).cloned();
        found.ok_or_else(|| Misunderstood(format!("there is no snapshot {id}; {} were taken", taken.len())))?
    };
    let restored = control.fabric.restore(&snapshot);
    restored.map_err(|reason| Misunderstood(format!("the snapshot cannot be restored: {reason}")))?;
    Ok(StatusCode::NO_CONTENT)
}
