//! Pricket, the facade: a local LLM framework in pure, safe Rust
