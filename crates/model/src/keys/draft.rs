//! What clients say of keys.

use super::{KeyKind, KeyLimits, Restrictions, publishable};
use crate::document::{Document, expected};
use crate::fault::{Fault, FaultCode};
use crate::grants::{Action, Grant, GrantLookup, parse_grants};
use crate::ids::KeyId;
use crate::limits::{KEY_NAME_CHARS_MAX, ROTATE_AFTER_DAYS_MAX};
use crate::pools::parse_description;
use crate::time::{Span, Timestamp};
use crate::value::{Object, Value};

/// What a client says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDraft {
    /// Any text, for people.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What the key is for.
    pub kind: KeyKind,
    /// What the key may do.
    pub grants: Vec<Grant>,
    /// From this instant on the key is as if it did not exist.
    pub expires_at: Option<Timestamp>,
    /// What a request must be for the key to let its sender in.
    pub restrictions: Restrictions,
    /// How much of the server it may take.
    pub limits: KeyLimits,
    /// How old a secret of it may become before its owner is told to roll it.
    pub rotate_after: Option<Span>,
    /// Whether its holder may make derived tokens. No key of an earlier version may.
    pub derived_tokens: bool,
    /// The key that issued it, of one that no administrator made. Nobody says so of a key.
    pub issued_by: Option<KeyId>,
    /// For a key that a dialect made: what the dialect was told, word for
    /// word. The grants are made from it and change with it alone.
    pub dialect: Option<Object>,
}

impl KeyDraft {
    /// Reads and checks a definition.
    pub fn parse(value: &Value, lookup: &dyn GrantLookup) -> Result<Self, Fault> {
        let draft = Self::restore(value, lookup)?;
        draft.check_issuer(None)?;
        draft.check_kind(lookup)
    }

    fn check_kind(self, lookup: &dyn GrantLookup) -> Result<Self, Fault> {
        let draft = self;
        match draft.kind {
            KeyKind::Secret if draft.restrictions.allowed_domains.is_some() => Err(Fault::new(
                FaultCode::InvalidValue,
                "a secret key is refused from every page; make a key of the kind publishable for pages",
            )
            .at("/restrictions/allowed_domains")),
            KeyKind::Secret => Ok(draft),
            KeyKind::Publishable => publishable::check(&draft.grants, lookup).map(|()| draft),
            KeyKind::Legacy => Err(unenforced("/kind")),
        }
    }

    /// Reads and checks what a key is to become.
    ///
    /// # Errors
    /// As [`KeyDraft::parse`]; a key of a dialect keeps its kind, and its
    /// grants are the dialect's to change.
    pub fn parse_change(
        value: &Value,
        lookup: &dyn GrantLookup,
        before: &Self,
    ) -> Result<Self, Fault> {
        let draft = Self::restore(value, lookup)?;
        draft.check_issuer(before.issued_by)?;
        if before.kind != KeyKind::Legacy {
            return draft.check_kind(lookup);
        }
        let refuse = |detail: &str, at: &str| {
            let detail = format!("{detail}; change it by the dialect that made it");
            Err(Fault::new(FaultCode::InvalidValue, detail).at(at))
        };
        if draft.kind != before.kind {
            return refuse("a key of a dialect keeps its kind", "/kind");
        }
        if draft.dialect != before.dialect {
            return refuse(
                "what a dialect said of a key is not for this call",
                "/dialect",
            );
        }
        if before.dialect.is_some() && draft.grants != before.grants {
            return refuse(
                "the grants of a key of a dialect follow from what it was told",
                "/grants",
            );
        }
        Ok(draft)
    }

    /// Who issued a key is what happened, and not for anybody to say.
    fn check_issuer(&self, expected: Option<KeyId>) -> Result<(), Fault> {
        if self.issued_by == expected {
            return Ok(());
        }
        let detail = "issued_by says which key made this one; it cannot be set";
        Err(Fault::new(FaultCode::InvalidValue, detail).at("/issued_by"))
    }

