//! Decides what of a log outlives a power cut.
//!
//! What a sync covers is there. Every change since may have reached the disk or not, each on
//! its own: a write may be whole, missing, torn between two sectors, present in some of its
//! pages only, or older than what it should have overwritten. The names in a directory are
//! changes too, and only a sync of the directory makes them last.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, Permissions};
use std::ops::AddAssign;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::log::{Entry, Operation};
use super::rng::Rng;

/// What happens to the changes that no sync covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    DropUnsynced,
    KeepAll,
    Random,
}

/// A directory by value: the content of each file by its path, `None` for a directory.
pub(crate) type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// What one cut, or all of them together, found unsynced and did to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) unsynced_writes: usize,
    pub(crate) dropped: usize,
    pub(crate) torn: usize,
    pub(crate) reordered: usize,
    pub(crate) unsynced_names: usize,
    pub(crate) dropped_names: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.unsynced_writes += other.unsynced_writes;
        self.dropped += other.dropped;
        self.torn += other.torn;
        self.reordered += other.reordered;
        self.unsynced_names += other.unsynced_names;
        self.dropped_names += other.dropped_names;
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Tally { unsynced_writes, dropped, torn, reordered, .. } = self;
        let Tally { unsynced_names, dropped_names, .. } = self;
        write!(f, "{unsynced_writes} unsynced writes ({dropped} dropped, {torn} torn, ")?;
        write!(f, "{reordered} reordered), {unsynced_names} unsynced names ({dropped_names} ")?;
        write!(f, "dropped)")
    }
}

/// A disk on which the operations of a log were performed.
#[derive(Default)]
pub(crate) struct Disk<'a> {
    files: BTreeMap<u32, File<'a>>,
    /// By path; the watched directory itself is the empty path.
    dirs: BTreeMap<&'a str, Dir<'a>>,
    /// Every name as the running server sees it.
    live: BTreeMap<&'a str, Node<'a>>,
}

#[derive(Default)]
struct File<'a> {
    synced: Vec<u8>,
    unsynced: Vec<Change<'a>>,
}

#[derive(Default)]
struct Dir<'a> {
    synced: BTreeMap<&'a str, Node<'a>>,
    unsynced: Vec<Names<'a>>,
}

#[derive(Clone, Copy)]
enum Node<'a> {
    File(u32),
    Dir(&'a str),
}

/// The names that one operation sets or, with `None`, takes away. They change together.
type Names<'a> = Vec<(&'a str, Option<Node<'a>>)>;

#[derive(Clone, Copy)]
enum Change<'a> {
    Write {
        offset: usize,
        data: &'a [u8],
    },
    SetLength(usize),
    /// What remains of a lost write when the file's new length was not lost with it.
    Grow(usize),
}

