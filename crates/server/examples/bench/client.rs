//! A keep-alive HTTP connection with as little of its own cost as possible.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    token: String,
    line: String,
}

impl Connection {
    pub(crate) fn open(address: &str, token: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
            token: token.to_owned(),
            line: String::new(),
        }
    }

    /// Sends JSON; answers the status and the body.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        self.try_post(path, body, &mut || true).unwrap()
    }

    /// The same where the server may cut the answer, or the asker stops after a chunk of it: either
    /// is an error, and ends the connection.
    pub(crate) fn try_post(
        &mut self,
        path: &str,
        body: &[u8],
        goes_on: &mut dyn FnMut() -> bool,
    ) -> io::Result<(u16, Vec<u8>)> {
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        self.answer(goes_on)
    }

    /// Reads what lies at a path.
    pub(crate) fn get(&mut self, path: &str) -> Vec<u8> {
        let token = match self.token.as_str() {
            "" => String::new(),
            token => format!("authorization: Bearer {token}\r\n"),
        };
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{token}\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        self.answer(&mut || true).unwrap().1
    }

    fn answer(&mut self, goes_on: &mut dyn FnMut() -> bool) -> io::Result<(u16, Vec<u8>)> {
        self.read_line()?;
        let status = self.line.split(' ').nth(1).unwrap().parse().unwrap();
        let (mut length, mut in_chunks) = (0, false);
        loop {
            self.read_line()?;
            if self.line == "\r\n" {
                break;
            }
            let line = self.line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            in_chunks |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        }
        if in_chunks {
            return Ok((status, self.chunks(goes_on)?));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }

    fn chunks(&mut self, goes_on: &mut dyn FnMut() -> bool) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            self.read_line()?;
            let length = usize::from_str_radix(self.line.trim(), 16).unwrap();
            let from = body.len();
            body.resize(from + length, 0);
            self.stream.read_exact(&mut body[from..])?;
            self.read_line()?;
            if length == 0 {
                return Ok(body);
            }
            if !goes_on() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
    }

    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}
