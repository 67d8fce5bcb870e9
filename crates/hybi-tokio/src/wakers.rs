//! The wakers of two tasks, one that receives and one that sends: a stream and a timer keep only
//! the last waker that they were polled with.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::sync::{Mutex, lock};

pub(crate) const READER: usize = 0;
pub(crate) const WRITER: usize = 1;

#[derive(Debug)]
pub(crate) struct Wakers {
    tasks: Arc<Tasks>,
    /// Wakes both tasks.
    waker: Waker,
}

/// The tasks that wait for the reader and for the writer.
#[derive(Debug, Default)]
struct Tasks(Mutex<[Option<Waker>; 2]>);

impl Default for Wakers {
    fn default() -> Self {
        let tasks = Arc::new(Tasks::default());
        Self {
            waker: tasks.clone().into(),
            tasks,
        }
    }
}

impl Wakers {
    /// Registers the task, and returns the context to poll with. Call it before the stream is
    /// polled, so that no wake-up is lost.
    pub(crate) fn register(&self, index: usize, cx: &Context<'_>) -> Context<'_> {
        match &mut lock(&self.tasks.0)[index] {
            Some(registered) => registered.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Context::from_waker(&self.waker)
    }

    pub(crate) fn wake_other(&self, index: usize) {
        self.tasks.wake_one(1 - index);
    }
}

impl Tasks {
    fn wake_one(&self, index: usize) {
        let task = lock(&self.0)[index].take();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_one(READER);
        self.wake_one(WRITER);
    }
}
