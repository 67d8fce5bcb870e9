//! The lock of the halves, which shuttle replaces to try every order of two tasks.

#[cfg(not(hybi_shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(hybi_shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. What it protects is valid after a panic, too.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
