//! Every bound of this crate, with its argument.

use std::time::Duration;

/// Bytes of a model reference: a path may have 4,096 (Linux' `PATH_MAX`), a reference less.
pub(crate) const REFERENCE_BYTES_MAX: usize = 4096;

/// Bytes of an organisation's or repository's name; the hub itself allows 96.
pub(crate) const REPO_NAME_BYTES_MAX: usize = 96;

/// Bytes of a repository's file listing: ten thousand names of a hundred bytes, ten times over.
pub(crate) const LISTING_BYTES_MAX: u64 = 16 << 20;

/// Files of one repository that are fetched together: the largest sharded checkpoints have a few
/// hundred.
pub(crate) const FILES_MAX: usize = 2048;

/// Bytes of one file: above the largest checkpoints' shards by two orders of magnitude, and small
/// enough that sums of [`FILES_MAX`] of them fit an `u64`.
pub(crate) const FILE_BYTES_MAX: u64 = 16 << 40;

/// Bytes of a wheel and of what is unpacked from it; package indexes stop far below.
pub(crate) const WHEEL_BYTES_MAX: u64 = 8 << 30;

/// Bytes of a PEM bundle of certificate authorities; the usual ones have 200 KiB.
pub(crate) const CA_BUNDLE_BYTES_MAX: u64 = 8 << 20;

/// Bytes of pip's log that are read for its last words.
pub(crate) const PIP_LOG_BYTES_MAX: u64 = 64 << 10;

/// Bytes of a token file; tokens have about forty.
pub(crate) const TOKEN_BYTES_MAX: u64 = 4096;

/// Bytes read at once from a socket or file: large enough that a system call costs nothing beside
/// it, small enough that progress moves and a cancelled pull stops within one.
pub(crate) const BUFFER_BYTES: usize = 128 << 10;

/// Room that is left on the disk beyond what a download needs, for everybody else's logs.
pub(crate) const DISK_MARGIN_BYTES: u64 = 16 << 20;

/// Redirects followed for one request; the hub uses one or two.
pub(crate) const REDIRECTS_MAX: u32 = 5;

/// Attempts in a row that bring no new byte before a download counts as broken off.
pub(crate) const ATTEMPTS_WITHOUT_BYTES_MAX: u32 = 4;

/// Attempts in all, so that a host which sends one byte per connection ends as well.
pub(crate) const ATTEMPTS_MAX: u32 = 64;

/// Wait before the second attempt; doubled for each further one without a byte in between.
pub(crate) const RETRY_WAIT: Duration = Duration::from_millis(250);

/// Time for a connection, name look-up included: a refused or filtered hub must not keep a user
/// waiting when the next source is at hand.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time that a connection may be silent before it counts as broken.
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(20);

/// Time between two looks at a lock, a child process or a cancelled stream.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Time between two progress events: fast enough for the eye, slow enough for a log.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Time that pip may go without writing a byte; its own default is 15 s per attempt, some set 180.
pub(crate) const PIP_SILENCE_MAX: Duration = Duration::from_mins(15);

/// Folders below a snapshot that a listing descends into; repositories rarely have two.
pub(crate) const SNAPSHOT_DEPTH_MAX: u32 = 6;

/// Rules of one registry: each is asked about every name, and a configuration file has a handful.
pub(crate) const RULES_MAX: usize = 1024;

/// Names that one name leads to by rules, itself included: more is a mistake and no intention.
pub(crate) const RULE_STEPS_MAX: usize = 8;

/// Bytes of a rule's pattern: the longest repository with the longest file fits.
pub(crate) const PATTERN_BYTES_MAX: usize = 1536;

/// Bytes of a rule's target: the same. What its groups add is bound by [`REFERENCE_BYTES_MAX`].
pub(crate) const RULE_TARGET_BYTES_MAX: usize = 1536;

/// Conditions of one rule.
pub(crate) const RULE_CONDITIONS_MAX: usize = 16;

/// Bytes of a compiled regex, and of the cache with which it is run: expressions for names take a
/// few KiB, `(\w{100}){100}` takes megabytes. Time is linear in the name whatever the expression.
pub(crate) const REGEX_BYTES_MAX: usize = 256 << 10;

/// Brackets within brackets of a regex; the parser recurses for each.
pub(crate) const REGEX_DEPTH_MAX: u32 = 32;

/// Bytes of a file of model data: ten thousand rows of four hundred bytes.
pub(crate) const CATALOG_BYTES_MAX: u64 = 4 << 20;

/// Models of one catalog: the largest marketplaces list a few thousand.
pub(crate) const CATALOG_MODELS_MAX: usize = 10_000;

/// Bytes of a provider's model's name; the longest ones have about sixty.
pub(crate) const MODEL_NAME_BYTES_MAX: usize = 128;
