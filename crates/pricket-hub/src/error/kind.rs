//! The kinds and codes of errors, for those who decide by them.

use pricket_core::ErrorKind;

use crate::HubError;

impl HubError {
    /// The kind, for those who decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NameUnknown { .. }
            | Self::PathMissing { .. }
            | Self::NotCached { .. }
            | Self::NotInstalled { .. }
            | Self::RemoteMissing { .. }
            | Self::NothingToRun { .. }
            | Self::PartMissing { .. } => ErrorKind::NotFound,
            Self::NameAmbiguous { .. }
            | Self::NameMalformed { .. }
            | Self::AliasRefused { .. }
            | Self::RuleRefused { .. }
            | Self::RulesEndless { .. }
            | Self::OutsideCache { .. }
            | Self::AccessDenied { .. }
            | Self::CatalogAddress { .. } => ErrorKind::InvalidRequest,
            Self::CacheUnknown
            | Self::CatalogOffline { .. }
            | Self::PipMissing { .. }
            | Self::RemoteUnsupported { .. } => ErrorKind::Unsupported,
            Self::RuleTarget { source, .. } => source.kind(),
            Self::Unreachable { .. } | Self::Interrupted { .. } | Self::PipFailed { .. } => {
                ErrorKind::Network
            }
            Self::RemoteStatus { status: 429 | 503, .. } => ErrorKind::Busy,
            Self::RemoteStatus { .. } => ErrorKind::Network,
            Self::RemoteMalformed { .. }
            | Self::HashMismatch { .. }
            | Self::SizeMismatch { .. }
            | Self::FileDiffers { .. }
            | Self::WheelMalformed { .. }
            | Self::CatalogMalformed { .. } => ErrorKind::Malformed,
            Self::DiskFull { .. } => ErrorKind::TooLarge,
            Self::CatalogUnread { source, .. }
            | Self::CertificatesUnread { source, .. }
            | Self::ModelsUnlisted { source, .. }
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                ErrorKind::NotFound
            }
            Self::CatalogUnread { .. }
            | Self::CertificatesUnread { .. }
            | Self::ModelsUnlisted { .. }
            | Self::Io { .. } => ErrorKind::Io,
            Self::SourcesExhausted { failures, .. } => {
                failures.first().map_or(ErrorKind::NotFound, |(_, error)| error.kind())
            }
            Self::Cancelled { .. } => ErrorKind::Cancelled,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NameUnknown { .. } => "model_unknown",
            Self::NameAmbiguous { .. } => "model_ambiguous",
            Self::NameMalformed { .. } => "model_name_malformed",
            Self::AliasRefused { .. } => "alias_refused",
            Self::RuleRefused { .. } => "rule_refused",
            Self::RulesEndless { .. } => "rules_endless",
            Self::RuleTarget { source, .. } => source.code(),
            Self::CatalogMalformed { .. } => "model_data_malformed",
            Self::CatalogUnread { .. } => "model_data_unreadable",
            Self::CatalogOffline { .. } => "model_data_offline",
            Self::CatalogAddress { .. } => "model_data_address",
            Self::CertificatesUnread { .. } => "certificates_unreadable",
            Self::ModelsUnlisted { .. } => "models_unlisted",
            Self::RemoteUnsupported { .. } => "remote_unsupported",
            Self::PathMissing { .. } => "path_missing",
            Self::NotCached { .. } => "not_cached",
            Self::NotInstalled { .. } => "not_installed",
            Self::OutsideCache { .. } => "outside_cache",
            Self::CacheUnknown => "cache_unknown",
            Self::Unreachable { .. } => "hub_unreachable",
            Self::Interrupted { .. } => "download_interrupted",
            Self::AccessDenied { .. } => "access_denied",
            Self::RemoteMissing { .. } => "remote_missing",
            Self::RemoteStatus { .. } => "remote_status",
            Self::RemoteMalformed { .. } => "remote_malformed",
            Self::HashMismatch { .. } => "hash_mismatch",
            Self::SizeMismatch { .. } => "size_mismatch",
            Self::FileDiffers { .. } => "file_differs",
            Self::DiskFull { .. } => "disk_full",
            Self::Io { .. } => "io",
            Self::PipMissing { .. } => "pip_missing",
            Self::PipFailed { .. } => "pip_failed",
            Self::WheelMalformed { .. } => "wheel_malformed",
            Self::NothingToRun { .. } => "nothing_to_run",
            Self::PartMissing { .. } => "part_missing",
            Self::SourcesExhausted { .. } => "sources_exhausted",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}
