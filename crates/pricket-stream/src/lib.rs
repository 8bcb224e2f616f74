//! AsyncStream: one value after another from a thread, bounded, cancellable, without futures
