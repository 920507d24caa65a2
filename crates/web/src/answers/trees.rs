//! Rows as they are: as trees of their fields, and as tables.

use futures::StreamExt;
use model::analyses::RowsForm;
use model::queries::Row;

use super::layout::{RowShape, Style, write_value};
use crate::plane::{Answer, PageColumn, PlaneError};

/// Rows as trees of their fields.
#[derive(Debug)]
pub(crate) struct Trees {
    form: RowsForm,
    style: Style,
}

impl Trees {
    /// The trees that this form makes of rows.
    pub(crate) fn new(form: RowsForm, style: Style) -> Self {
        Self { form, style }
    }
}

impl RowShape for Trees {
    fn width(&self) -> usize {
        self.form.width()
    }

    fn write(&self, row: &Row, out: &mut Vec<u8>) -> Result<(), PlaneError> {
        let (values, _) = self.split(row)?;
        write_value(&self.form.tree(values.to_vec()), &self.style, out)
    }

    fn write_cells(
        &self,
        columns: &[Box<dyn PageColumn + '_>],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), PlaneError> {
        let values = columns.iter().map(|column| column.cell(row).into_value());
        write_value(&self.form.tree(values.collect()), &self.style, out)
    }
}

/// The same rows as a table.
pub(crate) fn table(answer: Answer, form: RowsForm) -> Answer {
    let columns = form.table(&answer.columns);
    let rows = answer.rows.map(move |rows| {
        let rows = rows?.into_iter();
        Ok(rows.map(|row| form.cells(row)).collect())
    });
    Answer {
        columns,
        rows: rows.boxed(),
    }
}
