//! The ceiling: `cargo run --release -p formiga-bench --example bare_hyper -- --listen 127.0.0.1:9324`.

use std::net::TcpListener;

use clap::Parser;
use formiga_bench::bare;

/// A bare hyper server that answers every SendMessage of a standard message alike.
#[derive(Parser)]
struct Args {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(Args::parse().listen)?;
    println!("listening on http://{}", listener.local_addr()?);
    bare::serve(listener, bare::standard_answer())
}
