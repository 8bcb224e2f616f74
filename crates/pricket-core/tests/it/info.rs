//! What a model is: limits are checked before a request is sent, and what is unknown refuses
//! nothing.

use pricket_core::{CoreError, ErrorKind, ModelInfo};

use crate::check_json;

fn model(context_length: Option<usize>, max_output_tokens: Option<usize>) -> ModelInfo {
    ModelInfo {
        provider: Some("acme".into()),
        context_length,
        max_output_tokens,
        ..ModelInfo::new("m-1")
    }
}

#[test]
fn a_request_fits_to_the_last_token() {
    let model = model(Some(100), Some(40));
    model.check_context(60, Some(40)).unwrap();
    model.check_context(99, None).unwrap();
    let error = model.check_context(61, Some(40)).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::TooLarge, "context_exceeded"));
    for part in ["acme/m-1", "100", "61", "40"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // A prompt that fills the context leaves no room for any answer.
    assert_eq!(model.check_context(100, None).unwrap_err().code(), "context_exceeded");
    let error = model.check_context(1, Some(41)).unwrap_err();
    assert_eq!(
        error,
        CoreError::OutputExceeded { model: "acme/m-1".into(), max_tokens: 41, limit: 40 }
    );
    assert_eq!(model.check_context(usize::MAX, Some(40)).unwrap_err().code(), "context_exceeded");
}

#[test]
fn an_unknown_limit_refuses_nothing() {
    model(None, None).check_context(usize::MAX, Some(usize::MAX)).unwrap();
    model(None, Some(10)).check_context(usize::MAX, Some(10)).unwrap();
    model(Some(10), None).check_context(0, Some(10)).unwrap();
}

#[test]
fn what_is_unknown_is_not_written() {
    let named = ModelInfo::new("m");
    check_json(
        &named,
        "{\"name\":\"m\",\"capabilities\":{\"chat\":false,\"tools\":false,\"vision\":false,\
         \"audio\":false,\"embeddings\":false,\"thinking\":false}}",
    );
    assert_eq!(serde_json::from_str::<ModelInfo>(r#"{"name": "m"}"#).unwrap(), named);
    assert_eq!((named.full_name(), model(None, None).full_name()), ("m".into(), "acme/m-1".into()));
}
