//! Every limit has a name and a number, here.

/// The most bytes that a quota of storage may say: 2^53 - 1, which is exact in every client.
pub const STORAGE_BYTES_MAX: i64 = 9_007_199_254_740_991;
/// Seconds that the latest time which a server knew may be ahead of the clock
/// at its next start. Beyond, one of the two is wrong, and a person says which.
pub const CLOCK_BEHIND_SECONDS_MAX: i64 = 86_400;
/// How often, in seconds, a server that is asked something marks how late it is.
pub const CLOCK_MARK_SECONDS: u64 = 5;
/// How many seconds the time that was acted on may be ahead of the mark when a
/// process is killed: two marks, since one takes a while to be written.
pub const CLOCK_UNMARKED_SECONDS: u64 = 10;
/// From how many seconds on between one known time and the next the clock is
/// taken to have leapt, or the server to have been stopped.
pub const CLOCK_LEAP_SECONDS: i64 = 3_600;
/// How many stretches of time between such leaps are told apart.
pub const CLOCK_STRETCHES_MAX: usize = 64;
/// Seconds before and behind a stretch of false time in which signatures do
/// not count either: a time is known to the minute, and what is signed may be
/// a little older or younger than the clock of the server.
pub const FALSE_TIME_MARGIN_SECONDS: u64 = 600;

