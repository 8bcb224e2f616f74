//! What every provider promises, whoever it is: a request goes in, and its chunks are held to the
//! words of `CompletionProvider` and `CompletionChunk`.

use std::thread;

use pricket::core::{
    Completion, CompletionChunk, CompletionProvider, CompletionRequest, ErrorKind, FinishReason,
    SamplingParams,
};

/// How many tokens each answer may have.
const TOKENS: usize = 24;

/// How many ask at once.
const COMPANY: usize = 6;

/// What a provider does that it may not, in words; nothing where it keeps every promise. `ask`
/// makes a request that the provider answers, the same one each time; sampling, stop texts and
/// length are set here.
pub fn complaints(
    provider: &dyn CompletionProvider,
    ask: impl Fn() -> CompletionRequest + Sync,
) -> Vec<String> {
    let mut complaints = Vec::new();
    if provider.info().name.is_empty() {
        complaints.push("its name is empty".to_owned());
    }
    let plain = || ask().sampling(SamplingParams::greedy()).max_tokens(TOKENS);
    let answer = match read(provider, plain()) {
        Ok(answer) => answer,
        Err(complaint) => {
            complaints.push(format!("a plain request: {complaint}"));
            return complaints;
        }
    };
    complaints.extend(counts(&answer));
    let checks: [(&str, Result<(), String>); 5] = [
        ("a second time", same(provider, plain(), &answer.text)),
        ("in company", company(provider, &plain, &answer.text)),
        ("with a stop text", stopped(provider, plain(), &answer.text)),
        ("with a knob out of range", refused(provider, plain())),
        ("after a reader that went away", abandoned(provider, &plain, &answer.text)),
    ];
    let failed = checks.into_iter().filter_map(|(what, found)| Some((what, found.err()?)));
    complaints.extend(failed.map(|(what, complaint)| format!("{what}: {complaint}")));
    complaints
}

/// One completion's report, and the rules of its chunks: the last and only the last is terminal,
/// and the text is that of the pieces.
fn read(
    provider: &dyn CompletionProvider,
    request: CompletionRequest,
) -> Result<Completion, String> {
    let mut text = String::new();
    let mut end = None;
    for chunk in provider.complete(request) {
        if end.is_some() {
            return Err(format!("a chunk follows the last one: {chunk:?}"));
        }
        match chunk {
            CompletionChunk::Text { text: piece, .. } => text.push_str(&piece),
            CompletionChunk::Complete(done) => end = Some(Ok(*done)),
            CompletionChunk::Error(report) => end = Some(Err(report)),
            _ => {}
        }
    }
    match end {
        None => Err("the stream ends without a last chunk".to_owned()),
        Some(Err(report)) => Err(format!("it fails by `{}`: {}", report.code, report.message)),
        Some(Ok(done)) if done.text != text => {
            Err(format!("the pieces are {text:?} and the whole is {:?}", done.text))
        }
        Some(Ok(done)) => Ok(done),
    }
}

/// The counts of a completion of at most [`TOKENS`].
fn counts(answer: &Completion) -> Vec<String> {
    let usage = answer.usage;
    let is_full = usage.completion_tokens == TOKENS;
    let found = [
        (usage.prompt_tokens == 0, "no token of the prompt is counted"),
        (usage.cached_tokens > usage.prompt_tokens, "more was cached than the prompt has"),
        (usage.completion_tokens == 0, "no token of the answer is counted"),
        (usage.completion_tokens > TOKENS, "it has more tokens than were asked for"),
        (
            answer.finish_reason == FinishReason::Length && !is_full,
            "it ended by its length before that was reached",
        ),
    ];
    let found = found.into_iter().filter(|(is_so, _)| *is_so);
    found.map(|(_, complaint)| format!("{complaint}: {usage:?}")).collect()
}

/// Greedy answers depend on the request alone.
fn same(
    provider: &dyn CompletionProvider,
    request: CompletionRequest,
    want: &str,
) -> Result<(), String> {
    let found = read(provider, request)?.text;
    if found == want { Ok(()) } else { Err(format!("{found:?} instead of {want:?}")) }
}

/// Several threads ask at once.
fn company(
    provider: &dyn CompletionProvider,
    plain: &(impl Fn() -> CompletionRequest + Sync),
    want: &str,
) -> Result<(), String> {
    thread::scope(|scope| {
        let askers: Vec<_> =
            (0..COMPANY).map(|_| scope.spawn(|| same(provider, plain(), want))).collect();
        askers
            .into_iter()
            .try_for_each(|asker| asker.join().unwrap_or_else(|_| Err("it panics".to_owned())))
    })
}

/// A text that the answer has in its middle ends it, is named and is not told.
fn stopped(
    provider: &dyn CompletionProvider,
    request: CompletionRequest,
    whole: &str,
) -> Result<(), String> {
    let middle = whole.chars().skip(whole.chars().count() / 2);
    let stop: String = middle.take(2).collect();
    let (Some(at), false) = (whole.find(&stop), stop.is_empty()) else { return Ok(()) };
    let found = read(provider, request.stop([stop.clone()]))?;
    if Some(found.text.as_str()) != whole.get(..at) {
        return Err(format!("{:?} of {whole:?}, stopped at {stop:?}", found.text));
    }
    let told = (found.finish_reason, found.stop.as_deref());
    if told == (FinishReason::Stop, Some(stop.as_str())) {
        Ok(())
    } else {
        Err(format!("it tells {told:?}, stopped at {stop:?}"))
    }
}

/// A request that cannot be served is one chunk, which is an error of the caller's.
fn refused(provider: &dyn CompletionProvider, request: CompletionRequest) -> Result<(), String> {
    let sampling = SamplingParams { top_p: Some(2.0), ..SamplingParams::greedy() };
    let chunks: Vec<_> = provider.complete(request.sampling(sampling)).collect();
    match chunks.as_slice() {
        [CompletionChunk::Error(report)] if report.kind == ErrorKind::InvalidRequest => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// Dropped streams cancel their work, and leave the provider as it was.
fn abandoned(
    provider: &dyn CompletionProvider,
    plain: &impl Fn() -> CompletionRequest,
    want: &str,
) -> Result<(), String> {
    for read in 0..COMPANY {
        let _read = provider.complete(plain()).take(read).count();
    }
    same(provider, plain(), want)
}
