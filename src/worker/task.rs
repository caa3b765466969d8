//! A task that does not outlive whoever holds it.

use tokio::task::JoinHandle;

/// Ends the task when dropped.
#[derive(Debug)]
pub struct Task<T>(pub JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
