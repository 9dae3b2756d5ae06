//! [`FifoAttributes`]: what can be set on a FIFO queue only.

use super::{AttributeError, AttributeName, parse_boolean};

/// The settings that only FIFO queues have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FifoAttributes {
    /// Whether a message that is sent without a deduplication ID gets one from its body.
    pub content_based_deduplication: bool,
    /// Where a deduplication ID is unique, as it was last set and as it is told.
    pub deduplication_scope: DeduplicationScope,
    /// What the quota of requests each second is for.
    pub fifo_throughput_limit: FifoThroughputLimit,
    /// The scope that is in effect: the one the queue was created with. AWS was seen to go by it
    /// after `DeduplicationScope` had been changed, in both directions.
    pub scope_at_creation: DeduplicationScope,
}

/// Where a deduplication ID is unique.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeduplicationScope {
    /// `queue`: in the whole queue, whatever the message group.
    #[default]
    Queue,
    /// `messageGroup`: within a message group.
    MessageGroup,
}

/// What the quota of requests each second is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FifoThroughputLimit {
    /// `perQueue`
    #[default]
    PerQueue,
    /// `perMessageGroupId`
    PerMessageGroupId,
}

impl FifoAttributes {
    /// Sets the attribute called `name`, which must be one that only FIFO queues have.
    pub(super) fn set(&mut self, name: AttributeName, value: &str) -> Result<(), AttributeError> {
        let invalid = || AttributeError::out_of_range(name);
        match name {
            AttributeName::ContentBasedDeduplication => {
                self.content_based_deduplication = parse_boolean(name, value)?;
            }
            AttributeName::DeduplicationScope => {
                self.deduplication_scope = DeduplicationScope::parse(value).ok_or_else(invalid)?;
            }
            AttributeName::FifoQueue => {
                if !parse_boolean(name, value)? {
                    return Err(AttributeError::invalid_value(
                        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
                    ));
                }
            }
            AttributeName::FifoThroughputLimit => {
                self.fifo_throughput_limit =
                    FifoThroughputLimit::parse(value).ok_or_else(invalid)?;
            }
            _ => unreachable!("standard queues have {name:?}, too"),
        }
        Ok(())
    }

    /// The value of the attribute called `name`, as SQS writes it.
    pub(super) fn get(&self, name: AttributeName) -> Option<String> {
        match name {
            AttributeName::ContentBasedDeduplication => {
                Some(self.content_based_deduplication.to_string())
            }
            AttributeName::DeduplicationScope => Some(self.deduplication_scope.as_str().to_owned()),
            AttributeName::FifoQueue => Some("true".to_owned()),
            AttributeName::FifoThroughputLimit => {
                Some(self.fifo_throughput_limit.as_str().to_owned())
            }
            _ => None,
        }
    }

    /// "The perMessageGroupId value is allowed only when the value for DeduplicationScope is
    /// messageGroup", whichever of the two was set last.
    pub(super) fn check(&self) -> Result<(), AttributeError> {
        if self.fifo_throughput_limit == FifoThroughputLimit::PerMessageGroupId
            && self.deduplication_scope != DeduplicationScope::MessageGroup
        {
            return Err(AttributeError::invalid_value(
                "The value perMessageGroupId is allowed only when the value for DeduplicationScope is messageGroup.",
            ));
        }
        Ok(())
    }
}

impl DeduplicationScope {
    /// The value of `DeduplicationScope` in the SQS API.
    pub fn as_str(self) -> &'static str {
        match self {
            DeduplicationScope::Queue => "queue",
            DeduplicationScope::MessageGroup => "messageGroup",
        }
    }

    fn parse(value: &str) -> Option<DeduplicationScope> {
        let all = [DeduplicationScope::Queue, DeduplicationScope::MessageGroup];
        all.into_iter().find(|scope| scope.as_str() == value)
    }
}

