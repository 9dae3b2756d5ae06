//! [`Mutation`]: a bug that is switched on to see the checker find it.

use clap::ValueEnum;

/// A known bug. Each is made where the server meets its store or its clients, so that the server has
/// no switch for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mutation {
    /// An append is acknowledged when it is handed in.
    AcknowledgedBeforeDurable,
    /// A message that leaves for another queue is not kept in the outbox.
    OutboxRowDropped,
    /// The receives of a FIFO queue are not kept, so that a restart unlocks their groups.
    GroupUnlockedEarly,
    /// Whoever appends is taken for the owner.
    StaleEpochAccepted,
    /// Two waiting receivers get the same messages.
    WaiterServedTwice,
    /// Some deletes are not kept.
    DeleteForgotten,
    /// A queue forgets what has arrived from others.
    ArrivalForgotten,
    /// A queue that is loaded counts a message too many.
    CounterDrifts,
}

impl Mutation {
    /// Every bug.
    pub const ALL: [Mutation; 8] = [
        Mutation::AcknowledgedBeforeDurable,
        Mutation::OutboxRowDropped,
        Mutation::GroupUnlockedEarly,
        Mutation::StaleEpochAccepted,
        Mutation::WaiterServedTwice,
        Mutation::DeleteForgotten,
        Mutation::ArrivalForgotten,
        Mutation::CounterDrifts,
    ];
}
