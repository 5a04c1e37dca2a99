//! What became of the pictures of an analysis.

/// What became of the artifacts of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pictures {
    /// They are in the store.
    #[default]
    Stored,
    /// The store is away: they wait on this machine, where they can be read, and follow.
    Delayed,
    /// The store is away and the spool is full: there are none.
    Lost,
}
