//! That a thing is gone is proven by a list without it: an error alone may mean anything.

use crate::error::{Error, Result};

/// What was read, or what the list says when the reading failed in a way that may mean that there is nothing.
pub(crate) async fn found<T>(
    read: Result<T>,
    list: impl Future<Output = Result<Vec<T>>>,
    is_it: impl Fn(&T) -> bool,
) -> Result<Option<T>> {
    match read {
        Ok(thing) => Ok(Some(thing)),
        Err(error) if error.may_mean_gone() => listed(error, list, is_it).await.map(|(_, thing)| thing),
        Err(error) => Err(error),
    }
}

/// Whether something was deleted: by this call, or before.
pub(crate) async fn deleted<T>(
    deleted: Result<()>,
    list: impl Future<Output = Result<Vec<T>>>,
    is_it: impl Fn(&T) -> bool,
) -> Result<()> {
    match deleted {
        Err(error) if error.may_mean_gone() => match listed(error, list, is_it).await? {
            (_, None) => Ok(()),
            (error, Some(_)) => Err(error),
        },
        done => done,
    }
}

/// Looks a thing up in the list. A list that fails proves nothing: the more telling of the two errors is left.
async fn listed<T>(
    error: Error,
    list: impl Future<Output = Result<Vec<T>>>,
    is_it: impl Fn(&T) -> bool,
) -> Result<(Error, Option<T>)> {
    match list.await {
        Ok(all) => Ok((error, all.into_iter().find(is_it))),
        // A list too may fail with what could mean anything.
        Err(vague) if vague.may_mean_gone() && (error.code().is_some() || vague.code().is_none()) => Err(error),
        Err(telling) => Err(telling),
    }
}
