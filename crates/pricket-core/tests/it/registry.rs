//! The provider registry: all or none, lazily made, and whole under thirty-two writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pricket_core::{
    Capability, CompletionChunk, CompletionProvider, CompletionRequest, CoreError, ErrorKind,
    ErrorReport, ModelInfo, ProviderRegistry, ProviderTable, RegisteredProvider, Registration,
};
use pricket_stream::AsyncStream;

/// Answers with an error, whatever is asked.
struct Mute(ModelInfo);

/// Another type, for those who ask for one.
struct Deaf(ModelInfo);

impl CompletionProvider for Mute {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    fn complete(&self, _: CompletionRequest) -> AsyncStream<CompletionChunk> {
        let report = ErrorReport::new(ErrorKind::Unsupported, "mute", "it says nothing");
        AsyncStream::once(CompletionChunk::Error(Box::new(report)))
    }
}

impl CompletionProvider for Deaf {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    fn complete(&self, _: CompletionRequest) -> AsyncStream<CompletionChunk> {
        AsyncStream::empty()
    }
}

fn info(name: &str) -> ModelInfo {
    ModelInfo::new(name)
}

fn mute(name: &str) -> Registration {
    Registration::ready(Arc::new(Mute(info(name))))
}

fn names(table: &ProviderTable) -> Vec<&str> {
    table.iter().map(RegisteredProvider::name).collect()
}

/// Both indexes tell the same.
fn check(table: &ProviderTable) {
    let mut seen = 0;
    for entry in table.iter() {
        for name in entry.names() {
            let found = table.get(name).expect("every name of an entry finds it");
            assert_eq!(found.name(), entry.name());
            seen += 1;
        }
    }
    assert_eq!(table.len(), table.iter().count());
    assert!(seen >= table.len());
}

#[test]
fn a_provider_is_found_by_any_name_in_any_case() {
    let registry = ProviderRegistry::new();
    registry.try_register(mute("kimi-k2").aliases(["kimi", "moonshot/kimi-k2"])).unwrap();
    for name in ["kimi-k2", "Kimi", "MOONSHOT/kimi-k2"] {
        assert_eq!(registry.get(name).unwrap().info().name, "kimi-k2");
    }
    let Err(error) = registry.get("kimi-k3") else { panic!("it is not there") };
    assert_eq!(
        error,
        CoreError::UnknownProvider {
            name: "kimi-k3".into(),
            did_you_mean: vec!["kimi-k2".into(), "kimi".into()]
        }
    );
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "provider_unknown"));
    assert!(error.to_string().contains("did you mean `kimi-k2`"), "{error}");
}

#[test]
fn all_are_registered_or_none() {
    let registry = ProviderRegistry::new();
    registry.try_register(mute("a")).unwrap();
    let error = registry.try_register_all([mute("b"), mute("c").aliases(["A"])]).unwrap_err();
    let taken = CoreError::ProviderNameTaken { name: "A".into(), holder: "a".into() };
    assert_eq!(error, taken);
    assert_eq!(names(&registry.table()), ["a"]);
    assert!(registry.table().get("b").is_none() && registry.table().get("c").is_none());
    // Two new ones that collide with each other.
    assert!(registry.try_register_all([mute("b"), mute("B")]).is_err());
    assert_eq!(names(&registry.table()), ["a"]);
    registry.try_register_all([mute("b"), mute("c")]).unwrap();
    assert_eq!(names(&registry.table()), ["a", "b", "c"]);
    check(&registry.table());
}

