//! What the benches share: clocks, medians, tables.
