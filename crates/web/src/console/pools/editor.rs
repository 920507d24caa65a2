//! The fields of a pool as rows of a form, one field on each.

use model::fields::ScalarType;
use model::pools::Schema;
use model::value::{Object, Value};

use crate::console::filters::of_row;
use crate::console::forms::{Fields, Form};
use crate::inference::InferredField;

/// Empty rows that a form begins with.
const ROWS: usize = 4;
/// Empty rows that are added at a time.
const MORE: usize = 4;

/// Where a name comes from that a field does not have any more.
pub(super) const WAS: &str = "was";

/// One row.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) name: String,
    /// The name of the type; empty while none is chosen.
    pub(super) type_name: String,
    pub(super) is_required: bool,
    /// What the field is called in the pool as it is.
    pub(super) was: String,
    /// What a person should know.
    pub(super) note: String,
}

/// The rows of a form.
#[derive(Debug, Default)]
pub(super) struct Editor {
    pub(super) rows: Vec<Row>,
    pub(super) types: Vec<String>,
}

impl Editor {
    /// Empty rows.
    pub(super) fn blank() -> Self {
        Self::of(vec![Row::default(); ROWS])
    }

    fn of(rows: Vec<Row>) -> Self {
        let scalars = ScalarType::ALL.into_iter();
        let arrays = ScalarType::ALL.into_iter();
        let types = scalars
            .map(|scalar| scalar.to_string())
            .chain(arrays.map(|scalar| format!("Array({scalar})")));
        Self {
            rows,
            types: types.collect(),
        }
    }

    /// The fields that a pool declares.
    pub(super) fn declared(schema: &Schema) -> Self {
        let rows = schema.declared().iter().map(|field| Row {
            name: field.path.as_str().to_owned(),
            type_name: field.field_type.to_string(),
            is_required: field.required,
            was: field.path.as_str().to_owned(),
            note: String::new(),
        });
        Self::of(rows.collect())
    }

    /// The fields that a sample shows.
    pub(super) fn inferred(fields: &[InferredField], records: u64) -> Self {
        let rows = fields.iter().map(|field| {
            let filled = field.filled.unwrap_or(records);
            let note = match field.note {
                "" if filled < records => format!("in {filled} of {records} records"),
                note => note.to_owned(),
            };
            Row {
                name: field.name.clone(),
                type_name: field.field_type.map_or_else(String::new, |t| t.to_string()),
                is_required: field.field_type.is_some() && filled == records,
                was: String::new(),
                note,
            }
        });
        Self::of(rows.collect())
    }

    /// The rows that were sent, with more empty ones when they were asked for.
    pub(super) fn typed(form: &Form) -> Self {
        let types: Vec<&str> = form.all("type").collect();
        let required: Vec<&str> = form.all("required").collect();
        let was: Vec<&str> = form.all(WAS).collect();
        let at = |list: &[&str], at: usize| list.get(at).copied().unwrap_or_default().to_owned();
        let rows = form.all("field").enumerate().map(|(row, name)| Row {
            name: name.trim().to_owned(),
            type_name: at(&types, row),
            is_required: at(&required, row) == "yes",
            was: at(&was, row),
            note: String::new(),
        });
        let mut editor = Self::of(rows.collect());
        if form.text("do") == "more" {
            let more = vec![Row::default(); MORE];
            editor.rows.extend(more);
        }
        editor
    }

    /// The row that a form was refused for, and the member of it.
    pub(super) fn wrong<'f>(&self, form: &'f Fields) -> Option<(usize, &'f str)> {
        let mut steps = form.pointer()?.strip_prefix("/fields/")?.split('/');
        let field: usize = steps.next()?.parse().ok()?;
        let rows = self.rows.iter().enumerate();
        let mut named = rows.filter(|(_, row)| !row.name.is_empty());
        let (row, _) = named.nth(field)?;
        let member = steps.next();
        let member = member.filter(|member| ["type", "required"].contains(member));
        let member = member.unwrap_or("name");
        Some((row, member))
    }

    /// Whether that is this one.
    pub(super) fn is_wrong(&self, form: &Fields, row: &usize, member: &str) -> bool {
        self.wrong(form) == Some((*row, member))
    }

    /// The rule that the fields break, with the row that does.
    pub(super) fn rule(&self, form: &Fields, rule: &str) -> String {
        match self.wrong(form) {
            Some((row, _)) => of_row("Field", row + 1, rule),
            None => rule.to_owned(),
        }
    }

    /// The fields in a line.
    pub(super) fn in_words(&self) -> String {
        let named = self.rows.iter().filter(|row| !row.name.is_empty());
        let fields = named.map(|row| match row.is_required {
            true => format!("{} {}, required", row.name, row.type_name),
            false => format!("{} {}", row.name, row.type_name),
        });
        fields.collect::<Vec<_>>().join("; ")
    }

    /// The list of fields of a definition: the rows that have a name.
    pub(super) fn to_value(&self) -> Value {
        let named = self.rows.iter().filter(|row| !row.name.is_empty());
        let fields = named.map(|row| {
            let field = Object::new()
                .with("name", row.name.as_str())
                .with("type", row.type_name.as_str())
                .with("required", row.is_required);
            match row.was.is_empty() || row.was == row.name {
                true => field,
                false => field.with("renamed_from", row.was.as_str()),
            }
        });
        Value::from(fields.collect::<Vec<_>>())
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Editor {
    let row = Row {
        name: text.to_owned(),
        type_name: text.to_owned(),
        is_required: true,
        was: text.to_owned(),
        note: text.to_owned(),
    };
    Editor {
        rows: vec![row],
        types: vec![text.to_owned()],
    }
}
