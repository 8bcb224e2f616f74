//! The gates of the house.

fn main() {}
