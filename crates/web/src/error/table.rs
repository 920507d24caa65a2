//! The closed list of codes, each with its status and title.

use http::StatusCode;

macro_rules! codes {
    ($($name:ident $status:ident $text:literal $title:literal;)+) => {
        /// What a problem document's `code` may say. The list is closed: a
        /// client may match on it, and it only grows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {$(
            #[doc = $title]
            $name,
        )+}

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code's text.
            pub fn name(self) -> &'static str {
                match self {$(Self::$name => $text,)+}
            }

            /// The status of answers with this code. A body that breaks a
            /// stated limit as a whole is 413 all the same.
            pub fn status(self) -> StatusCode {
                match self {$(Self::$name => StatusCode::$status,)+}
            }

            /// The title, the same in every answer with this code.
            pub fn title(self) -> &'static str {
                match self {$(Self::$name => $title,)+}
            }
        }
    };
}

codes! {
    MalformedBody BAD_REQUEST "malformed_body" "The text is not of the format that its type announces.";
    DuplicateMember BAD_REQUEST "duplicate_member" "One object names a member twice.";
    UnknownMember BAD_REQUEST "unknown_member" "The request has a member that is not known there.";
    MissingMember BAD_REQUEST "missing_member" "A member that the request needs is absent.";
    WrongType BAD_REQUEST "wrong_type" "A value is of another type than its place asks for.";
    InvalidValue BAD_REQUEST "invalid_value" "A value is outside what is allowed.";
    InvalidName BAD_REQUEST "invalid_name" "A name breaks the rule for names.";
    InvalidFilter BAD_REQUEST "invalid_filter" "A filter breaks a rule of filters.";
    UnknownField BAD_REQUEST "unknown_field" "The pool declares no such field.";
    FieldNotInView BAD_REQUEST "field_not_in_view" "The view exposes no such field.";
    UnknownResource BAD_REQUEST "unknown_resource" "A definition names something that does not exist.";
    LimitExceeded BAD_REQUEST "limit_exceeded" "The request breaks a stated limit.";
    UnknownTimezone BAD_REQUEST "unknown_timezone" "The time zone is not known.";
    InvalidCursor BAD_REQUEST "invalid_cursor" "The request cannot continue from this cursor.";
    GrantAmbiguous BAD_REQUEST "grant_ambiguous" "Several grants with different visible fields apply.";
    NotAvailable BAD_REQUEST "not_available" "This version does not have the feature.";
    KeyInQuery BAD_REQUEST "key_in_query" "A key must not stand in an address.";
    Unauthenticated UNAUTHORIZED "unauthenticated" "The caller is not let in.";
    SignatureRequired UNAUTHORIZED "signature_required" "The key takes signed requests alone.";
    SignatureRefused UNAUTHORIZED "signature_refused" "The signature is not one to let the request in by.";
    DerivedRefused UNAUTHORIZED "derived_token_refused" "The derived token is not one to let anybody in by.";
    CreditsSpent PAYMENT_REQUIRED "credits_spent" "The key's credits of this period are used up.";
    ActionNotGranted FORBIDDEN "action_not_granted" "No grant of the key has this action.";
    OriginNotAllowed FORBIDDEN "origin_not_allowed" "The request comes from a page that must not send it.";
    SignInRefused UNAUTHORIZED "sign_in_refused" "What was brought to sign in is not right.";
    CrossSite FORBIDDEN "cross_site" "A page of another site may have sent the request.";
    RoleNotAllowed FORBIDDEN "role_not_allowed" "The person's role does not have this.";
    CodeNeeded FORBIDDEN "code_needed" "The change needs a one-time code of a person.";
    CodeRefused FORBIDDEN "code_refused" "The one-time code does not count.";
    PersonNeeded FORBIDDEN "person_needed" "Only a person who signed in may do this.";
    KeyNeeded FORBIDDEN "key_needed" "Only a key may do this.";
    AddressNotAllowed FORBIDDEN "address_not_allowed" "The key is not for requests from this address.";
    Quarantined FORBIDDEN "quarantined" "The secret was reported as leaked.";
    KeptByServer FORBIDDEN "kept_by_server" "It is the server's own, and is there to be asked alone.";
    NotFound NOT_FOUND "not_found" "There is nothing there for the caller.";
    MethodNotAllowed METHOD_NOT_ALLOWED "method_not_allowed" "The address does not have this method.";
    NotAcceptable NOT_ACCEPTABLE "not_acceptable" "The answer does not exist in an accepted format.";
    BodyTimeout REQUEST_TIMEOUT "body_timeout" "The body stopped arriving.";
    NameTaken CONFLICT "name_taken" "The name is taken.";
    InUse CONFLICT "in_use" "Something else is built on it.";
    AlreadyOn CONFLICT "already_on" "It is switched on already.";
    PeopleExist CONFLICT "people_exist" "The organization has people already.";
    NothingOffered CONFLICT "nothing_offered" "No new app secret waits to be confirmed in the session.";
    LastOwner CONFLICT "last_owner" "The organization would have no owner any more.";
    LastProject CONFLICT "last_project" "The organization would have no project any more.";
    LastAdmin CONFLICT "last_admin" "Nobody could administer the project any more.";
    Rolling CONFLICT "rolling" "An older secret of the key still goes on.";
    NotRolling CONFLICT "not_rolling" "No roll of the key is under way.";
    RecentlyUsed CONFLICT "recently_used" "It was used a short while ago.";
    CallerChanged CONFLICT "caller_changed" "The calling key changed while the request was under way.";
    QuotaReached CONFLICT "quota_reached" "The pool, or its project, stores as much as it may.";
    StaleRevision PRECONDITION_FAILED "stale_revision" "The definition has changed since it was read.";
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body's type or encoding is not taken here.";
    IdempotencyMismatch UNPROCESSABLE_ENTITY "idempotency_mismatch" "The idempotency key belongs to another request.";
    NoChart UNPROCESSABLE_ENTITY "no_chart" "A chart cannot show answers of this kind.";
    TooManyAttempts TOO_MANY_REQUESTS "too_many_attempts" "There were too many attempts; wait before the next one.";
    RateLimited TOO_MANY_REQUESTS "rate_limited" "The key's requests of this second are used up.";
    TooManyDerived TOO_MANY_REQUESTS "too_many_derived_tokens" "As many derived tokens of the key as may be are known.";
    TooManyQueries TOO_MANY_REQUESTS "too_many_queries" "As many questions of the key as may be are being answered.";
    Internal INTERNAL_SERVER_ERROR "internal" "The server failed.";
    Busy SERVICE_UNAVAILABLE "busy" "The server is busy; repeat the request later.";
    DeadlineExceeded SERVICE_UNAVAILABLE "deadline_exceeded" "The server had no answer in time.";
    DiskFull INSUFFICIENT_STORAGE "disk_full" "The server has no room left.";
}
