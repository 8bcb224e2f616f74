//! Medians.

use pricket_benches::{Spread, best, median};

#[test]
fn the_median_stands_in_the_middle() {
    assert_eq!(median(&[3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]).to_bits(), 2.5_f64.to_bits());
    assert!(median(&[]).is_nan());
    let spread = Spread::of(&[5.0, 9.0, 7.0]);
    let told = [spread.min, spread.median, spread.max].map(f64::to_bits);
    assert_eq!(told, [5.0_f64, 7.0, 9.0].map(f64::to_bits));
}

#[test]
fn the_best_of_some_calls_is_the_greatest() {
    let mut rates = [2.0, 5.0, 3.0, 9.0].into_iter();
    assert_eq!(best(3, || rates.next().ok_or(())), Ok(5.0));
    assert_eq!(best(3, || rates.next().ok_or("at its end")), Err("at its end"));
}
