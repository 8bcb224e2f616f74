//! `pricket pull`, `list` and `rm`.

use crate::command::{Pricket, tiny};

#[test]
fn an_empty_disk_is_an_empty_list() {
    let home = Pricket::new();
    assert_eq!(home.run(&["list", "--json"]).ok().json(), serde_json::json!([]));
    let told = home.run(&["list"]).ok();
    assert_eq!(told.stdout, "");
    assert!(told.stderr.contains("pricket pull"), "{told:?}");
}

#[test]
fn pulling_what_is_on_disk_tells_its_path_as_a_json_line() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let events = home.run(&["pull", &model]).ok().json_lines();
    let last = events.last().unwrap();
    assert_eq!(last["event"], "finished");
    assert_eq!(last["path"], model);
}