/// Characters in the name of a pool or view.
pub const NAME_CHARS_MAX: usize = 64;
/// Characters in the name of a key.
pub const KEY_NAME_CHARS_MAX: usize = 256;
/// Characters in a description.
pub const DESCRIPTION_CHARS_MAX: usize = 4_096;
/// Bytes in a dotted path.
pub const FIELD_PATH_BYTES_MAX: usize = 256;
/// Parts in a dotted path.
pub const FIELD_DEPTH_MAX: usize = 16;
/// Nesting of arrays and objects in any JSON text.
pub const JSON_DEPTH_MAX: usize = 64;
/// Fields in one record, counted after flattening.
pub const RECORD_FIELDS_MAX: usize = 1_000;
/// Bytes of one record in the journal.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Records in one request.
pub const BATCH_RECORDS_MAX: usize = 100_000;
/// Record faults listed in one answer; all are counted.
pub const BATCH_FAULTS_LISTED_MAX: usize = 100;
/// Bytes of a request body after decompression.
pub const BODY_BYTES_MAX: usize = 64 << 20;
/// Bytes of a body that defines something (pool, view, key, query).
pub const DEFINITION_BYTES_MAX: usize = 1 << 20;
/// How many times larger than its compressed form a body may be, once it is larger than
/// [`DECOMPRESSION_FREE_BYTES`].
pub const DECOMPRESSION_RATIO_MAX: usize = 20;
/// Decompressed bytes for which no ratio is asked.
pub const DECOMPRESSION_FREE_BYTES: usize = 1 << 20;
/// Declared fields of a pool.
pub const POOL_FIELDS_MAX: usize = 1_000;
/// Column names that a pool ever gave to its fields, those of dropped fields included.
pub const POOL_COLUMNS_GIVEN_MAX: usize = 4_000;
/// Undeclared properties of an open pool that are deleted, each with all beneath it.
pub const PROPERTIES_DELETED_MAX: usize = 1_000;
/// Fields of `unique`, the isolation field included.
pub const UNIQUE_FIELDS_MAX: usize = 8;
/// Days that `retention_days` may say: a hundred years.
pub const RETENTION_DAYS_MAX: u32 = 36_500;
/// Fields of a view.
pub const VIEW_FIELDS_MAX: usize = 200;
/// Nodes of one filter tree.
pub const FILTER_NODES_MAX: usize = 1_000;
/// Nesting of one filter tree. Each level is two of JSON, so that a stored
/// filter can always be read back under [`JSON_DEPTH_MAX`].
pub const FILTER_DEPTH_MAX: usize = 24;
/// Values in one `in` list.
pub const FILTER_LIST_MAX: usize = 10_000;
/// Regular expressions in one filter tree: each costs its own compilation.
pub const FILTER_REGEXES_MAX: usize = 16;
/// Bytes of the source of a regular expression.
pub const REGEX_BYTES_MAX: usize = 1_024;
/// Bytes of a compiled regular expression.
pub const REGEX_COMPILED_BYTES_MAX: usize = 1 << 20;
/// Bytes of what a scoped key of the Keen dialect says.
pub const SCOPED_KEY_BYTES_MAX: usize = 16 << 10;
/// What `requests_per_second` of a key may say: an instant is kept for each request of the last second.
pub const REQUESTS_PER_SECOND_MAX: u32 = 100_000;
/// What `concurrent_queries` of a key may say.
pub const CONCURRENT_QUERIES_MAX: u32 = 10_000;
/// Credits of one period at most.
pub const CREDITS_MAX: i64 = 1_000_000_000_000_000;
/// Rows of a streamed answer, and records of an ingest, that cost one credit.
pub const ROWS_PER_CREDIT: u64 = 1_000;
/// What a streamed answer of rows costs at most, and one without a limit.
pub const STREAM_CREDITS: u64 = 1_000;
/// Rows of usage in one answer.
pub const USAGE_ROWS_MAX: usize = 10_000;
/// Days for which a replaced secret may go on beside the new one.
pub const GRACE_DAYS_MAX: u32 = 7;
/// Minutes of silence after which a replaced secret may be told to end: the longest grace.
pub const SILENCE_MINUTES_MAX: i64 = GRACE_DAYS_MAX as i64 * 24 * 60;
/// Seconds of a step in which the last use of a replaced secret is counted.
pub const SILENCE_STEP_SECONDS: i64 = 10;
/// Minutes after its last use in which a secret or key is not ended without force.
pub const SEEN_RECENTLY_MINUTES: u64 = 10;
/// Notices that are kept of a project.
pub const NOTICES_MAX: usize = 1_000;
/// Days for which a notice is kept after what it tells of last happened.
pub const NOTICE_DAYS: u64 = 90;
/// Kinds of news of single keys that wait in memory to become notices.
pub const NEWS_WAITING_MAX: usize = 10_000;
/// Reports of leaked tokens that are taken from one network within any second.
pub const REPORTS_PER_SECOND: u32 = 10;
/// Networks whose reports of the last second are remembered.
pub const REPORTERS_MAX: usize = 1_000;
/// Networks that are known of a key.
pub const KEY_NETWORKS_MAX: usize = 8;
/// Networks that the usage of a key is told apart by on one day.
pub const USAGE_NETWORKS_MAX: usize = 16;
/// Days that `rotate_after` may say: ten years.
pub const ROTATE_AFTER_DAYS_MAX: u32 = 3_650;
/// Grants of one key.
pub const KEY_GRANTS_MAX: usize = 100;
/// Injections of one grant.
pub const GRANT_INJECTIONS_MAX: usize = 100;
/// Windows of time of one grant, of which keys made by limited keys have their makers' too.
pub const GRANT_WINDOWS_MAX: usize = 8;
/// Days that a moving window of time reaches back at most.
pub const TIME_WINDOW_DAYS_MAX: u64 = 36_500;
/// Nesting of one grant's visible fields, which grows when limited keys make keys.
pub const VISIBLE_FIELDS_DEPTH_MAX: usize = 8;
/// Rows of one JSON answer when the request names no limit.
pub const PAGE_ROWS_DEFAULT: u64 = 100;
/// Rows of one JSON answer at most.
pub const PAGE_ROWS_MAX: u64 = 1_000;
/// Items of a list answer when the request names no limit.
pub const LIST_ITEMS_DEFAULT: usize = 100;
/// Items of a list answer at most.
pub const LIST_ITEMS_MAX: usize = 1_000;
/// Fields in one `order_by`.
pub const ORDER_FIELDS_MAX: usize = 16;
/// Rows of one aggregated or time-series answer, filled intervals included.
pub const RESULT_ROWS_MAX: usize = 1_000_000;
/// Values of one answer of groups or intervals, filled ones included, and of lists each.
pub const RESULT_VALUES_MAX: usize = 4_000_000;
/// Bytes of texts in one answer of groups or intervals, those of groups counted in each interval.
pub const RESULT_TEXT_BYTES_MAX: usize = 128 << 20;
/// Bytes of the texts of one column of an answer of groups or of lists, as far
/// as the engine can hold them: offsets are of 32 bits.
pub const RESULT_COLUMN_BYTES_MAX: usize = (1 << 31) - 1;
/// Fields and bins that make the groups of one question.
pub const GROUP_FIELDS_MAX: usize = 16;
/// Ranges of one field that a question groups by.
pub const GROUP_RANGES_MAX: usize = 1_000;
/// Functions that one question asks for at once.
pub const ANALYSES_MAX: usize = 64;
/// Characters of the label of a result, of a group or of a range.
pub const LABEL_CHARS_MAX: usize = 256;
/// Steps of a funnel: one bit of a word for each.
pub const FUNNEL_STEPS_MAX: usize = 32;
/// Fields that an extraction names.
pub const EXTRACTION_FIELDS_MAX: usize = 1_000;
/// Stretches of time of which is known, of each pool, when records in them changed.
pub const TOUCHED_STRETCHES_MAX: usize = 256;
/// Customers of which is known, of each pool, when records of theirs went.
pub const TOUCHED_CUSTOMERS_MAX: usize = 1_024;
/// Life of a cursor, in seconds.
pub const CURSOR_SECONDS_MAX: i64 = 86_400;
/// How long an idempotency key is honoured, in seconds.
pub const IDEMPOTENCY_SECONDS: i64 = 86_400;
/// How long a token of uniqueness is known, in seconds: 31 days.
pub const UNIQUENESS_SECONDS: i64 = 31 * 86_400;
/// Characters of a token of uniqueness.
pub const UNIQUENESS_TOKEN_CHARS_MAX: usize = 64;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Integers up to this magnitude survive a JSON reader that knows only doubles.
pub const JSON_SAFE_INTEGER_MAX: i128 = (1 << 53) - 1;
/// The shortest and the longest time, in seconds, for which a cached query keeps its answer.
pub const REFRESH_SECONDS_MIN: i64 = 60;
/// See [`REFRESH_SECONDS_MIN`].
pub const REFRESH_SECONDS_MAX: i64 = 7 * 86_400;
/// For how many seconds after its signing a request is let in.
pub const SIGNATURE_SECONDS_MAX: i64 = 300;
/// By how many seconds a signer's clock may be ahead.
pub const SIGNATURE_SECONDS_AHEAD_MAX: i64 = 30;
/// By how many seconds the server's clock may be set back without a nonce being forgotten too early.
pub const SIGNATURE_CLOCK_SECONDS_MAX: i64 = 600;
/// Signing secrets of one key: one in use, and one to change to.
pub const SIGNING_SECRETS_MAX: usize = 2;
/// Bytes of a body that is signed by HMAC without a digest in the head, so that it is held
/// before anybody is let in.
pub const KEYED_BODY_BYTES_MAX: usize = 1 << 20;
/// Nonces of signed requests that are kept at one time.
pub const NONCES_MAX: usize = 1_000_000;
/// How many of them may be of one key and of those that it issued, so that no
/// key keeps the others from signing: more than 270 requests a second.
pub const NONCES_OF_KEY_MAX: usize = NONCES_MAX / 4;
/// Keys whose rows are counted when a change of a view is simulated.
pub const SIMULATED_KEYS_MAX: usize = 100;
/// Seconds after which such a simulation begins with no further key.
pub const SIMULATION_SECONDS_MAX: u64 = 10;
/// Keys that one key has issued, at one time.
pub const ISSUED_KEYS_MAX: usize = 10_000;
/// How long, in seconds, a derived token lives at most.
pub const DERIVED_SECONDS_MAX: i64 = 86_400;
/// By how many seconds the clock of a derived token's maker may be ahead.
pub const DERIVED_CLOCK_SECONDS_MAX: i64 = 30;
/// Characters of a derived token.
pub const DERIVED_CHARS_MAX: usize = 4_096;
/// Characters that the maker of a derived token draws for its id, at least.
pub const DERIVED_ID_CHARS_MIN: usize = 16;
/// The same at most.
pub const DERIVED_ID_CHARS_MAX: usize = 64;
/// How many changes of its derived tokens and of the keys that it issued a key
/// makes in a second that does not administer.
pub const MAKER_CHANGES_PER_SECOND: u32 = 5;
/// By how many seconds a derived token that is revoked may end after now.
pub const DERIVED_AHEAD_SECONDS_MAX: u64 = 31 * 86_400;
/// Derived tokens of one key that are known at one time, and as many revoked
/// ones; those that are revoked or have credits of their own are not forgotten
/// for others.
pub const DERIVED_OF_KEY_MAX: usize = 10_000;
/// Derived tokens that are known at one time, over all keys. Of those with
/// credits of their own no key has more than there are places left.
pub const DERIVED_MAX: usize = 200_000;
/// Derived tokens whose signature is known to be good without being checked again.
pub const DERIVED_VERIFIED_MAX: usize = 2_048;
/// Networks that the restrictions of a key name.
pub const KEY_IP_RANGES_MAX: usize = 256;
/// Pages that the restrictions of a key name.
pub const KEY_ALLOWED_DOMAINS_MAX: usize = 100;
/// Characters of one of them.
pub const KEY_DOMAIN_CHARS_MAX: usize = 512;
/// For how many seconds a ticket lives when its maker does not say.
pub const TICKET_SECONDS_DEFAULT: u64 = 600;
/// For how many seconds a ticket lives at most.
pub const TICKET_SECONDS_MAX: u64 = 3_600;
/// For how many seconds at most a browser keeps what it was shown under a ticket.
pub const TICKET_CACHE_SECONDS_MAX: u64 = 60;
/// By how many seconds a clock may have been set back since a ticket was made.
pub const TICKET_CLOCK_SECONDS_MAX: u64 = 60;
/// Characters of the origin of a page.
pub const ORIGIN_CHARS_MAX: usize = 280;
/// Fields by whose values a cached dataset is read.
pub const DATASET_INDEX_FIELDS_MAX: usize = 4;
/// Characters of a property's name in the Keen dialect.
pub const KEEN_PROPERTY_CHARS_MAX: usize = 256;
/// Characters that a string in an event of the Keen dialect stays below.
pub const KEEN_STRING_CHARS_MAX: usize = 10_000;
/// Bytes of one event of the Keen dialect.
pub const KEEN_EVENT_BYTES_MAX: usize = 900_000;
/// Bytes of a bulk request of the Keen dialect.
pub const KEEN_BULK_BYTES_MAX: usize = 10 << 20;
/// Entries in the `keen.addons` of one event: each may add as much as the event holds.
pub const KEEN_ADDONS_MAX: usize = 16;
/// Parameters of a URL that are added to an event.
pub const KEEN_QUERY_PARAMETERS_MAX: usize = 100;
/// Bytes of the name of a function that an answer in a script calls.
pub const KEEN_CALLBACK_CHARS_MAX: usize = 128;
/// Bytes of the address that a link of the Keen dialect leads to.
pub const KEEN_REDIRECT_CHARS_MAX: usize = 4_096;
/// Collections that one bulk request of the Keen dialect writes to.
pub const KEEN_COLLECTIONS_MAX: usize = 1_000;
/// Pools of a project with which none is made by the first write to it any more.
pub const KEEN_FOUNDED_POOLS_MAX: usize = 5_000;
/// Bytes of answers to cached queries that are kept in memory, over all projects.
pub const KEPT_BYTES_MAX: usize = 256 << 20;
/// Rows of an extraction that is saved, answered at once.
pub const SAVED_ROWS_MAX: usize = 100_000;
/// Bytes of cells of datasets that are kept in memory, over all projects.
pub const CELLS_BYTES_MAX: usize = 512 << 20;
/// How long, in seconds, a dataset may be behind records that were added.
/// What was taken away is not in it at once.
pub const DATASET_SECONDS_BEHIND_MAX: i64 = 10;