    /// Reads a definition of any kind as it was stored.
    ///
    /// # Errors
    /// A fault of the definition.
    pub fn restore(value: &Value, lookup: &dyn GrantLookup) -> Result<Self, Fault> {
        let mut document = Document::new(value)?;
        let name = document.text("name")?.to_owned();
        if name.is_empty() || name.chars().count() > KEY_NAME_CHARS_MAX {
            return Err(Fault::new(
                FaultCode::InvalidName,
                format!("a key's name has 1 to {KEY_NAME_CHARS_MAX} characters"),
            )
            .at("/name"));
        }
        let description = parse_description(&mut document)?;
        let kind = match document.optional_text("kind")? {
            None | Some("secret") => KeyKind::Secret,
            Some("publishable") => KeyKind::Publishable,
            Some("legacy") => KeyKind::Legacy,
            Some(_) => {
                return Err(
                    Fault::new(FaultCode::InvalidValue, "kind is secret or publishable")
                        .at("/kind"),
                );
            }
        };
        let grants =
            parse_grants(document.required("grants")?, lookup).map_err(|f| f.under("/grants"))?;
        let (restrictions, expires_at) = match document.optional("restrictions") {
            None => (Restrictions::NONE, None),
            Some(value) => parse_restrictions(value).map_err(|f| f.under("/restrictions"))?,
        };
        let limits = match document.optional("limits") {
            None => KeyLimits::NONE,
            Some(value) => KeyLimits::parse(value).map_err(|f| f.under("/limits"))?,
        };
        let rotate_after = document.optional_text("rotate_after")?;
        let rotate_after = rotate_after.map(parse_rotate_after).transpose()?;
        let derived_tokens = document.optional_boolean("derived_tokens")?;
        let derived_tokens = derived_tokens.unwrap_or(false);
        if derived_tokens && !kind.may_derive() {
            let detail = "keys of a dialect make no derived tokens; make a secret key";
            return Err(Fault::new(FaultCode::InvalidValue, detail).at("/derived_tokens"));
        }
        let issued_by = document.optional_text("issued_by")?;
        let issued_by = issued_by.map(|text| {
            KeyId::parse(text).map_err(|_| {
                Fault::new(FaultCode::InvalidValue, "issued_by is the id of a key").at("/issued_by")
            })
        });
        let issued_by = issued_by.transpose()?;
        let dialect = match kind {
            KeyKind::Legacy => document.optional("dialect").map(object).transpose()?,
            KeyKind::Secret | KeyKind::Publishable => None,
        };
        document.finish()?;
        Ok(Self {
            name,
            description,
            kind,
            grants,
            expires_at,
            restrictions,
            limits,
            rotate_after,
            derived_tokens,
            issued_by,
            dialect,
        })
    }

    /// The definition that [`KeyDraft::parse`] reads back.
    pub fn to_value(&self) -> Value {
        let expires_at = self.expires_at.map(|at| at.to_string());
        let restrictions = self.restrictions.to_object().with("expires_at", expires_at);
        let grants = Value::Array(self.grants.iter().map(Grant::to_value).collect());
        let object = Object::new()
            .with("name", self.name.as_str())
            .with("description", self.description.as_str())
            .with("kind", self.kind.name())
            .with("grants", grants)
            .with("restrictions", restrictions)
            .with("limits", self.limits.to_value())
            .with(
                "rotate_after",
                self.rotate_after.map(|span| span.to_string()),
            )
            .with("derived_tokens", self.derived_tokens)
            .with("issued_by", self.issued_by.map(|key| key.to_string()));
        Value::Object(match &self.dialect {
            None => object,
            Some(told) => object.with("dialect", told.clone()),
        })
    }

    /// Whether some grant administers the project.
    pub fn is_admin(&self) -> bool {
        self.grants.iter().any(|grant| grant.allows(Action::Admin))
    }
}

fn object(value: &Value) -> Result<Object, Fault> {
    value
        .as_object()
        .cloned()
        .ok_or_else(|| expected("an object", value).at("/dialect"))
}

pub(super) fn parse_rotate_after(text: &str) -> Result<Span, Fault> {
    let range = Span::days(1)..=Span::days(ROTATE_AFTER_DAYS_MAX);
    let span = Span::parse(text).filter(|span| range.contains(span));
    span.ok_or_else(|| {
        let rule = format!("rotate_after is from 1d to {ROTATE_AFTER_DAYS_MAX}d, such as \"90d\"");
        Fault::new(FaultCode::InvalidValue, rule).at("/rotate_after")
    })
}

pub(super) fn unenforced(pointer: &str) -> Fault {
    Fault::new(
        FaultCode::NotAvailable,
        "this version does not enforce it and therefore does not accept it; send null",
    )
    .at(pointer)
}

fn parse_restrictions(value: &Value) -> Result<(Restrictions, Option<Timestamp>), Fault> {
    let mut document = Document::new(value)?;
    let restrictions = Restrictions::read(&mut document)?;
    let expires_at = document.optional_text("expires_at")?;
    document.finish()?;
    Ok((restrictions, expires_at.map(parse_expires_at).transpose()?))
}

pub(super) fn parse_expires_at(text: &str) -> Result<Timestamp, Fault> {
    Timestamp::parse(text).map_err(|_| {
        let rule = "expires_at is a date-time such as \"2027-01-31T00:00:00Z\"";
        Fault::new(FaultCode::InvalidValue, rule).at("/expires_at")
    })
}