#[test]
fn replacing_is_explicit_and_unregistering_frees_every_name() {
    let registry = ProviderRegistry::new();
    registry.try_register_all([mute("a").aliases(["x"]), mute("b").aliases(["y"])]).unwrap();
    let held = registry.get("a").unwrap();
    assert_eq!(registry.try_register(mute("a")).unwrap_err().code(), "provider_name_taken");
    let gone = registry.replace(mute("c").aliases(["x", "y"])).unwrap();
    let gone: Vec<&str> = gone.iter().map(RegisteredProvider::name).collect();
    assert_eq!(gone, ["a", "b"]);
    assert_eq!(names(&registry.table()), ["c"]);
    // Who holds a provider keeps it.
    assert_eq!(held.info().name, "a");
    assert_eq!(registry.unregister("Y").unwrap().name(), "c");
    assert!(registry.unregister("y").is_none());
    assert!(registry.table().is_empty());
    assert!(registry.table().get("x").is_none());
    // A refused replacement takes nothing away.
    registry.try_register(mute("a")).unwrap();
    assert!(registry.replace(mute("a").aliases(["two words"])).is_err());
    assert_eq!(names(&registry.table()), ["a"]);
}

#[test]
fn names_that_cannot_be_typed_are_refused() {
    for name in ["", " ", "a b", "a\n", "\u{7}", &"x".repeat(129)] {
        let error = ProviderRegistry::new().try_register(mute(name)).expect_err(name);
        assert_eq!(error.code(), "provider_name_malformed");
        assert!(error.to_string().len() < 400, "{error}");
    }
    ProviderRegistry::new().try_register(mute(&"x".repeat(128))).unwrap();
    ProviderRegistry::new().try_register(mute("").name("named")).unwrap();
}

#[test]
fn a_lazy_provider_is_made_once_and_only_when_asked_for() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let registry = ProviderRegistry::new();
    let make = || {
        MADE.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(20));
        Ok(Mute(info("big")))
    };
    registry.try_register(Registration::lazy(info("big"), make).aliases(["huge"])).unwrap();
    let entry = registry.table().get("big").unwrap().clone();
    assert_eq!((entry.info().name.as_str(), entry.is_ready()), ("big", false));
    assert!(format!("{registry:?}").contains("ready: false"));
    assert_eq!(MADE.load(Ordering::SeqCst), 0);
    std::thread::scope(|scope| {
        for name in ["big", "huge"].repeat(4) {
            scope.spawn(|| drop(registry.get(name).unwrap()));
        }
    });
    assert_eq!((MADE.load(Ordering::SeqCst), entry.is_ready()), (1, true));
}

#[test]
fn a_factory_that_fails_is_told_and_asked_again() {
    let broken = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&broken);
    let make = move || {
        if switch.load(Ordering::SeqCst) {
            return Err(ErrorReport::new(ErrorKind::Network, "far_away", "no route"));
        }
        Ok(Mute(info("m")))
    };
    let registry = ProviderRegistry::new();
    registry.try_register(Registration::lazy(info("m"), make)).unwrap();
    let Err(error) = registry.get("m") else { panic!("it must fail") };
    assert_eq!((error.kind(), error.code()), (ErrorKind::Network, "far_away"));
    assert!(error.report().retryable && error.to_string().contains("`m` cannot start: no route"));
    broken.store(false, Ordering::SeqCst);
    assert_eq!(registry.get("m").unwrap().info().name, "m");
}

#[test]
fn a_provider_can_be_asked_for_as_its_type() {
    let registry = ProviderRegistry::new();
    let mute: Arc<dyn CompletionProvider> = Arc::new(Mute(info("erased")));
    registry
        .try_register_all([
            Registration::ready(Arc::new(Deaf(info("deaf")))),
            Registration::lazy(info("lazy"), || Ok(Deaf(info("lazy")))),
            Registration::erased(mute),
        ])
        .unwrap();
    assert_eq!(registry.get_as::<Deaf>("deaf").unwrap().0.name, "deaf");
    assert_eq!(registry.get_as::<Deaf>("lazy").unwrap().0.name, "lazy");
    for name in ["deaf", "erased"] {
        let Err(error) = registry.get_as::<Mute>(name) else { panic!("{name} is no Mute") };
        assert_eq!(error.code(), "provider_type_mismatch");
        assert!(error.to_string().contains("Mute"), "{error}");
    }
    assert!(matches!(registry.get_as::<Deaf>("x"), Err(CoreError::UnknownProvider { .. })));
}

