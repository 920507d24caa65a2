//! What a question reads.

use super::{Analysis, Selection, Source};
use crate::names::FieldPath;

impl Analysis {
    /// The rows that the question is about, to be changed.
    pub(crate) fn sources_mut(&mut self) -> Vec<&mut Source> {
        match self {
            Self::Aggregation(aggregation) => vec![&mut aggregation.source],
            Self::Extraction(extraction) => vec![&mut extraction.source],
            Self::Funnel(funnel) => {
                let steps = funnel.steps.iter_mut();
                steps.map(|step| &mut step.source).collect()
            }
        }
    }

    /// Shows every field that the question names, some more than once.
    pub(crate) fn for_each_field(&self, visit: &mut impl FnMut(&FieldPath)) {
        for source in self.sources() {
            if let Some(filter) = &source.filters {
                filter.for_each_comparison(&mut |comparison| visit(comparison.field()));
            }
        }
        match self {
            Self::Aggregation(aggregation) => {
                let metrics = aggregation.metrics.named();
                let fields = metrics.filter_map(|(_, metric)| metric.field.as_ref());
                fields.for_each(&mut *visit);
                let groups = aggregation.group_by.iter();
                groups.for_each(|group| visit(&group.field));
            }
            Self::Extraction(extraction) => {
                extraction.fields.iter().flatten().for_each(&mut *visit);
                if let Selection::Ordered { order_by, .. } = &extraction.selection {
                    order_by.iter().for_each(|by| visit(&by.field));
                }
            }
            Self::Funnel(funnel) => funnel.steps.iter().for_each(|step| visit(&step.actor)),
        }
    }
}
