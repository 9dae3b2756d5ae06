//! [`Catalog`]: which queues exist, under which incarnation, with which attributes and tags.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::attributes::{AttributeError, AttributeName, QueueAttributes};
use crate::limits::{PURGE_INTERVAL, RECREATE_INTERVAL};
use crate::names::{QueueId, QueueKey};
use crate::permission::Permission;
use crate::tags::{self, TagRefusal, Tags};
use crate::time::Timestamp;
use crate::{access_policy, redrive};

/// A queue that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// This incarnation of the queue.
    pub id: QueueId,
    /// What its messages are stored under. A purge begins a new generation, which takes the same
    /// time however many messages the old one has. Numbered like queues, and never reused either.
    pub generation: QueueId,
    /// What it is found by.
    pub key: QueueKey,
    /// Its settings.
    pub attributes: QueueAttributes,
    /// Its tags.
    pub tags: Tags,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its attributes last changed.
    pub modified_at: Timestamp,
    /// When it was last purged.
    pub purged_at: Option<Timestamp>,
    /// Messages sent before this moment are gone, whatever the retention period is by now: what
    /// has expired does not come back when the period is made longer.
    pub kept_from: Timestamp,
}

/// A durable fact about which queues exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogRecord {
    /// A queue was created.
    Created(Arc<CatalogEntry>),
    /// A queue's attributes or tags changed.
    Changed(Arc<CatalogEntry>),
    /// A queue began a new generation without messages; its sequences go on.
    Purged {
        /// The queue, in its new generation.
        entry: Arc<CatalogEntry>,
        /// The generation that ended.
        old: QueueId,
    },
    /// A queue was deleted with everything in it.
    Deleted(Arc<CatalogEntry>),
}

impl CatalogRecord {
    /// The queue, as the record leaves it.
    pub fn entry(&self) -> &Arc<CatalogEntry> {
        match self {
            CatalogRecord::Created(entry)
            | CatalogRecord::Changed(entry)
            | CatalogRecord::Purged { entry, .. }
            | CatalogRecord::Deleted(entry) => entry,
        }
    }
}

/// What the catalog is asked to do about one queue.
#[derive(Clone, Debug)]
pub enum CatalogChange {
    /// Set attributes, all of them or none.
    SetAttributes(Vec<(AttributeName, String)>),
    /// Add a statement to the access policy, which is begun when there is none.
    AddPermission(Permission),
    /// Remove the statement with this label from the access policy, and with the last one the
    /// policy.
    RemovePermission(String),
    /// Remove every message.
    Purge,
    /// Add tags, or replace those with the same keys.
    Tag(Tags),
    /// Remove the tags with these keys, as far as there are any.
    Untag(Vec<String>),
    /// Delete the queue.
    Delete,
}

/// Why a queue was not created or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogRefusal {
    /// An attribute was not accepted.
    Attribute(AttributeError),
    /// A tag was not accepted.
    Tag(TagRefusal),
    /// A queue of that name has another value for the named attribute.
    AlreadyExists {
        /// The first attribute that differs.
        attribute: AttributeName,
    },
    /// A queue of that name was deleted less than 60 seconds ago.
    DeletedRecently,
    /// The queue was purged less than 60 seconds ago.
    PurgeInProgress,
    /// There is no such queue.
    DoesNotExist,
}

impl From<AttributeError> for CatalogRefusal {
    fn from(error: AttributeError) -> CatalogRefusal {
        CatalogRefusal::Attribute(error)
    }
}

impl From<TagRefusal> for CatalogRefusal {
    fn from(refusal: TagRefusal) -> CatalogRefusal {
        CatalogRefusal::Tag(refusal)
    }
}

/// Every queue of a shard by account, region and name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: BTreeMap<QueueKey, Arc<CatalogEntry>>,
    next_id: u64,
    /// When names were last given up, while that matters.
    deleted_at: BTreeMap<QueueKey, Timestamp>,
    recent_delete_check: bool,
}

