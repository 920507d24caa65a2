//! The values of one column, by numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::DataType;
use datafusion_common::{Result, internal_err};
use hashbrown::HashMap;
use model::time::{Buckets, Timestamp};

use super::ByteStrings;
use crate::aggregates::groups::{Room, Rows, check_column_size};
use crate::aggregates::keys::{Key, Shape, bytes_column, plain_column, present, shape};
use crate::aggregates::table::GroupBy;
use crate::columns::Encoded;

/// No number was given yet.
const NONE: u32 = u32::MAX;

/// The values of a column, numbered from 0 in the order in which they came. A
/// missing value is one of them.
#[derive(Debug)]
pub(in crate::aggregates) struct Column {
    at: usize,
    kind: Kind,
    /// The number of the missing value.
    missing: Option<u32>,
    len: u32,
}

#[derive(Debug)]
enum Kind {
    /// Values of up to 64 bits.
    Words(DataType, HashMap<u64, u32>, Vec<Option<u64>>),
    /// Byte strings; beside them the numbers of the strings, and of each
    /// value of the dictionary that was met last.
    Bytes(
        DataType,
        ByteStrings,
        Vec<u32>,
        Option<(ArrayRef, Vec<u32>)>,
    ),
    /// Lists, in bytes from which they are made again.
    Lists(RowConverter, ByteStrings, Vec<u32>),
    /// Intervals of time.
    Buckets(Arc<Buckets>, Vec<u32>, Vec<Option<u32>>),
}

impl Column {
    pub(super) fn new(by: &GroupBy) -> Result<Self> {
        let (at, kind) = match by {
            GroupBy::Value(at, data_type) => {
                let kind = match shape(data_type) {
                    Some(Shape::Word) => Kind::Words(data_type.clone(), HashMap::new(), Vec::new()),
                    Some(Shape::Bytes) => {
                        Kind::Bytes(data_type.clone(), ByteStrings::default(), Vec::new(), None)
                    }
                    Some(Shape::List) => {
                        let converter = RowConverter::new(vec![SortField::new(data_type.clone())])?;
                        Kind::Lists(converter, ByteStrings::default(), Vec::new())
                    }
                    None => return internal_err!("no field has values of type {data_type}"),
                };
                (*at, kind)
            }
            GroupBy::Interval(at, buckets) => {
                let known = vec![NONE; buckets.starts().len()];
                (*at, Kind::Buckets(buckets.clone(), known, Vec::new()))
            }
        };
        Ok(Self {
            at,
            kind,
            missing: None,
            len: 0,
        })
    }

    /// The values of columns of this plain type, wherever they stand.
    pub(in crate::aggregates) fn of_values(data_type: &DataType) -> Result<Self> {
        Self::new(&GroupBy::Value(0, data_type.clone()))
    }

    pub(in crate::aggregates) fn len(&self) -> usize {
        self.len as usize
    }

    /// Appends the number of each row's value in this column's place.
    pub(super) fn number_in(&mut self, batch: &RecordBatch, out: &mut Vec<u32>) -> Result<()> {
        self.number(batch.column(self.at), out)
    }

    /// Appends the number of each value.
    pub(in crate::aggregates) fn number(
        &mut self,
        column: &ArrayRef,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let start = out.len();
        out.resize(start + column.len(), NONE);
        let out = &mut out[start..];
        let len = &mut self.len;
        match &mut self.kind {
            Kind::Words(_, known, words) => {
                u64::visit(column, &Rows::Own(column.len()), |row, word| {
                    out[row] = number_word(*word, known, words, len);
                })?;
            }
            Kind::Bytes(_, strings, numbers, dictionary) => {
                let mut number = |value: &[u8]| number_string(value, strings, numbers, len);
                match Encoded::of(column.as_ref()) {
                    Some(encoded) => {
                        number_encoded(column.as_ref(), encoded, dictionary, &mut number, out);
                    }
                    None => {
                        <Box<[u8]>>::visit(column, &Rows::Own(column.len()), |row, value| {
                            out[row] = number(value);
                        })?;
                    }
                }
            }
            Kind::Lists(converter, strings, numbers) => {
                let rows = converter.convert_columns(std::slice::from_ref(column))?;
                for (row, slot) in out.iter_mut().enumerate() {
                    if column.is_valid(row) {
                        *slot = number_string(rows.row(row).as_ref(), strings, numbers, len);
                    }
                }
            }
            Kind::Buckets(buckets, known, met) => {
                number_intervals(column, buckets, out, |bucket| {
                    number_bucket(bucket, known, met, len)
                })?;
            }
        }
        self.number_missing(out);
        Ok(())
    }