impl<'a> Disk<'a> {
    pub(crate) fn replay(entries: &[Entry<'a>]) -> Disk<'a> {
        let mut disk = Disk::default();
        for entry in entries {
            disk.perform(entry.operation);
        }
        disk
    }

    pub(crate) fn perform(&mut self, operation: Operation<'a>) {
        match operation {
            Operation::Create { file, path } => {
                self.files.insert(file, File::default());
                self.rename(vec![(path, Some(Node::File(file)))]);
            }
            Operation::Write { file, offset, data } => {
                self.file(file).unsynced.push(Change::Write { offset, data });
            }
            Operation::SetLength { file, length } => {
                self.file(file).unsynced.push(Change::SetLength(length));
            }
            Operation::Sync { file } => self.file(file).sync(),
            Operation::SyncDir { path } => self.dirs.entry(path).or_default().sync(),
            Operation::MakeDir { path } => self.rename(vec![(path, Some(Node::Dir(path)))]),
            Operation::Rename { from, to } => {
                self.rename(vec![(from, None), (to, self.live.get(from).copied())]);
            }
            Operation::Unlink { path } | Operation::RemoveDir { path } => {
                self.rename(vec![(path, None)]);
            }
        }
    }

    fn file(&mut self, file: u32) -> &mut File<'a> {
        self.files.get_mut(&file).expect("a file is created before it is used")
    }

    fn rename(&mut self, names: Names<'a>) {
        let dir = parent(names[0].0);
        assert!(names.iter().all(|(path, _)| parent(path) == dir), "{dir} keeps its files");
        for (path, node) in &names {
            match node {
                Some(node) => self.live.insert(path, *node),
                None => self.live.remove(path),
            };
        }
        self.dirs.entry(dir).or_default().unsynced.push(names);
    }

    /// What is found on the disk when the power is back.
    pub(crate) fn cut(&self, mode: Mode, rng: &mut Rng) -> (Tree, Tally) {
        let (mut tree, mut tally) = (Tree::new(), Tally::default());
        let mut reachable = vec![""];
        while let Some(dir) = reachable.pop() {
            let Some(dir) = self.dirs.get(dir) else { continue };
            for (path, node) in dir.cut(mode, rng, &mut tally) {
                let content = match node {
                    Node::File(file) => Some(self.files[&file].cut(mode, rng, &mut tally)),
                    Node::Dir(path) => {
                        reachable.push(path);
                        None
                    }
                };
                tree.insert(path.to_owned(), content);
            }
        }
        (tree, tally)
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl<'a> Dir<'a> {
    fn sync(&mut self) {
        for names in self.unsynced.drain(..) {
            set_names(&mut self.synced, &names);
        }
    }

    /// A journal keeps a first part of the changes; a file system without one keeps any.
    fn cut(&self, mode: Mode, rng: &mut Rng, tally: &mut Tally) -> BTreeMap<&'a str, Node<'a>> {
        let journal = rng.chance(50).then(|| rng.below(self.unsynced.len() + 1));
        let mut names = self.synced.clone();
        for (position, change) in self.unsynced.iter().enumerate() {
            let kept = match mode {
                Mode::DropUnsynced => false,
                Mode::KeepAll => true,
                Mode::Random => journal.map_or_else(|| rng.chance(50), |length| position < length),
            };
            tally.unsynced_names += 1;
            match kept {
                true => set_names(&mut names, change),
                false => tally.dropped_names += 1,
            }
        }
        names
    }
}

fn set_names<'a>(all: &mut BTreeMap<&'a str, Node<'a>>, names: &Names<'a>) {
    for (path, node) in names {
        match node {
            Some(node) => all.insert(path, *node),
            None => all.remove(path),
        };
    }
}

impl<'a> File<'a> {
    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.synced);
        }
    }

    fn cut(&self, mode: Mode, rng: &mut Rng, tally: &mut Tally) -> Vec<u8> {
        tally.unsynced_writes += self.unsynced.len();
        let kept = match mode {
            Mode::KeepAll => self.unsynced.clone(),
            Mode::DropUnsynced => {
                tally.dropped += self.unsynced.len();
                Vec::new()
            }
            Mode::Random => self.survivors(rng, tally),
        };
        let mut content = self.synced.clone();
        for change in kept {
            change.apply(&mut content);
        }
        content
    }

    /// What reached the disk of each change, in the order it arrived there. Some cuts lose
    /// little and some nearly everything.
    fn survivors(&self, rng: &mut Rng, tally: &mut Tally) -> Vec<Change<'a>> {
        let kept_percent = rng.pick(&[5, 50, 90]);
        let mut kept = Vec::new();
        for change in &self.unsynced {
            if rng.chance(kept_percent) {
                kept.push(*change);
                continue;
            }
            let pieces = if rng.chance(50) { change.tear(rng) } else { Vec::new() };
            match pieces.is_empty() {
                true => tally.dropped += 1,
                false => tally.torn += 1,
            }
            kept.extend(pieces);
            if rng.chance(50) {
                kept.extend(change.growth());
            }
        }
        if rng.chance(50) {
            tally.reordered += shuffle(&mut kept, rng);
        }
        kept
    }
}

/// How many of the items stand elsewhere afterwards.
fn shuffle<T: Copy>(items: &mut [T], rng: &mut Rng) -> usize {
    let mut order: Vec<usize> = (0..items.len()).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, rng.below(last + 1));
    }
    let before = items.to_vec();
    for (item, from) in items.iter_mut().zip(&order) {
        *item = before[*from];
    }
    order.iter().enumerate().filter(|(to, from)| to != *from).count()
}

/// What a disk writes whole, and what a page cache writes whole, in bytes.
const SECTOR: usize = 512;
const PAGE: usize = 4096;

impl<'a> Change<'a> {
    fn apply(self, content: &mut Vec<u8>) {
        match self {
            Change::Write { offset, data } => {
                Change::Grow(offset + data.len()).apply(content);
                content[offset..offset + data.len()].copy_from_slice(data);
            }
            Change::SetLength(length) => content.resize(length, 0),
            Change::Grow(length) => content.resize(length.max(content.len()), 0),
        }
    }

