//! The tables that lie in this repository can be read.

use std::fs;

use xtask::layers::Layers;
use xtask::licences::Terms;
use xtask::tidy::Rules;
use xtask::{features, layers, licences, repository_root, tidy};

fn text(path: &str) -> String {
    fs::read_to_string(repository_root().join(path)).expect(path)
}

#[test]
fn every_table_of_the_house_is_well_formed() {
    let rules = Rules::parse(&text(tidy::DATA)).expect(tidy::DATA);
    assert!(rules.root.iter().any(|name| name == "Cargo.toml"));
    assert!(rules.phrases.iter().any(|phrase| phrase == "TODO"));
    Layers::parse(&text(layers::DATA)).expect(layers::DATA);
    Terms::parse(&text(licences::DATA)).expect(licences::DATA);
    features::tested(&repository_root()).expect("the tested features are listed");
}