impl Catalog {
    /// The catalog of what a store kept. `next_id` is greater than any id ever given out.
    pub fn restore(entries: Vec<CatalogEntry>, next_id: u64) -> Catalog {
        let by_key = |entry: CatalogEntry| (entry.key.clone(), Arc::new(entry));
        let entries = entries.into_iter().map(by_key).collect();
        Catalog { entries, next_id, deleted_at: BTreeMap::new(), recent_delete_check: false }
    }

    /// The same catalog, refusing names for 60 seconds after their queues were deleted, as AWS
    /// does. What was deleted is forgotten with the catalog.
    pub fn with_recent_delete_check(self, recent_delete_check: bool) -> Catalog {
        Catalog { recent_delete_check, ..self }
    }

    /// The queue called `key`.
    pub fn get(&self, key: &QueueKey) -> Option<&Arc<CatalogEntry>> {
        self.entries.get(key)
    }

    /// Every queue, ordered by account, region and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<CatalogEntry>> {
        self.entries.values()
    }

    /// Creates a queue with the supplied attributes and tags, or finds the one that exists with
    /// equal attributes.
    ///
    /// "If you provide the name of an existing queue along with the exact names and values of all
    /// the queue's attributes, CreateQueue returns the queue URL": AWS compares the supplied
    /// attributes only, with their current values. Attributes are checked before that. Tags are
    /// not compared, and those of a queue that exists stay as they are.
    ///
    /// The queue exists once the record was [absorbed](Catalog::absorb).
    pub fn create(
        &self,
        now: Timestamp,
        key: QueueKey,
        supplied: &[(AttributeName, String)],
        added: &Tags,
    ) -> Result<(Arc<CatalogEntry>, Option<CatalogRecord>), CatalogRefusal> {
        let attributes = new_attributes(&key, supplied)?;
        let tags = tags::with(&Tags::new(), added, key.name.as_str())?;
        if let Some(existing) = self.entries.get(&key) {
            let differs = |name: &AttributeName| !existing.attributes.agrees(&attributes, *name);
            return match supplied.iter().map(|(name, _)| *name).find(differs) {
                Some(attribute) => Err(CatalogRefusal::AlreadyExists { attribute }),
                None => Ok((existing.clone(), None)),
            };
        }
        self.check_target(&key, &attributes, supplied)?;
        let deleted_at = self.deleted_at.get(&key).filter(|_| self.recent_delete_check);
        if deleted_at.is_some_and(|at| now < *at + RECREATE_INTERVAL) {
            return Err(CatalogRefusal::DeletedRecently);
        }
        let id = QueueId(self.next_id);
        let entry = Arc::new(CatalogEntry {
            id,
            generation: id,
            key,
            attributes,
            tags,
            created_at: now,
            modified_at: now,
            purged_at: None,
            kept_from: Timestamp::EPOCH,
        });
        Ok((entry.clone(), Some(CatalogRecord::Created(entry))))
    }

    /// Changes the queue called `key`. The change takes effect once the record was
    /// [absorbed](Catalog::absorb).
    pub fn change(
        &self,
        now: Timestamp,
        key: &QueueKey,
        change: CatalogChange,
    ) -> Result<CatalogRecord, CatalogRefusal> {
        let current = self.entries.get(key).ok_or(CatalogRefusal::DoesNotExist)?;
        let mut entry = CatalogEntry::clone(current);
        match change {
            CatalogChange::SetAttributes(changes) => {
                self.set_attributes(now, &mut entry, &changes)?;
            }
            CatalogChange::AddPermission(permission) => {
                let (policy, arn) = (&mut entry.attributes.policy, key.arn().to_string());
                *policy = Some(access_policy::with(policy.as_deref(), &arn, &permission)?);
                entry.modified_at = now;
            }
            CatalogChange::RemovePermission(label) => {
                let policy = &mut entry.attributes.policy;
                *policy = access_policy::without(policy.as_deref(), &label)?;
                entry.modified_at = now;
            }
            CatalogChange::Purge => {
                if entry.purged_at.is_some_and(|at| now < at + PURGE_INTERVAL) {
                    return Err(CatalogRefusal::PurgeInProgress);
                }
                entry.purged_at = Some(now);
                entry.generation = QueueId(self.next_id);
                let old = current.generation;
                return Ok(CatalogRecord::Purged { entry: Arc::new(entry), old });
            }
            CatalogChange::Tag(added) => {
                entry.tags = tags::with(&entry.tags, &added, key.name.as_str())?;
            }
            CatalogChange::Untag(keys) => {
                keys.iter().try_for_each(|key| tags::check_key(key))?;
                entry.tags.retain(|key, _| !keys.contains(key));
            }
            CatalogChange::Delete => return Ok(CatalogRecord::Deleted(current.clone())),
        }
        Ok(CatalogRecord::Changed(Arc::new(entry)))
    }

    fn set_attributes(
        &self,
        now: Timestamp,
        entry: &mut CatalogEntry,
        changes: &[(AttributeName, String)],
    ) -> Result<(), CatalogRefusal> {
        let attributes = entry.attributes.with(changes)?;
        self.check_target(&entry.key, &attributes, changes)?;
        let before = entry.attributes.message_retention_period;
        if attributes.message_retention_period > before && now.since(Timestamp::EPOCH) >= before {
            let first_kept = now - before + Duration::from_millis(1);
            entry.kept_from = entry.kept_from.max(first_kept);
        }
        entry.attributes = attributes;
        entry.modified_at = now;
        Ok(())
    }

    /// Checks a redrive policy that is being set against the queue that it names.
    fn check_target(
        &self,
        source: &QueueKey,
        attributes: &QueueAttributes,
        changes: &[(AttributeName, String)],
    ) -> Result<(), AttributeError> {
        let given = changes.iter().rfind(|(name, _)| *name == AttributeName::RedrivePolicy);
        let (Some((_, json)), Some(policy)) = (given, &attributes.redrive_policy) else {
            return Ok(());
        };
        let refused = |reason: &str| Err(redrive::refused("RedrivePolicy", json, reason));
        if policy.target.account != source.account {
            return refused("Dead-letter target owner should be same as the source.");
        }
        // A queue may name itself, even while it is being created.
        let itself = policy.target == *source;
        let allows = match self.entries.get(&policy.target).filter(|_| !itself) {
            _ if itself => attributes.redrive_allow_policy.as_ref(),
            Some(target) => target.attributes.redrive_allow_policy.as_ref(),
            None => return refused("Dead letter target does not exist."),
        };
        if policy.target.region != source.region {
            return refused("Dead letter target does not exist.");
        }
        if policy.target.name.is_fifo() != source.name.is_fifo() {
            return refused("Dead-letter queue must be same type of queue as the source..");
        }
        let arn = source.arn().to_string();
        if allows.is_some_and(|allows| !allows.allows(&arn)) {
            let target = &policy.dead_letter_target_arn;
            return refused(&format!(
                "Queue {arn} is not allowed to use {target} as a dead-letter queue."
            ));
        }
        Ok(())
    }

    /// The only change of durable fact. Unlike a queue, whose next command may build on records
    /// that are not durable yet, a catalog absorbs a record only once it is. `now` is when that
    /// happened.
    pub fn absorb(&mut self, now: Timestamp, record: &CatalogRecord) {
        let entry = record.entry();
        if let CatalogRecord::Deleted(entry) = record {
            self.entries.remove(&entry.key);
            if self.recent_delete_check {
                self.deleted_at.retain(|_, at| now < *at + RECREATE_INTERVAL);
                self.deleted_at.insert(entry.key.clone(), now);
            }
            return;
        }
        self.next_id = self.next_id.max(entry.id.0 + 1).max(entry.generation.0 + 1);
        self.entries.insert(entry.key.clone(), entry.clone());
    }
}

