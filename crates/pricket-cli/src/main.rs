//! The command `pricket`.

fn main() {}
