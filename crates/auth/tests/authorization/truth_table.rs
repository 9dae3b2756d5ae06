//! The decisions that surprise people, and those that do not.

use crate::scene::Scene;

/// Number, caller, action, identity policy, session policy, queue policy, decision.
pub(crate) type Row =
    (u32, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
pub(crate) const ROWS: [Row; 92] = [
    (1, "root", "SendMessage", "-", "-", "-", "allow"),
    (2, "root", "SendMessage", "-", "-", "!*", "DENY-res"),
    (3, "root", "SendMessage", "-", "-", "!A", "DENY-res"),
    (4, "root", "SendMessage", "-", "-", "!alice", "allow"),
    (5, "alice", "SendMessage", "-", "-", "-", "no-id"),
    (6, "alice", "SendMessage", "+S", "-", "-", "allow"),
    (7, "alice", "SendMessage", "+R", "-", "-", "no-id"),
    (8, "alice", "SendMessage", "+S on q2", "-", "-", "no-id"),
    (9, "alice", "SendMessage", "!S", "-", "-", "DENY-id"),
    (10, "alice", "SendMessage", "+*; !S", "-", "-", "DENY-id"),
    (11, "alice", "SendMessage", "-", "-", "+alice", "allow"),
    (12, "alice", "SendMessage", "-", "-", "+A", "no-id"),
    (13, "alice", "SendMessage", "+S", "-", "+A", "allow"),
    (14, "alice", "SendMessage", "-", "-", "+*", "allow"),
    (15, "alice", "SendMessage", "-", "-", "+bob", "no-id"),
    (16, "alice", "SendMessage", "!S", "-", "+alice", "DENY-id"),
    (17, "alice", "SendMessage", "!S", "-", "+*", "DENY-id"),
    (18, "alice", "SendMessage", "+*", "-", "!alice", "DENY-res"),
    (19, "alice", "SendMessage", "+*", "-", "!A", "DENY-res"),
    (20, "alice", "SendMessage", "+*", "-", "!*", "DENY-res"),
    (21, "alice", "SendMessage", "+*", "-", "!bob", "allow"),
    (22, "alice", "SendMessage", "+*", "-", "+alice; !*", "DENY-res"),
    (23, "alice", "SendMessage", "-", "-", "+alice if F", "no-id"),
    (24, "alice", "SendMessage", "+S if F", "-", "+alice if T", "allow"),
    (25, "alice", "SendMessage", "+S if F", "-", "-", "no-id"),
    (26, "alice", "SendMessage", "+*; !S if F", "-", "-", "allow"),
    (27, "alice", "SendMessage", "+*", "-", "!* if F", "allow"),
    (28, "alice", "SendMessage", "-", "-", "+sns", "no-id"),
    (29, "alice", "SendMessage", "+*; !NotAction S", "-", "-", "allow"),
    (30, "alice", "SendMessage", "+NotAction R", "-", "-", "allow"),
    (31, "alice", "SendMessage", "+*", "-", "!NotPrincipal alice", "DENY-res"),
    (32, "alice", "SendMessage", "+*", "-", "!NotPrincipal alice,A", "allow"),
    (33, "alice", "SendMessage", "+*", "-", "!NotPrincipal bob,B", "DENY-res"),
    (34, "alice", "SendMessage", "-", "-", "+NotPrincipal bob", "allow"),
    (35, "r/s", "SendMessage", "-", "-", "-", "no-id"),
    (36, "r/s", "SendMessage", "+S", "-", "-", "allow"),
    (37, "r/s", "SendMessage", "-", "-", "+r", "allow"),
    (38, "r/s", "SendMessage", "-", "-", "+r/s", "allow"),
    (39, "r/s", "SendMessage", "-", "-", "+A", "no-id"),
    (40, "r/s", "SendMessage", "+S", "-", "!r", "DENY-res"),
    (41, "r/s", "SendMessage", "+S", "-", "!r/s", "DENY-res"),
    (42, "r/s", "SendMessage", "+*; !NotAction S", "-", "!NotPrincipal r,A", "DENY-res"),
    (43, "r/s", "SendMessage", "+*", "-", "!NotPrincipal r,r/s,A", "allow"),
    (44, "bob", "SendMessage", "-", "-", "-", "no-res"),
    (45, "bob", "SendMessage", "+*", "-", "-", "no-res"),
    (46, "bob", "SendMessage", "+S", "-", "+bob", "allow"),
    (47, "bob", "SendMessage", "+S", "-", "+B", "allow"),
    (48, "bob", "SendMessage", "+S", "-", "+*", "allow"),
    (49, "bob", "SendMessage", "-", "-", "+bob", "no-id"),
    (50, "bob", "SendMessage", "-", "-", "+B", "no-id"),
    (51, "bob", "SendMessage", "-", "-", "+*", "no-id"),
    (52, "bob", "SendMessage", "+S", "-", "+A", "no-res"),
    (53, "bob", "SendMessage", "+S", "-", "+alice", "no-res"),
    (54, "bob", "SendMessage", "!S", "-", "+bob", "DENY-id"),
    (55, "bob", "SendMessage", "+S", "-", "+bob; !B", "DENY-res"),
    (56, "bob", "SendMessage", "+S", "-", "+B if F", "no-res"),
    (57, "bob", "SendMessage", "+R", "-", "+B", "no-id"),
    (58, "bob", "SendMessage", "+S on q2", "-", "+B", "no-id"),
    (59, "rootB", "SendMessage", "-", "-", "-", "no-res"),
    (60, "rootB", "SendMessage", "-", "-", "+B", "allow"),
    (61, "rootB", "SendMessage", "-", "-", "+bob", "no-res"),
    (62, "rb/s", "SendMessage", "+S", "-", "+rb", "allow"),
    (63, "rb/s", "SendMessage", "-", "-", "+rb", "no-id"),
    (64, "rb/s", "SendMessage", "+S", "-", "+rb/s", "allow"),
    (65, "bob", "DeleteQueue", "+*", "-", "+B on sqs:*", "no-res"),
    (66, "bob", "SetQueueAttributes", "+*", "-", "+B on sqs:*", "no-res"),
    (67, "bob", "PurgeQueue", "+*", "-", "+B on sqs:*", "allow"),
    (68, "rootB", "TagQueue", "-", "-", "+B on sqs:*", "no-res"),
    (69, "alice", "DeleteQueue", "-", "-", "+alice on sqs:*", "allow"),
    (70, "anon", "SendMessage", "-", "-", "-", "no-res"),
    (71, "anon", "SendMessage", "-", "-", "+*", "allow"),
    (72, "anon", "SendMessage", "-", "-", "+A", "no-res"),
    (73, "anon", "SendMessage", "-", "-", "+* if F", "no-res"),
    (74, "anon", "SendMessage", "-", "-", "+*; !* if T", "DENY-res"),
    (75, "anon", "DeleteQueue", "-", "-", "+* on sqs:*", "no-res"),
    (76, "sns", "SendMessage", "-", "-", "-", "no-res"),
    (77, "sns", "SendMessage", "-", "-", "+sns", "allow"),
    (78, "sns", "SendMessage", "-", "-", "+s3", "no-res"),
    (79, "sns", "SendMessage", "-", "-", "+* if T", "allow"),
    (80, "sns", "SendMessage", "-", "-", "+sns if F", "no-res"),
    (81, "sns", "SendMessage", "-", "-", "+A", "no-res"),
    (82, "sns", "SendMessage", "-", "-", "+sns; !*", "DENY-res"),
    (83, "r/s", "SendMessage", "+*", "+S", "-", "allow"),
    (84, "r/s", "SendMessage", "+*", "+R", "-", "no-ses"),
    (85, "r/s", "SendMessage", "-", "+S", "-", "no-id"),
    (86, "r/s", "SendMessage", "+*", "!S", "-", "DENY-ses"),
    (87, "r/s", "SendMessage", "-", "+S", "+r", "allow"),
    (88, "r/s", "SendMessage", "-", "+R", "+r", "no-ses"),
    (89, "r/s", "SendMessage", "-", "+R", "+r/s", "allow"),
    (90, "r/s", "SendMessage", "-", "+R", "+*", "no-ses"),
    (91, "rb/s", "SendMessage", "+S", "+R", "+rb", "no-ses"),
    (92, "rb/s", "SendMessage", "+S", "+S", "+rb", "allow"),
];

#[test]
fn every_row_is_decided_as_it_says() {
    for (number, caller, action, identity, session, queue, expected) in ROWS {
        let scene = Scene::of(caller).identity(identity).session(session).queue(queue);
        let scene = scene.action(&format!("sqs:{action}"));
        assert_eq!(scene.decide(), expected, "row {number}: {caller} {identity} {session} {queue}");
    }
}

#[test]
fn the_order_of_statements_does_not_matter() {
    for (number, caller, action, identity, session, queue, expected) in ROWS {
        let turned = |notation: &str| {
            let mut statements: Vec<&str> = notation.split("; ").collect();
            statements.reverse();
            statements.join("; ")
        };
        let scene = Scene::of(caller).identity(&turned(identity)).session(&turned(session));
        let scene = scene.queue(&turned(queue)).action(&format!("sqs:{action}"));
        assert_eq!(scene.decide(), expected, "row {number}");
    }
}
