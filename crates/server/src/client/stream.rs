//! Answers that are copied as they arrive.

use std::io::{self, Read as _};

use http::{HeaderMap, Method};

use super::{Body, Client, ClientError};

impl Client {
    /// Copies the answer to a `POST` to `out` as it arrives.
    ///
    /// # Errors
    /// As [`Client::get`], and when `out` cannot be written.
    pub(crate) fn stream(
        &self,
        path: &str,
        body: Body<'_>,
        out: &mut dyn io::Write,
    ) -> Result<(), ClientError> {
        let answer = self.open(&Method::POST, path, Some(body), HeaderMap::new())?;
        self.copy(answer, out)
    }

    /// Copies the answer to a `GET` to `out` as it arrives.
    ///
    /// # Errors
    /// As [`Client::get`], and when `out` cannot be written.
    pub(crate) fn download(&self, path: &str, out: &mut dyn io::Write) -> Result<(), ClientError> {
        let answer = self.open(&Method::GET, path, None, HeaderMap::new())?;
        self.copy(answer, out)
    }

    fn copy(
        &self,
        answer: http::Response<ureq::Body>,
        out: &mut dyn io::Write,
    ) -> Result<(), ClientError> {
        let mut reader = answer.into_body().into_reader();
        let mut piece = vec![0; 64 << 10];
        loop {
            let read = reader.read(&mut piece).map_err(|e| self.broken(&e))?;
            if read == 0 {
                return out.flush().map_err(ClientError::Output);
            }
            out.write_all(&piece[..read]).map_err(ClientError::Output)?;
        }
    }
}
