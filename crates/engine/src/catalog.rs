//! [`Catalog`]: which queues exist, under which incarnation, with which attributes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::attributes::{AttributeError, AttributeName, QueueAttributes};
use crate::names::{QueueId, QueueKey};
use crate::time::Timestamp;

/// A queue that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// This incarnation of the queue.
    pub id: QueueId,
    /// What it is found by.
    pub key: QueueKey,
    /// Its settings.
    pub attributes: QueueAttributes,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its attributes last changed.
    pub modified_at: Timestamp,
}

/// A durable fact about which queues exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogRecord {
    /// A queue was created.
    Created(Arc<CatalogEntry>),
    /// A queue was deleted with everything in it.
    Deleted(Arc<CatalogEntry>),
}

/// Why a queue was not created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateRefusal {
    /// An attribute was not accepted.
    Attribute(AttributeError),
    /// A queue of that name has another value for the named attribute.
    AlreadyExists {
        /// The first attribute that differs.
        attribute: AttributeName,
    },
}

/// Every queue of a shard by account, region and name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: BTreeMap<QueueKey, Arc<CatalogEntry>>,
    next_id: u64,
}

impl Catalog {
    /// The catalog of what a store kept. `next_id` is greater than any id ever given out.
    pub fn restore(entries: Vec<CatalogEntry>, next_id: u64) -> Catalog {
        let by_key = |entry: CatalogEntry| (entry.key.clone(), Arc::new(entry));
        Catalog { entries: entries.into_iter().map(by_key).collect(), next_id }
    }

    /// The queue called `key`.
    pub fn get(&self, key: &QueueKey) -> Option<&Arc<CatalogEntry>> {
        self.entries.get(key)
    }

    /// Every queue, ordered by account, region and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<CatalogEntry>> {
        self.entries.values()
    }

    /// Creates a queue with the supplied attributes, or finds the one that exists with equal ones.
    ///
    /// "If you provide the name of an existing queue along with the exact names and values of all
    /// the queue's attributes, CreateQueue returns the queue URL": AWS compares the supplied
    /// attributes only, with their current values. Attributes are checked before that.
    ///
    /// The queue exists once the records were [absorbed](Catalog::absorb).
    pub fn create(
        &self,
        now: Timestamp,
        key: QueueKey,
        supplied: &[(AttributeName, String)],
    ) -> Result<(Arc<CatalogEntry>, Vec<CatalogRecord>), CreateRefusal> {
        let mut attributes = QueueAttributes::default();
        for (name, value) in supplied {
            attributes.set(*name, value).map_err(CreateRefusal::Attribute)?;
        }
        if let Some(existing) = self.entries.get(&key) {
            let differs =
                |name: &AttributeName| existing.attributes.get(*name) != attributes.get(*name);
            return match supplied.iter().map(|(name, _)| *name).find(differs) {
                Some(attribute) => Err(CreateRefusal::AlreadyExists { attribute }),
                None => Ok((existing.clone(), Vec::new())),
            };
        }
        let id = QueueId(self.next_id);
        let entry = CatalogEntry { id, key, attributes, created_at: now, modified_at: now };
        let entry = Arc::new(entry);
        Ok((entry.clone(), vec![CatalogRecord::Created(entry)]))
    }

    /// Deletes the queue called `key`, if there is one. It is gone once the record was
    /// [absorbed](Catalog::absorb).
    pub fn delete(&self, key: &QueueKey) -> Option<CatalogRecord> {
        self.entries.get(key).cloned().map(CatalogRecord::Deleted)
    }

    /// The only change of durable fact. Unlike a queue, whose next command may build on records
    /// that are not durable yet, a catalog absorbs a record only once it is.
    pub fn absorb(&mut self, record: &CatalogRecord) {
        match record {
            CatalogRecord::Created(entry) => {
                self.next_id = self.next_id.max(entry.id.0 + 1);
                self.entries.insert(entry.key.clone(), entry.clone());
            }
            CatalogRecord::Deleted(entry) => {
                self.entries.remove(&entry.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let (entry, records) = catalog.create(NOW, key(name), supplied).unwrap();
        assert_eq!(records, [CatalogRecord::Created(entry.clone())]);
        catalog.absorb(&records[0]);
        entry
    }

    #[test]
    fn creating_an_existing_queue_compares_only_the_supplied_attributes_edges_2_3_4_5() {
        let mut catalog = Catalog::default();
        let first = create(&mut catalog, "q", &delay("1"));
        for supplied in [vec![], delay("1"), delay("01")] {
            let (same, records) = catalog.create(NOW, key("q"), &supplied).unwrap();
            assert_eq!((same.id, records.len()), (first.id, 0));
        }
        assert_eq!(
            catalog.create(NOW, key("q"), &delay("2")),
            Err(CreateRefusal::AlreadyExists { attribute: AttributeName::DelaySeconds })
        );
    }

    #[test]
    fn attributes_are_checked_before_they_are_compared() {
        let mut catalog = Catalog::default();
        create(&mut catalog, "q", &[]);
        let refusal = catalog.create(NOW, key("q"), &delay("901")).unwrap_err();
        assert!(matches!(refusal, CreateRefusal::Attribute(_)));
    }

    #[test]
    fn a_queue_created_again_is_another_incarnation_edge_41() {
        let mut catalog = Catalog::default();
        let first = create(&mut catalog, "q", &[]);
        let deleted = catalog.delete(&key("q")).unwrap();
        assert_eq!(deleted, CatalogRecord::Deleted(first.clone()));
        catalog.absorb(&deleted);
        assert!(catalog.delete(&key("q")).is_none());
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
}