    fn number_missing(&mut self, out: &mut [u32]) {
        // That mostly none is missing is found out much faster than which is.
        if !out.contains(&NONE) {
            return;
        }
        for slot in out.iter_mut().filter(|slot| **slot == NONE) {
            *slot = *self.missing.get_or_insert_with(|| fresh(&mut self.len));
        }
    }

    /// Takes in the values of another reader; answers the number here of each.
    pub(in crate::aggregates) fn absorb(&mut self, other: Self) -> Result<Vec<u32>> {
        let mut numbers = vec![NONE; other.len as usize];
        let len = &mut self.len;
        match (&mut self.kind, &other.kind) {
            (Kind::Words(_, known, words), Kind::Words(_, _, theirs)) => {
                for (number, word) in numbers.iter_mut().zip(theirs) {
                    if let Some(word) = word {
                        *number = number_word(*word, known, words, len);
                    }
                }
            }
            (Kind::Bytes(_, strings, mine, _), Kind::Bytes(_, theirs, known, _))
            | (Kind::Lists(_, strings, mine), Kind::Lists(_, theirs, known)) => {
                for (string, number) in theirs.iter().zip(known) {
                    numbers[*number as usize] = number_string(string, strings, mine, len);
                }
            }
            (Kind::Buckets(_, known, mine), Kind::Buckets(_, _, theirs)) => {
                for (number, bucket) in numbers.iter_mut().zip(theirs) {
                    if let Some(bucket) = bucket {
                        *number = number_bucket(*bucket, known, mine, len);
                    }
                }
            }
            _ => return internal_err!("two readers met values of different types"),
        }
        self.number_missing(&mut numbers);
        Ok(numbers)
    }

    /// The bytes of these values in a column, one beside the other.
    pub(in crate::aggregates) fn column_bytes(&self, numbers: impl Iterator<Item = u32>) -> usize {
        let (strings, known) = match &self.kind {
            Kind::Bytes(_, strings, known, _) | Kind::Lists(_, strings, known) => (strings, known),
            Kind::Words(..) => return numbers.count() * size_of::<u64>(),
            Kind::Buckets(..) => return numbers.count() * size_of::<u32>(),
        };
        let places = places(known, self.len);
        let bytes = numbers.map(|number| {
            let place = places[number as usize];
            place.map_or(0, |place| strings.get(place).len())
        });
        bytes.fold(0, usize::saturating_add)
    }

    /// The values of these numbers, once there is room for them.
    pub(in crate::aggregates) fn values(
        self,
        numbers: &[u32],
        room: &mut Room<'_>,
    ) -> Result<ArrayRef> {
        let bytes = self.column_bytes(numbers.iter().copied());
        check_column_size(bytes)?;
        room(bytes.saturating_add(size_of::<u64>() * numbers.len()))?;
        match self.kind {
            Kind::Words(data_type, _, words) => {
                let word = |number: &u32| words.get(*number as usize).copied().flatten();
                u64::values(numbers.iter().map(word).collect(), &data_type)
            }
            Kind::Bytes(data_type, strings, known, _) => {
                let places = places(&known, self.len);
                let value = |number: &u32| {
                    let place = places[*number as usize]?;
                    Some(strings.get(place))
                };
                bytes_column(|| numbers.iter().map(value), &data_type)
            }
            Kind::Lists(converter, strings, known) => {
                room(strings.heap())?;
                let parser = converter.parser();
                let rows = strings.iter().map(|string| parser.parse(string));
                let mut lists = converter.convert_rows(rows)?;
                let places = places(&known, self.len);
                let places = numbers.iter().map(|number| places[*number as usize]);
                let places: UInt32Array = places.collect();
                Ok(arrow_select::take::take(
                    lists.remove(0).as_ref(),
                    &places,
                    None,
                )?)
            }
            Kind::Buckets(_, _, met) => {
                let bucket = |number: &u32| met.get(*number as usize).copied().flatten();
                let buckets: UInt32Array = numbers.iter().map(bucket).collect();
                Ok(Arc::new(buckets))
            }
        }
    }

    /// The memory held, in bytes.
    pub(in crate::aggregates) fn bytes(&self) -> usize {
        match &self.kind {
            Kind::Words(_, known, words) => {
                known.allocation_size() + words.capacity() * size_of::<Option<u64>>()
            }
            Kind::Bytes(_, strings, numbers, dictionary) => {
                let dictionary = dictionary.as_ref().map_or(0, |(_, known)| known.len());
                strings.heap() + 4 * (numbers.capacity() + dictionary)
            }
            Kind::Lists(_, strings, numbers) => strings.heap() + 4 * numbers.capacity(),
            Kind::Buckets(_, known, met) => 4 * known.len() + 8 * met.len(),
        }
    }
}

