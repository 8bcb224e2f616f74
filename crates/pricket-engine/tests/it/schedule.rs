//! The scheduler's law, over all demands.

use pricket_engine::{Demand, Share, schedule};
use proptest::prelude::*;

fn demand() -> impl Strategy<Value = Demand> {
    (any::<bool>(), 1usize..500, any::<bool>()).prop_map(|(decoding, tokens, has_room)| Demand {
        tokens: if decoding { 1 } else { tokens },
        decoding,
        has_room,
    })
}

proptest! {
    #[test]
    fn budget_fairness_and_room(
        running in proptest::collection::vec(demand(), 0..40),
        budget in 1usize..300,
    ) {
        let mut plan = vec![Share { index: 99, tokens: 99 }];
        schedule(running.iter().copied(), budget, &mut plan);
        prop_assert!(plan.windows(2).all(|pair| pair[0].index < pair[1].index));
        let given = |index: usize| {
            plan.iter().find(|share| share.index == index).map_or(0, |share| share.tokens)
        };
        let mut left = budget;
        for (index, demand) in running.iter().enumerate() {
            let tokens = given(index);
            if !demand.has_room {
                prop_assert_eq!(tokens, 0);
            } else if demand.decoding {
                prop_assert_eq!(tokens, 1);
            } else {
                // First come, first served, to the last token of the budget.
                prop_assert_eq!(tokens, demand.tokens.min(left));
                left -= tokens;
            }
        }
        prop_assert!(plan.iter().all(|share| share.tokens > 0));
    }
}

#[test]
fn a_prompt_runs_beside_answers_one_chunk_at_a_time() {
    let decoding = Demand { tokens: 1, decoding: true, has_room: true };
    let prompt = Demand { tokens: 1_000, decoding: false, has_room: true };
    let mut plan = Vec::new();
    schedule([decoding, prompt, decoding, prompt], 256, &mut plan);
    let shares: Vec<(usize, usize)> = plan.iter().map(|s| (s.index, s.tokens)).collect();
    assert_eq!(shares, [(0, 1), (1, 256), (2, 1)]);
}
