//! Why an event is not stored, in the words of the dialect.

use model::fault::shorten;
use model::records::{RecordFault, RecordFaultCode};

/// The name of what is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventRule {
    /// The collection cannot be called that.
    CollectionName,
    /// A property cannot be called that.
    PropertyName,
    /// A property cannot hold that.
    PropertyValue,
    /// The event is no object, or its text cannot be read.
    Event,
    /// `keen` is no object.
    Namespace,
    /// A member of `keen` is not known, or holds what it cannot hold.
    NamespaceProperty,
}

impl EventRule {
    /// The name in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CollectionName => "InvalidCollectionNameError",
            Self::PropertyName => "InvalidPropertyNameError",
            Self::PropertyValue => "InvalidPropertyValueError",
            Self::Event => "InvalidEventError",
            Self::Namespace => "NamespaceTypeError",
            Self::NamespaceProperty => "InvalidKeenNamespaceProperty",
        }
    }

    /// The name in the answer to a bulk request. Clients that keep events
    /// until they are taken know three names that mean "never": an event that
    /// is refused by another one would be sent again for ever.
    pub(crate) fn name_in_bulk(self) -> &'static str {
        match self {
            Self::CollectionName | Self::PropertyName | Self::PropertyValue => self.name(),
            Self::Namespace | Self::NamespaceProperty => Self::PropertyName.name(),
            Self::Event => Self::PropertyValue.name(),
        }
    }
}

/// Why one event is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventFault {
    /// What kind of rule was broken.
    pub(crate) rule: EventRule,
    /// A sentence: the rule, where it was broken, and what to do.
    pub(crate) message: String,
}

impl EventFault {
    /// A fault in these words.
    pub(crate) fn new(rule: EventRule, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
        }
    }

    /// A property, shown by its path, whose name breaks a rule.
    pub(crate) fn name(path: &str, rule: &str) -> Self {
        let message = format!("property name '{}' {rule}", shorten(path));
        Self::new(EventRule::PropertyName, message)
    }

    /// A property, shown by its path, whose value breaks a rule.
    pub(crate) fn value(path: &str, rule: &str) -> Self {
        let message = format!("the value of property '{}' {rule}", shorten(path));
        Self::new(EventRule::PropertyValue, message)
    }
}

impl From<RecordFault> for EventFault {
    fn from(fault: RecordFault) -> Self {
        let rule = match fault.code {
            RecordFaultCode::MalformedRecord | RecordFaultCode::NotAnObject => EventRule::Event,
            RecordFaultCode::DuplicateMember
            | RecordFaultCode::InvalidName
            | RecordFaultCode::UnknownField => EventRule::PropertyName,
            RecordFaultCode::WrongType
            | RecordFaultCode::MissingField
            | RecordFaultCode::InjectionConflict
            | RecordFaultCode::TooLarge => EventRule::PropertyValue,
        };
        let message = match fault.field {
            None => fault.message,
            Some(field) => format!("property '{field}': {}", fault.message),
        };
        Self { rule, message }
    }
}