#[test]
fn providers_are_found_by_what_they_can_and_whose_they_are() {
    use Capability::{Chat, Tools, Vision};
    let registry = ProviderRegistry::new();
    let info = |name: &str, provider: Option<&str>, can: &[Capability]| ModelInfo {
        provider: provider.map(str::to_owned),
        capabilities: can.iter().copied().collect(),
        ..ModelInfo::new(name)
    };
    let never = || Err::<Mute, _>(ErrorReport::new(ErrorKind::Internal, "made", "made in vain"));
    registry
        .try_register_all([
            Registration::lazy(info("local", None, &[Chat]), never),
            Registration::lazy(info("tools", Some("acme"), &[Chat, Tools]), never),
            Registration::lazy(info("all", Some("Acme"), &[Chat, Tools, Vision]), never),
        ])
        .unwrap();
    let table = registry.table();
    let found = |wanted: &[Capability]| -> Vec<String> {
        let wanted: pricket_core::Capabilities = wanted.iter().copied().collect();
        table.with_capabilities(wanted).map(|entry| entry.name().to_owned()).collect()
    };
    assert_eq!(found(&[]), ["local", "tools", "all"]);
    assert_eq!(found(&[Tools]), ["tools", "all"]);
    assert_eq!(found(&[Tools, Vision]), ["all"]);
    assert_eq!(table.with_capabilities(Capability::Audio).count(), 0);
    let acme: Vec<&str> = table.of_provider("ACME").map(RegisteredProvider::name).collect();
    assert_eq!(acme, ["tools", "all"]);
}

#[test]
fn a_table_does_not_change_under_its_reader() {
    let registry = ProviderRegistry::new();
    registry.try_register(mute("a")).unwrap();
    let before = registry.table();
    registry.unregister("a");
    registry.try_register(mute("b")).unwrap();
    assert_eq!((names(&before), names(&registry.table())), (vec!["a"], vec!["b"]));
}

/// Counts a thread that ends, also one that fails: the readers must not wait for it for ever.
struct Finished<'a>(&'a AtomicUsize);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Thirty-two threads register pairs, replace, fail and unregister, while readers look at every
/// table: both of a pair are there or neither, and the names agree with the entries.
#[test]
fn thirty_two_writers_leave_whole_tables() {
    const THREADS: usize = 32;
    const ROUNDS: usize = 40;
    let registry = ProviderRegistry::new();
    registry.try_register(mute("fixed")).unwrap();
    let done = AtomicUsize::new(0);
    let read = |last: bool| {
        let table = registry.table();
        check(&table);
        assert!(table.get("fixed").is_some(), "nobody takes this one away");
        for thread in 0..THREADS {
            let pair = [format!("left-{thread}"), format!("also-left-{thread}")];
            let right = table.get(&format!("right-{thread}")).is_some();
            for name in &pair {
                assert_eq!(table.get(name).is_some(), right, "half of pair {thread}");
            }
            assert!(!last || right, "the last round registers and stays");
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (registry, done) = (&registry, &done);
            scope.spawn(move || {
                let _finished = Finished(done);
                let left =
                    || mute(&format!("left-{thread}")).aliases([format!("also-left-{thread}")]);
                let right = || mute(&format!("right-{thread}"));
                for round in 0..ROUNDS {
                    registry.try_register_all([left(), right()]).expect("the names are free");
                    // Refused at its second: the first must not stay.
                    let torn = [mute(&format!("torn-{thread}")), mute("fixed")];
                    assert!(registry.try_register_all(torn).is_err());
                    assert!(registry.get(&format!("torn-{thread}")).is_err());
                    assert_eq!(registry.replace(left()).expect("a free replacement").len(), 1);
                    if round + 1 < ROUNDS {
                        // Both names go to one entry and then away together: never half a pair.
                        let both = left().aliases([format!("right-{thread}")]);
                        assert_eq!(registry.replace(both).expect("both are its own").len(), 2);
                        assert!(registry.unregister(&format!("right-{thread}")).is_some());
                    }
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while done.load(Ordering::SeqCst) < THREADS {
                    read(false);
                }
            });
        }
    });
    read(true);
    assert_eq!(registry.table().len(), 1 + 2 * THREADS);
}
