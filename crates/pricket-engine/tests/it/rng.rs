//! The generator against published numbers.

use pricket_engine::Rng;

#[test]
fn it_is_xoshiro256_plus_plus() {
    // The first outputs from the state [1, 2, 3, 4], computed with the authors' C code.
    let mut rng = Rng::from_state([1, 2, 3, 4]);
    let numbers: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
    assert_eq!(numbers, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
}

#[test]
fn its_state_is_filled_by_split_mix() {
    // SplitMix64's first outputs from the seed 1234567.
    let state = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
    ];
    assert_eq!(Rng::new(1_234_567), Rng::from_state(state));
}

#[test]
fn fractions_are_uniform() {
    let mut rng = Rng::new(0);
    let mut counts = [0u32; 64];
    for _ in 0..640_000 {
        let x = rng.next_f64();
        assert!((0.0..1.0).contains(&x));
        counts[(x * 64.0) as usize] += 1;
    }
    let chi: f64 = counts.iter().map(|&n| (f64::from(n) - 1e4).powi(2) / 1e4).sum();
    // 63 degrees of freedom: above 125 once in a hundred thousand seeds.
    assert!(chi < 125.0, "{chi}");
}