    /// A true part of a write: its first sectors, or some of its pages. Nothing if it is too
    /// small to be torn, or tears into nothing.
    fn tear(self, rng: &mut Rng) -> Vec<Change<'a>> {
        let Change::Write { offset, data } = self else { return Vec::new() };
        let sectors = pieces(offset, data, SECTOR);
        if rng.chance(50) {
            let first = rng.below(sectors.len());
            let length = sectors[..first].iter().map(|(_, data)| data.len()).sum();
            let first = Change::Write { offset, data: &data[..length] };
            return if length > 0 { vec![first] } else { Vec::new() };
        }
        let mut pages = pieces(offset, data, PAGE);
        pages.remove(rng.below(pages.len()));
        pages.retain(|_| rng.chance(50));
        pages.into_iter().map(|(offset, data)| Change::Write { offset, data }).collect()
    }

    fn growth(self) -> Option<Change<'a>> {
        match self {
            Change::Write { offset, data } => Some(Change::Grow(offset + data.len())),
            Change::SetLength(_) | Change::Grow(_) => None,
        }
    }
}

/// A write cut at the multiples of `size` in its file.
fn pieces(mut offset: usize, mut data: &[u8], size: usize) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    loop {
        let (piece, rest) = data.split_at(data.len().min(size - offset % size));
        pieces.push((offset, piece));
        if rest.is_empty() {
            return pieces;
        }
        offset += piece.len();
        data = rest;
    }
}