fn fresh(len: &mut u32) -> u32 {
    let number = *len;
    *len += 1;
    number
}

fn number_word(
    word: u64,
    known: &mut HashMap<u64, u32>,
    words: &mut Vec<Option<u64>>,
    len: &mut u32,
) -> u32 {
    *known.entry(word).or_insert_with(|| {
        let number = fresh(len);
        words.resize(number as usize, None);
        words.push(Some(word));
        number
    })
}

fn number_string(
    string: &[u8],
    strings: &mut ByteStrings,
    numbers: &mut Vec<u32>,
    len: &mut u32,
) -> u32 {
    let (at, is_new) = strings.number(string);
    if is_new {
        numbers.push(fresh(len));
    }
    numbers[at as usize]
}

fn number_bucket(bucket: u32, known: &mut [u32], met: &mut Vec<Option<u32>>, len: &mut u32) -> u32 {
    let slot = &mut known[bucket as usize];
    if *slot == NONE {
        *slot = fresh(len);
        met.resize(*len as usize, None);
        met[*slot as usize] = Some(bucket);
    }
    *slot
}

/// For each number the string that has it.
fn places(numbers: &[u32], len: u32) -> Vec<Option<u32>> {
    let mut places = vec![None; len as usize];
    for (place, number) in numbers.iter().enumerate() {
        places[*number as usize] = Some(place as u32);
    }
    places
}

/// Numbers the rows of an encoded column: each value of a dictionary once, as
/// long as the dictionary stays the same.
fn number_encoded(
    column: &dyn Array,
    encoded: Encoded<'_>,
    last: &mut Option<(ArrayRef, Vec<u32>)>,
    number: &mut dyn FnMut(&[u8]) -> u32,
    out: &mut [u32],
) {
    let dictionary = encoded.values();
    let known = last
        .take()
        .filter(|(known, _)| Arc::ptr_eq(known, dictionary));
    let (dictionary, mut known) =
        known.unwrap_or_else(|| (dictionary.clone(), vec![NONE; dictionary.len()]));
    let codes = encoded.codes().values();
    let valid = present(column);
    if valid.is_some() || !are_known(codes, &known, out) {
        Rows::One(codes.len()).for_each(valid.as_ref(), |row, _| {
            let code = codes[row] as usize;
            if known[code] == NONE {
                known[code] = bytes_at(&dictionary, code).map_or(NONE, &mut *number);
            }
            out[row] = known[code];
        });
    }
    *last = Some((dictionary, known));
}

/// Gives each row the number of its code, as far as it is known; answers whether all are. Mostly
/// they are, and no row is decided upon by itself.
fn are_known(codes: &[i32], known: &[u32], out: &mut [u32]) -> bool {
    let mut all = true;
    for (slot, code) in out.iter_mut().zip(codes) {
        *slot = known.get(*code as usize).copied().unwrap_or(NONE);
        all &= *slot != NONE;
    }
    all
}

/// The bytes of a value of a dictionary; `None` for one that a text column has not.
fn bytes_at(dictionary: &ArrayRef, at: usize) -> Option<&[u8]> {
    match dictionary.data_type() {
        DataType::Utf8 => Some(dictionary.as_string::<i32>().value(at).as_bytes()),
        DataType::Binary => Some(dictionary.as_binary::<i32>().value(at)),
        _ => None,
    }
}

/// Numbers the rows by the intervals that hold their times. Rows mostly come
/// in the order of time, so that the next is mostly in the same interval.
fn number_intervals(
    column: &ArrayRef,
    buckets: &Buckets,
    out: &mut [u32],
    mut number: impl FnMut(u32) -> u32,
) -> Result<()> {
    let column = plain_column(column)?;
    let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() else {
        return internal_err!("intervals are cut of a time column");
    };
    let (starts, range) = (buckets.starts(), buckets.range());
    let (from, to) = (range.from().as_microsecond(), range.to().as_microsecond());
    let mut near = (0..0, NONE);
    let values = times.values();
    Rows::One(values.len()).for_each(times.nulls(), |row, _| {
        let micros = values[row];
        if !near.0.contains(&micros) {
            let instant = Timestamp::from_microsecond(micros);
            let Some(bucket) = instant.and_then(|instant| buckets.index_of(instant)) else {
                return;
            };
            let start = starts[bucket as usize].as_microsecond().max(from);
            let end = starts.get(bucket as usize + 1);
            let end = end.map_or(to, |end| end.as_microsecond().min(to));
            near = (start..end, number(bucket));
        }
        out[row] = near.1;
    });
    Ok(())
}