/// Characters that a password has at least.
pub const PASSWORD_CHARS_MIN: usize = 15;
/// Characters that a password has at most.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Passwords that are hashed at one time, 19 MiB each; what comes beyond is refused.
pub const PASSWORD_HASHES_AT_ONCE: usize = 2;
/// Characters in a person's name.
pub const PERSON_NAME_CHARS_MAX: usize = 256;
/// Roles of one person.
pub const PERSON_ROLES_MAX: usize = 1_000;
/// People of an organization, those included who are invited.
pub const PEOPLE_MAX: usize = 10_000;
/// Of these, people within the rows that one who manages people is held to.
pub const PEOPLE_OF_ROWS_MAX: usize = 100;
/// Recovery codes in a set.
pub const RECOVERY_CODES: usize = 10;
/// Seconds after which an invitation is of no use.
pub const INVITATION_SECONDS: u64 = 7 * 86_400;
/// Sessions of one person; the oldest ends for a further one.
pub const SESSIONS_MAX: usize = 20;
/// Seconds after which a session ends, however much it is used.
pub const SESSION_SECONDS_MAX: u64 = 24 * 3_600;
/// Seconds after which a session ends that is not used.
pub const SESSION_IDLE_SECONDS_MAX: u64 = 3_600;
/// Stretches of use from one network that are kept of a session.
pub const SESSION_STRETCHES_MAX: usize = 16;
/// Characters of the client's name that a session keeps.
pub const SESSION_AGENT_CHARS_MAX: usize = 256;
/// Wrong attempts in a row that are answered at once.
pub const ATTEMPTS_FREE: u32 = 5;
/// Wrong codes in a row, after which no further one is looked at.
pub const ATTEMPTS_IN_A_ROW_MAX: u32 = 100;
/// Wrong codes of one person that keys may bring in 24 hours.
pub const CODES_BY_KEYS_MAX: u32 = 20;
/// Wrong codes in a row that one caller may bring before it waits an hour for each.
pub const CODES_BY_CALLER_MAX: u32 = 20;
/// Cells that wrong attempts are counted in: two names share one by chance alone.
pub const ATTEMPT_CELLS: u64 = 1 << 18;
