//! Where addresses are, from a database in MaxMind's format.

use std::fmt;
use std::net::IpAddr;

use maxminddb::{Reader, geoip2};
use model::value::{Object, Value};

/// A database of cities by address, held in memory.
pub struct Places(Reader<Vec<u8>>);

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the file is no database of places by address in MaxMind's format: {0}")]
pub struct NoPlaces(String);

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = &self.0.metadata().database_type;
        f.debug_tuple("Places").field(kind).finish()
    }
}

impl Places {
    /// Reads the bytes of a database.
    ///
    /// # Errors
    /// When they are none.
    pub fn read(bytes: Vec<u8>) -> Result<Self, NoPlaces> {
        let reader = Reader::from_source(bytes);
        reader
            .map(Self)
            .map_err(|error| NoPlaces(error.to_string()))
    }

    /// What is known of the place of an address; names in English, and what is not known left out.
    pub(crate) fn of(&self, address: IpAddr) -> Option<Object> {
        let found = self.0.lookup(address.to_canonical()).ok()?;
        let city: geoip2::City<'_> = found.decode().ok()??;
        let province = city.subdivisions.first();
        let coordinates = city.location.longitude.zip(city.location.latitude);
        let coordinates = coordinates.and_then(|(longitude, latitude)| {
            Some(Value::Array(vec![
                Value::float(longitude)?,
                Value::float(latitude)?,
            ]))
        });
        let known = [
            ("city", city.city.names.english),
            (
                "province",
                province.and_then(|province| province.names.english),
            ),
            ("country", city.country.names.english),
            ("continent", city.continent.names.english),
            ("postal_code", city.postal.code),
        ];
        let known = known
            .into_iter()
            .map(|(name, text)| (name, text.map(Value::from)));
        let known = known.chain([("coordinates", coordinates)]);
        let known = known.fold(Object::new(), |object, (name, value)| match value {
            None => object,
            Some(value) => object.with(name, value),
        });
        (!known.is_empty()).then_some(known)
    }
}

#[cfg(test)]
pub(crate) mod tests;
