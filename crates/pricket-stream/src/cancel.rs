//! A token that says stop.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Something inside the crate that a token stops: a queue, a task.
pub(crate) trait Watch: Send + Sync {
    /// Called once, on the thread that cancels.
    fn cancelled(&self);
}

/// Says stop, once and for all, to everyone who holds a clone of it.
///
/// Asking costs one atomic load, so a generation asks between any two tokens. A cancelled parent
/// cancels its children, never the other way round.
///
/// ```
/// let parent = pricket_stream::CancelToken::new();
/// let child = parent.child();
/// parent.cancel();
/// assert!(child.is_cancelled());
/// ```
#[derive(Clone, Default)]
pub struct CancelToken {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    // lock: taken when somebody subscribes and when somebody cancels, never to ask.
    followers: Mutex<Followers>,
}

#[derive(Default)]
struct Followers {
    list: Vec<Follower>,
    // The length at which the list is next searched for those that are gone.
    prune_at_len: usize,
}

enum Follower {
    Hook(Box<dyn FnOnce() + Send>),
    Child(Weak<Inner>),
    Watch(Weak<dyn Watch>),
}

impl Follower {
    fn is_gone(&self) -> bool {
        match self {
            Self::Hook(_) => false,
            Self::Child(child) => child.strong_count() == 0,
            Self::Watch(watch) => watch.strong_count() == 0,
        }
    }
}

impl Inner {
    fn followers(&self) -> MutexGuard<'_, Followers> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a follower, or gives it back when it comes too late.
    fn follow(&self, follower: Follower) -> Result<(), Follower> {
        let mut followers = self.followers();
        // Asked under the lock: `cancel` sets the flag before it takes the list.
        if self.cancelled.load(Ordering::Acquire) {
            return Err(follower);
        }
        if followers.list.len() >= followers.prune_at_len {
            followers.list.retain(|follower| !follower.is_gone());
            // Twice what is alive, so that a token of a long life costs amortised constant time.
            followers.prune_at_len = followers.list.len().saturating_mul(2).max(16);
        }
        followers.list.push(follower);
        Ok(())
    }
}

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether somebody said stop.
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancelled.load(Ordering::Acquire)
    }

    /// Says stop. The hooks run on this thread, before it returns; a second call does nothing.
    pub fn cancel(&self) {
        // A list and no recursion: a chain of children may be long.
        let mut tokens = vec![Arc::clone(&self.inner)];
        while let Some(token) = tokens.pop() {
            if token.cancelled.swap(true, Ordering::AcqRel) {
                continue;
            }
            let followers = std::mem::take(&mut token.followers().list);
            for follower in followers {
                match follower {
                    Follower::Hook(hook) => hook(),
                    Follower::Child(child) => tokens.extend(child.upgrade()),
                    Follower::Watch(watch) => {
                        if let Some(watch) = watch.upgrade() {
                            watch.cancelled();
                        }
                    }
                }
            }
        }
    }

    /// A token that is cancelled with this one, and can be cancelled alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        self.lead(&child);
        child
    }

    /// Runs `hook` once when the token is cancelled; at once if it is already. The hook is kept as
    /// long as the token lives.
    pub fn on_cancel(&self, hook: impl FnOnce() + Send + 'static) {
        if let Err(Follower::Hook(hook)) = self.inner.follow(Follower::Hook(Box::new(hook))) {
            hook();
        }
    }

    /// Cancels `other` with this one.
    pub(crate) fn lead(&self, other: &Self) {
        let follower = Follower::Child(Arc::downgrade(&other.inner));
        if self.inner.follow(follower).is_err() {
            other.cancel();
        }
    }

    /// Tells `watch` when the token is cancelled, as long as `watch` lives.
    pub(crate) fn watch(&self, watch: &Arc<impl Watch + 'static>) {
        let weak: Weak<dyn Watch> = Arc::<_>::downgrade(watch) as Weak<dyn Watch>;
        if self.inner.follow(Follower::Watch(weak)).is_err() {
            watch.cancelled();
        }
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