impl FifoThroughputLimit {
    /// The value of `FifoThroughputLimit` in the SQS API.
    pub fn as_str(self) -> &'static str {
        match self {
            FifoThroughputLimit::PerQueue => "perQueue",
            FifoThroughputLimit::PerMessageGroupId => "perMessageGroupId",
        }
    }

    fn parse(value: &str) -> Option<FifoThroughputLimit> {
        let all = [FifoThroughputLimit::PerQueue, FifoThroughputLimit::PerMessageGroupId];
        all.into_iter().find(|limit| limit.as_str() == value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::QueueAttributes;
    use super::*;

    const ALL: [AttributeName; 4] = [
        AttributeName::ContentBasedDeduplication,
        AttributeName::DeduplicationScope,
        AttributeName::FifoQueue,
        AttributeName::FifoThroughputLimit,
    ];

    fn with(
        attributes: &QueueAttributes,
        changes: &[(AttributeName, &str)],
    ) -> Result<QueueAttributes, String> {
        let owned = |(name, value): &(AttributeName, &str)| (*name, (*value).to_owned());
        let changes: Vec<_> = changes.iter().map(owned).collect();
        attributes.with(&changes).map_err(|error| format!("{:?}: {}", error.kind, error.message))
    }

    fn all(attributes: &QueueAttributes) -> Vec<String> {
        ALL.iter().filter_map(|name| attributes.get(*name)).collect()
    }

    #[test]
    fn a_fifo_queue_tells_four_attributes_more_edge_67() {
        assert_eq!(all(&QueueAttributes::fifo()), ["false", "queue", "true", "perQueue"]);
        assert!(all(&QueueAttributes::default()).is_empty());
    }

    #[test]
    fn booleans_are_accepted_in_any_case_and_read_back_lower_edges_22_50_53() {
        let fifo = QueueAttributes::fifo();
        let changes = [
            (AttributeName::FifoQueue, "True"),
            (AttributeName::ContentBasedDeduplication, "TRUE"),
        ];
        let by_content = with(&fifo, &changes).unwrap();
        assert_eq!(all(&by_content), ["true", "queue", "true", "perQueue"]);
        let changes = [(AttributeName::ContentBasedDeduplication, "False")];
        assert_eq!(with(&by_content, &changes), Ok(fifo));
    }

    #[test]
    fn a_fifo_queue_stays_one_edge_51() {
        assert_eq!(
            with(&QueueAttributes::fifo(), &[(AttributeName::FifoQueue, "False")]),
            Err("InvalidValue: Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.".to_owned())
        );
    }

    #[test]
    fn values_outside_the_enumerations_are_refused() {
        for name in ALL {
            for value in ["", "perqueue", "Queue", "yes"] {
                let refusal =
                    format!("InvalidValue: Invalid value for the parameter {}.", name.as_str());
                assert_eq!(with(&QueueAttributes::fifo(), &[(name, value)]), Err(refusal));
            }
        }
    }

    #[test]
    fn a_limit_for_each_group_needs_the_scope_of_a_group_edges_68_69() {
        use AttributeName::{DeduplicationScope, FifoThroughputLimit};
        let fifo = QueueAttributes::fifo();
        let refusal = Err("InvalidValue: The value perMessageGroupId is allowed only when the value for DeduplicationScope is messageGroup.".to_owned());
        assert_eq!(with(&fifo, &[(FifoThroughputLimit, "perMessageGroupId")]), refusal);
        let both =
            [(FifoThroughputLimit, "perMessageGroupId"), (DeduplicationScope, "messageGroup")];
        let high_throughput = with(&fifo, &both).unwrap();
        assert_eq!(all(&high_throughput), ["false", "messageGroup", "true", "perMessageGroupId"]);
        assert_eq!(with(&high_throughput, &[(DeduplicationScope, "queue")]), refusal);
        let both = [(DeduplicationScope, "queue"), (FifoThroughputLimit, "perQueue")];
        assert_eq!(with(&high_throughput, &both), Ok(fifo));
    }

    #[test]
    fn a_standard_queue_has_none_of_them_edges_10_11_12_13_49_52() {
        for (name, refusal) in ALL.into_iter().zip([
            "InvalidName: Unknown Attribute ContentBasedDeduplication.",
            "InvalidName: You can specify the DeduplicationScope only when FifoQueue is set to true.",
            "InvalidName: Unknown Attribute FifoQueue.",
            "InvalidName: You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        ]) {
            for value in ["true", "false", "queue", ""] {
                let changes = [(AttributeName::DelaySeconds, "9999"), (name, value)];
                assert_eq!(with(&QueueAttributes::default(), &changes), Err(refusal.to_owned()));
            }
        }
    }
}
