//! HTTP/2 by hand: frames that no client library would send.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::common::http::soon;

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

pub(crate) struct Http2(BufReader<TcpStream>);

/// What came from the server.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Why the server ends the connection, or the stream.
    pub(crate) fn code(&self) -> Option<u32> {
        let at = match self.kind {
            GOAWAY => 4,
            RST_STREAM => 0,
            _ => return None,
        };
        let code = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(code.try_into().expect("four bytes")))
    }
}

impl Http2 {
    pub(crate) async fn open(address: SocketAddr) -> Http2 {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*frame(SETTINGS, 0, 0, &[])].concat();
        stream.write_all(&hello).await.expect("the server reads");
        Http2(BufReader::new(stream))
    }

    /// Writes until all is written, or the server has ended the connection.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        soon("the server reads or ends", self.0.get_mut().write_all(bytes)).await.is_ok()
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }

    async fn next(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await?;
        let number =
            |bytes: &[u8]| bytes.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        let mut payload = vec![0; number(&head[..3]) as usize];
        self.0.read_exact(&mut payload).await?;
        Ok(Frame { kind: head[3], stream: number(&head[5..]), payload })
    }

    /// The first frame that is one of those looked for; none if the connection ends before.
    pub(crate) async fn find(&mut self, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let found = async {
            loop {
                match self.next().await {
                    Ok(frame) if is_it(&frame) => return Some(frame),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        };
        soon("the server answers or ends", found).await
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}

/// The fields of `POST /` in the shortest form, with a name for the host.
pub(crate) fn post() -> Vec<u8> {
    [&[0x83, 0x86, 0x84, 0x01][..], &text("localhost")].concat()
}

/// A text that is not compressed.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut length = text.len();
    let mut bytes = Vec::new();
    if length < 127 {
        bytes.push(u8::try_from(length).expect("it is short"));
    } else {
        bytes.push(127);
        length -= 127;
        while length >= 128 {
            bytes.push(u8::try_from(length % 128).expect("seven bits") | 128);
            length /= 128;
        }
        bytes.push(u8::try_from(length).expect("seven bits"));
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
