//! A load that goes on until the server refuses it.

use std::iter;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::thread;

use super::client::Failure;
use super::server::Server;
use super::worker::{Event, Load, Worker};

/// Lets the workers make requests until each has got an error, and returns the errors. If more than
/// `acknowledged_max` are answered, the server is killed, and the errors are of that.
pub(crate) fn load_until_refused(
    workers: &mut [Worker<'_>],
    server: Server,
    acknowledged_max: usize,
) -> (Vec<Failure>, Server) {
    let (events, happened) = channel();
    let (killing, address) = (AtomicBool::new(false), server.address());
    let load = Load { killing: &killing, events };
    let loads: Vec<Load<'_>> = iter::repeat_n(load, workers.len()).collect();
    let (mut acknowledged, mut server) = (0, Some(server));
    let failures = thread::scope(|scope| {
        let mut running = Vec::new();
        for (worker, load) in workers.iter_mut().zip(loads) {
            running.push(scope.spawn(move || worker.run(address, &load)));
        }
        for event in &happened {
            acknowledged += usize::from(matches!(event, Event::Acknowledged));
            if acknowledged > acknowledged_max {
                server.take().into_iter().for_each(Server::kill);
            }
        }
        running.into_iter().map(|worker| worker.join().expect("a worker ends")).collect()
    });
    (failures, server.expect("the server stops acknowledging by itself"))
}
