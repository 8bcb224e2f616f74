//! Model names to files: aliases, resolver, download with progress and resume, offline cache