/// Makes `tree` a directory at `into`, which must not exist yet.
pub(crate) fn write(tree: &Tree, into: &Path) {
    fs::create_dir(into).expect("the directory is made");
    for (path, content) in tree {
        let path = into.join(path);
        match content {
            Some(content) => {
                fs::write(&path, content).expect("the file is written");
                // The log does not tell modes; secrets must be their owner's alone to be read.
                fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
            }
            None => fs::create_dir(&path).expect("the directory is made"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Operation<'static> = Operation::Create { file: 1, path: "a" };
    const SYNC: Operation<'static> = Operation::Sync { file: 1 };
    const SYNC_ROOT: Operation<'static> = Operation::SyncDir { path: "" };

    fn put(offset: usize, data: &[u8]) -> Operation<'_> {
        Operation::Write { file: 1, offset, data }
    }

    fn disk<'a>(operations: &[Operation<'a>]) -> Disk<'a> {
        let mut disk = Disk::default();
        operations.iter().for_each(|operation| disk.perform(*operation));
        disk
    }

    fn cut(operations: &[Operation<'_>], mode: Mode) -> Tree {
        disk(operations).cut(mode, &mut Rng::seeded(1)).0
    }

    /// Every outcome of many random cuts, and what was done to reach them.
    fn cuts(operations: &[Operation<'_>]) -> (Vec<Tree>, Tally) {
        let (disk, mut rng, mut total) = (disk(operations), Rng::seeded(7), Tally::default());
        let mut trees: Vec<Tree> = Vec::new();
        for _ in 0..2_000 {
            let (tree, tally) = disk.cut(Mode::Random, &mut rng);
            total += tally;
            if !trees.contains(&tree) {
                trees.push(tree);
            }
        }
        (trees, total)
    }

    fn one(content: &[u8]) -> Tree {
        Tree::from([("a".to_owned(), Some(content.to_vec()))])
    }

    #[test]
    fn what_was_synced_is_there_whatever_the_cut() {
        let log = [CREATE, SYNC_ROOT, put(0, b"hello"), put(5, b" world"), SYNC];
        let (trees, tally) = cuts(&log);
        assert_eq!(trees, [one(b"hello world")]);
        assert_eq!(tally, Tally::default());
        assert_eq!(cut(&log, Mode::DropUnsynced), one(b"hello world"));
    }

    #[test]
    fn a_sync_covers_only_its_own_file_and_only_what_came_before() {
        let other = Operation::Create { file: 2, path: "b" };
        let log = [CREATE, other, SYNC_ROOT, put(0, b"x"), Operation::Sync { file: 2 }];
        assert_eq!(cut(&log, Mode::DropUnsynced)["a"], Some(Vec::new()));
        assert_eq!(cut(&log, Mode::KeepAll)["a"], Some(b"x".to_vec()));

        let log = [CREATE, SYNC_ROOT, put(0, b"x"), SYNC, put(1, b"y")];
        assert_eq!(cut(&log, Mode::DropUnsynced), one(b"x"));
    }

    #[test]
    fn an_unsynced_write_may_be_there_or_not_or_leave_zeros() {
        let log = [CREATE, SYNC_ROOT, put(0, b"old"), SYNC, put(0, b"newer")];
        let (trees, tally) = cuts(&log);
        for possible in [one(b"old"), one(b"newer"), one(b"old\0\0")] {
            assert!(trees.contains(&possible), "{possible:?}");
        }
        assert_eq!(trees.len(), 3);
        assert!(tally.dropped > 0 && tally.torn == 0);
    }

    #[test]
    fn unsynced_writes_may_arrive_in_another_order() {
        let log = [CREATE, SYNC_ROOT, put(0, b"1"), put(0, b"2")];
        let (trees, tally) = cuts(&log);
        assert!(trees.contains(&one(b"1")) && trees.contains(&one(b"2")));
        assert!(tally.reordered > 0);
    }

    #[test]
    fn a_write_is_torn_between_sectors_of_the_file() {
        let data = [b'x'; 1000];
        let (trees, tally) = cuts(&[CREATE, SYNC_ROOT, put(100, &data)]);
        let lengths: Vec<usize> = trees
            .iter()
            .map(|tree| tree["a"].as_ref().expect("a is a file").iter().rposition(|b| *b == b'x'))
            .map(|last| last.map_or(0, |last| last + 1))
            .collect();
        assert!(tally.torn > 0);
        assert!([0, 512, 1024, 1100].iter().all(|length| lengths.contains(length)), "{lengths:?}");
        assert!(lengths.iter().all(|length| [0, 512, 1024, 1100].contains(length)), "{lengths:?}");
    }

    #[test]
    fn a_write_may_lose_any_of_its_pages() {
        let data = [b'x'; 3 * PAGE];
        let (trees, _) = cuts(&[CREATE, SYNC_ROOT, put(0, &data)]);
        let only_the_last = [[0; PAGE], [0; PAGE], [b'x'; PAGE]].concat();
        let all_but_the_middle = [[b'x'; PAGE], [0; PAGE], [b'x'; PAGE]].concat();
        assert!(trees.contains(&one(&only_the_last)) && trees.contains(&one(&all_but_the_middle)));
    }

    #[test]
    fn a_name_lasts_once_its_directory_is_synced() {
        let (trees, tally) = cuts(&[CREATE, put(0, b"x"), SYNC]);
        assert!(trees.contains(&Tree::new()) && trees.contains(&one(b"x")));
        assert!(tally.dropped_names > 0);

        let rename = Operation::Rename { from: "a", to: "b" };
        let (trees, _) = cuts(&[CREATE, SYNC_ROOT, rename]);
        let moved = Tree::from([("b".to_owned(), Some(Vec::new()))]);
        assert_eq!(trees.len(), 2, "a rename happens whole or not at all: {trees:?}");
        assert!(trees.contains(&one(b"")) && trees.contains(&moved));
        assert_eq!(cut(&[CREATE, rename, SYNC_ROOT], Mode::DropUnsynced), moved);

        let unlink = Operation::Unlink { path: "a" };
        assert_eq!(cut(&[CREATE, SYNC_ROOT, unlink], Mode::DropUnsynced), one(b""));
        assert_eq!(cut(&[CREATE, SYNC_ROOT, unlink], Mode::KeepAll), Tree::new());
    }

    #[test]
    fn a_lost_directory_takes_its_files_along() {
        let make = Operation::MakeDir { path: "d" };
        let create = Operation::Create { file: 1, path: "d/a" };
        let inside = [make, create, Operation::SyncDir { path: "d" }, SYNC];
        assert_eq!(cut(&inside, Mode::DropUnsynced), Tree::new());
        let both = [&inside[..], &[SYNC_ROOT]].concat();
        let whole = [("d".to_owned(), None), ("d/a".to_owned(), Some(Vec::new()))];
        assert_eq!(cut(&both, Mode::DropUnsynced), Tree::from(whole));
    }

    #[test]
    fn a_new_length_may_be_lost_too() {
        let shorter = Operation::SetLength { file: 1, length: 2 };
        let (trees, _) = cuts(&[CREATE, SYNC_ROOT, put(0, b"long"), SYNC, shorter]);
        assert_eq!(trees.len(), 2);
        assert!(trees.contains(&one(b"lo")) && trees.contains(&one(b"long")));
    }

    #[test]
    fn equal_seeds_give_equal_cuts() {
        let writes: Vec<[u8; 600]> = (0..50).map(|n| [n; 600]).collect();
        let mut log = vec![CREATE];
        log.extend(writes.iter().enumerate().map(|(n, data)| put(n * 500, data)));
        let disk = disk(&log);
        let cut = |seed| disk.cut(Mode::Random, &mut Rng::seeded(seed)).0;
        assert!(cut(3) == cut(3) && cut(3) != cut(4));
    }
}