/// The attributes of a new queue. Its name tells whether it is FIFO; that `FifoQueue` says the same
/// is checked where the name is parsed.
fn new_attributes(
    key: &QueueKey,
    supplied: &[(AttributeName, String)],
) -> Result<QueueAttributes, AttributeError> {
    if !key.name.is_fifo() {
        return QueueAttributes::default().with(supplied);
    }
    let mut attributes = QueueAttributes::fifo().with(supplied)?;
    if let Some(fifo) = &mut attributes.fifo {
        fifo.scope_at_creation = fifo.deduplication_scope;
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::DeduplicationScope;
    use crate::names::{AccountId, QueueName, Region};

    fn key(name: &str) -> QueueKey {
        QueueKey {
            account: AccountId::DEFAULT,
            region: Region::parse("us-east-1").unwrap(),
            name: QueueName::parse(name).unwrap(),
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn delay(value: &str) -> Vec<(AttributeName, String)> {
        vec![(AttributeName::DelaySeconds, value.to_owned())]
    }

    fn create(
        catalog: &mut Catalog,
        name: &str,
        supplied: &[(AttributeName, String)],
    ) -> Arc<CatalogEntry> {
        let (entry, record) = catalog.create(NOW, key(name), supplied, &Tags::new()).unwrap();
        assert_eq!(record, Some(CatalogRecord::Created(entry.clone())));
        catalog.absorb(NOW, &record.unwrap());
        entry
    }

    fn change(
        catalog: &mut Catalog,
        name: &str,
        change: CatalogChange,
    ) -> Result<CatalogRecord, CatalogRefusal> {
        change_at(catalog, NOW, name, change)
    }

    fn change_at(
        catalog: &mut Catalog,
        now: Timestamp,
        name: &str,
        change: CatalogChange,
    ) -> Result<CatalogRecord, CatalogRefusal> {
        let record = catalog.change(now, &key(name), change)?;
        catalog.absorb(now, &record);
        Ok(record)
    }

    fn set(name: AttributeName, value: &str) -> CatalogChange {
        CatalogChange::SetAttributes(vec![(name, value.to_owned())])
    }

    #[test]
    fn creating_an_existing_queue_compares_only_the_supplied_attributes_edges_2_3_4_5() {
        let mut catalog = Catalog::default();
        let first = create(&mut catalog, "q", &delay("1"));
        for supplied in [vec![], delay("1"), delay("01")] {
            let (same, record) = catalog.create(NOW, key("q"), &supplied, &Tags::new()).unwrap();
            assert_eq!((same.id, record), (first.id, None));
        }
        assert_eq!(
            catalog.create(NOW, key("q"), &delay("2"), &Tags::new()),
            Err(CatalogRefusal::AlreadyExists { attribute: AttributeName::DelaySeconds })
        );
    }

    #[test]
    fn attributes_are_checked_before_they_are_compared() {
        let mut catalog = Catalog::default();
        create(&mut catalog, "q", &[]);
        let refusal = catalog.create(NOW, key("q"), &delay("901"), &Tags::new()).unwrap_err();
        assert!(matches!(refusal, CatalogRefusal::Attribute(_)));
    }

    #[test]
    fn a_queue_created_again_is_another_incarnation_edge_41() {
        let mut catalog = Catalog::default();
        let first = create(&mut catalog, "q", &[]);
        let deleted = change(&mut catalog, "q", CatalogChange::Delete).unwrap();
        assert_eq!(deleted, CatalogRecord::Deleted(first.clone()));
        let again = change(&mut catalog, "q", CatalogChange::Delete);
        assert_eq!(again, Err(CatalogRefusal::DoesNotExist));
        let second = create(&mut catalog, "q", &[]);
        assert!(second.id > first.id);
    }

    #[test]
    fn names_are_case_sensitive_edge_27() {
        let mut catalog = Catalog::default();
        let upper = create(&mut catalog, "Q", &[]);
        let lower = create(&mut catalog, "q", &[]);
        assert_ne!(upper.id, lower.id);
    }

    #[test]
    fn a_queue_created_again_is_compared_with_its_current_attributes_edges_6_7() {
        let mut catalog = Catalog::default();
        create(&mut catalog, "q", &delay("1"));
        change(&mut catalog, "q", set(AttributeName::DelaySeconds, "2")).unwrap();
        assert!(catalog.create(NOW, key("q"), &delay("2"), &Tags::new()).is_ok());
        assert_eq!(
            catalog.create(NOW, key("q"), &delay("1"), &Tags::new()),
            Err(CatalogRefusal::AlreadyExists { attribute: AttributeName::DelaySeconds })
        );
    }

    #[test]
    fn a_fifo_queue_keeps_the_scope_that_it_was_created_with() {
        let mut catalog = Catalog::default();
        let scope = |value: &str| vec![(AttributeName::DeduplicationScope, value.to_owned())];
        let created = create(&mut catalog, "q.fifo", &scope("messageGroup"));
        let record = change(&mut catalog, "q.fifo", CatalogChange::SetAttributes(scope("queue")));
        let [before, after] = [&created, record.unwrap().entry()]
            .map(|entry| entry.attributes.fifo.expect("the queue is FIFO"));
        assert_eq!(before.deduplication_scope, DeduplicationScope::MessageGroup);
        assert_eq!(after.deduplication_scope, DeduplicationScope::Queue);
        assert_eq!(before.scope_at_creation, DeduplicationScope::MessageGroup);
        assert_eq!(after.scope_at_creation, DeduplicationScope::MessageGroup);
        // What is compared is what is told.
        assert!(catalog.create(NOW, key("q.fifo"), &scope("queue"), &Tags::new()).is_ok());
        let refusal = catalog.create(NOW, key("q.fifo"), &scope("messageGroup"), &Tags::new());
        let attribute = AttributeName::DeduplicationScope;
        assert_eq!(refusal, Err(CatalogRefusal::AlreadyExists { attribute }));
    }

    #[test]
    fn attributes_are_set_all_or_none_edge_64() {
        let mut catalog = Catalog::default();
        let before = create(&mut catalog, "q", &[]);
        let later = NOW + Duration::from_secs(5);
        let changes = |retention: &str| {
            CatalogChange::SetAttributes(vec![
                (AttributeName::DelaySeconds, "7".to_owned()),
                (AttributeName::MessageRetentionPeriod, retention.to_owned()),
            ])
        };
        assert!(change_at(&mut catalog, later, "q", changes("1")).is_err());
        assert_eq!(catalog.get(&key("q")), Some(&before));
        change_at(&mut catalog, later, "q", changes("60")).unwrap();
        let after = catalog.get(&key("q")).unwrap();
        assert_eq!(after.attributes.delay, Duration::from_secs(7));
        assert_eq!((after.created_at, after.modified_at), (NOW, later));
    }

    #[test]
    fn a_purge_begins_a_new_generation_once_a_minute_edge_169() {
        let mut catalog = Catalog::default();
        let before = create(&mut catalog, "q", &[]);
        let purge = |catalog: &mut Catalog, seconds| {
            change_at(catalog, NOW + Duration::from_secs(seconds), "q", CatalogChange::Purge)
        };
        let record = purge(&mut catalog, 0).unwrap();
        let CatalogRecord::Purged { entry, old } = record else { panic!("a purge") };
        assert_eq!((entry.id, old), (before.id, before.generation));
        assert!(entry.generation > old);
        assert_eq!(purge(&mut catalog, 59), Err(CatalogRefusal::PurgeInProgress));
        let again = purge(&mut catalog, 60).unwrap();
        assert!(again.entry().generation > entry.generation);
        let other = create(&mut catalog, "other", &[]);
        assert!(other.id > again.entry().generation, "generations are never reused");
    }

    #[test]
    fn what_has_expired_stays_gone_when_the_retention_period_grows() {
        let mut catalog = Catalog::default();
        create(&mut catalog, "q", &[(AttributeName::MessageRetentionPeriod, "60".to_owned())]);
        let now = Timestamp::from_millis(100_000);
        let longer = set(AttributeName::MessageRetentionPeriod, "600");
        let record = change_at(&mut catalog, now, "q", longer).unwrap();
        assert_eq!(record.entry().kept_from, Timestamp::from_millis(40_001));
        let shorter = set(AttributeName::MessageRetentionPeriod, "60");
        let record = change_at(&mut catalog, now, "q", shorter).unwrap();
        assert_eq!(record.entry().kept_from, Timestamp::from_millis(40_001));
    }

    #[test]
    fn a_name_rests_for_60_seconds_if_asked_to_edge_23() {
        let mut catalog = Catalog::default().with_recent_delete_check(true);
        create(&mut catalog, "q", &[]);
        change(&mut catalog, "q", CatalogChange::Delete).unwrap();
        let create = |catalog: &Catalog, seconds| {
            let now = NOW + Duration::from_secs(seconds);
            catalog.create(now, key("q"), &[], &Tags::new()).map(|_| ())
        };
        assert_eq!(create(&catalog, 59), Err(CatalogRefusal::DeletedRecently));
        assert_eq!(create(&catalog, 60), Ok(()));
    }

    fn redrive_to(target: &str) -> CatalogChange {
        let arn = key(target).arn().to_string();
        let json = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}"#);
        set(AttributeName::RedrivePolicy, &json)
    }

    #[test]
    fn a_dead_letter_queue_exists_and_allows_its_sources_edges_205_207_209() {
        let mut catalog = Catalog::default();
        create(&mut catalog, "q", &[]);
        create(&mut catalog, "dead", &[]);
        let reason = |refusal: CatalogRefusal| match refusal {
            CatalogRefusal::Attribute(error) => error.message,
            other => panic!("{other:?}"),
        };
        change(&mut catalog, "q", redrive_to("dead")).unwrap();
        change(&mut catalog, "q", redrive_to("q")).unwrap();
        let missing = reason(change(&mut catalog, "q", redrive_to("missing")).unwrap_err());
        assert!(missing.ends_with("Reason: Dead letter target does not exist."), "{missing}");
        let deny = set(AttributeName::RedriveAllowPolicy, r#"{"redrivePermission":"denyAll"}"#);
        change(&mut catalog, "dead", deny).unwrap();
        let denied = reason(change(&mut catalog, "q", redrive_to("dead")).unwrap_err());
        assert!(denied.contains("is not allowed to use"), "{denied}");
        let by_queue = format!(
            r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#,
            key("q").arn()
        );
        let by_queue = set(AttributeName::RedriveAllowPolicy, &by_queue);
        change(&mut catalog, "dead", by_queue).unwrap();
        change(&mut catalog, "q", redrive_to("dead")).unwrap();
    }

    #[test]
    fn tags_come_and_go_and_leave_the_attributes_alone_edge_238() {
        let mut catalog = Catalog::default();
        let before = create(&mut catalog, "q", &[]);
        let tags = Tags::from([("tag1".into(), "1".into()), ("tag2".into(), "2".into())]);
        change(&mut catalog, "q", CatalogChange::Tag(tags)).unwrap();
        let untag = CatalogChange::Untag(vec!["tag1".into(), "tag3".into()]);
        let record = change(&mut catalog, "q", untag).unwrap();
        assert_eq!(record.entry().tags, Tags::from([("tag2".into(), "2".into())]));
        assert_eq!(record.entry().modified_at, before.modified_at);
    }
}
