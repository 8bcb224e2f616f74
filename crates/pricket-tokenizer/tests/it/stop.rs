//! Stop strings never leak, wherever the pieces are cut.

use pricket_tokenizer::{Fed, StopMatcher};
use proptest::prelude::*;

fn matcher(stops: &[&str]) -> StopMatcher {
    StopMatcher::new(stops.iter().map(|stop| (*stop).to_owned()).collect()).unwrap()
}

/// Feeds pieces and gives what was shown and what stopped.
fn run<'p>(stops: &[&str], pieces: impl IntoIterator<Item = &'p str>) -> (String, Option<usize>) {
    let mut matcher = matcher(stops);
    let mut shown = String::new();
    for piece in pieces {
        let fed = matcher.feed(piece);
        shown.push_str(fed.text);
        if fed.stopped.is_some() {
            return (shown, fed.stopped);
        }
    }
    shown.push_str(matcher.finish());
    (shown, None)
}

#[test]
fn a_stop_across_pieces_does_not_leak() {
    let mut matcher = matcher(&["\nUser:", "END"]);
    assert_eq!(matcher.feed("Hi\nUs"), Fed { text: "Hi", stopped: None });
    assert_eq!(matcher.feed("e"), Fed { text: "", stopped: None });
    assert_eq!(matcher.feed("r: more"), Fed { text: "", stopped: Some(0) });
    assert_eq!(matcher.feed("after"), Fed { text: "", stopped: Some(0) });
    assert_eq!(matcher.finish(), "");
    matcher.reset();
    assert_eq!(matcher.feed("EN"), Fed { text: "", stopped: None });
    assert_eq!(matcher.feed("TER"), Fed { text: "ENTER", stopped: None });
    assert_eq!(matcher.feed("E"), Fed { text: "", stopped: None });
    assert_eq!(matcher.finish(), "E", "what was no stop comes out at the end");
}

#[test]
fn the_first_complete_stop_wins_and_the_longer_of_two() {
    assert_eq!(run(&["abcd", "bc"], ["abcd"]), ("a".to_owned(), Some(1)));
    assert_eq!(run(&["bc", "abc"], ["xabc"]), ("x".to_owned(), Some(1)));
}

#[test]
fn repeated_beginnings_are_followed() {
    assert_eq!(run(&["aab"], ["a", "a", "a", "b", "c"]), ("a".to_owned(), Some(0)));
    assert_eq!(run(&["\u{e9}!"], ["caf\u{e9}", "\u{e9}", "!"]), ("caf\u{e9}".to_owned(), Some(0)));
}

#[test]
fn none_passes_everything_and_an_empty_one_is_refused() {
    assert_eq!(run(&[], ["a", "b"]), ("ab".to_owned(), None));
    assert!(StopMatcher::new(vec!["a".to_owned(), String::new()]).is_err());
}

#[test]
fn cuts_do_not_matter() {
    let stops = prop::collection::vec("[ab\u{e9}]{1,4}", 0..4);
    let cuts = prop::collection::vec(0usize..5, 24);
    proptest!(|(stops in stops, text in "[abc\u{e9}]{0,24}", cuts in cuts)| {
        let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
        // The truth, by definition: the stop that ends first, the longest of those.
        let ends = (0..=text.len()).filter(|&end| text.is_char_boundary(end));
        let truth = ends.clone().find_map(|end| {
            let hit = stops.iter().enumerate().filter(|(_, stop)| text[..end].ends_with(**stop));
            let (index, stop) = hit.max_by(|(i, a), (j, b)| a.len().cmp(&b.len()).then(j.cmp(i)))?;
            Some((text[..end - stop.len()].to_owned(), Some(index)))
        });
        let truth = truth.unwrap_or_else(|| (text.clone(), None));
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        for cut in cuts {
            let at = rest.char_indices().nth(cut).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(at);
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(&run(&stops, pieces), &truth);
        prop_assert_eq!(&run(&stops, [text.as_str()]), &truth);
    });
}
