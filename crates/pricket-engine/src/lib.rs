//! A request becomes a stream of tokens: queue, step, sampler, emit
