//! Where Python's Jinja differs from others, in templates small enough to check by hand.

use std::time::{Duration, UNIX_EPOCH};

use pricket_tokenizer::{ChatTemplate, NullKeys, SpecialTokens, TemplateInput, TokenizerError};
use serde_json::{Value, json};

fn render_with(source: &str, kwargs: &Value) -> Result<String, TokenizerError> {
    let template = ChatTemplate::new(source, &SpecialTokens::default())?
        .with_clock(|| UNIX_EPOCH + Duration::from_secs(1_709_210_096));
    let messages = json!([{"role": "user", "content": "hi"}]);
    let input = TemplateInput { kwargs: kwargs.as_object(), ..TemplateInput::new(&messages) };
    Ok(template.render(&input)?.text().to_owned())
}

fn render(source: &str) -> String {
    render_with(source, &json!({})).unwrap()
}

#[test]
fn values_print_as_python_prints_them() {
    assert_eq!(render("{{ true }} {{ false }} {{ none }} {{ absent }}|"), "True False None |");
    assert_eq!(render("{{ 'a' ~ true ~ none }} {{ 1.0 }} {{ 7.5 }}"), "aTrueNone 1.0 7.5");
    assert_eq!(
        render_with("{{ x }}", &json!({"x": ["a", 1, true, null, {"k": "it's"}]})).unwrap(),
        r#"['a', 1, True, None, {'k': "it's"}]"#
    );
}

#[test]
fn tojson_is_json_dumps() {
    let x = json!({"x": {"b": [1, 2.0, 1e16, 1e-5, true, null], "a": "<\u{e9}>&'\"\\\n\u{1}"}});
    let plain = r#"{"b": [1, 2.0, 1e+16, 1e-05, true, null], "a": "<X>&'\"\\\n\u0001"}"#;
    let plain = plain.replace('X', "\u{e9}");
    assert_eq!(render_with("{{ x | tojson }}", &x).unwrap(), plain);
    assert_eq!(
        render_with("{{ x | tojson(separators=(',', ':'), sort_keys=True) }}", &x).unwrap(),
        r#"{"a":"<X>&'\"\\\n\u0001","b":[1,2.0,1e+16,1e-05,true,null]}"#.replace('X', "\u{e9}")
    );
    assert_eq!(
        render_with("{{ [x.b[0], [], {}] | tojson(indent=2) }}", &x).unwrap(),
        "[\n  1,\n  [],\n  {}\n]"
    );
    assert_eq!(
        render("{{ '\u{e9}\u{1f600}' | tojson(ensure_ascii=true) }}"),
        r#""\u00e9\ud83d\ude00""#
    );
    assert!(render_with("{{ absent | tojson }}", &json!({})).is_err());
}

#[test]
fn blocks_are_trimmed_as_transformers_trims_them() {
    assert_eq!(render("  {% if true %}\nx\n  {% endif %}\ny\n"), "x\ny");
    assert_eq!(render("a {%- generation -%} b {%- endgeneration %}\nc"), "abc");
    assert_eq!(
        render("{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}"),
        "1",
        "what is set inside stays inside"
    );
}

#[test]
fn loops_can_break_and_strings_have_pythons_methods() {
    assert_eq!(
        render("{% for i in range(9) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}"),
        "012"
    );
    assert_eq!(render("{{ range(3, -1, -1) | list }}"), "[3, 2, 1, 0]");
    assert_eq!(render("{{ ' a,b '.strip().split(',')[-1].upper() }}"), "B");
    assert_eq!(render("{{ 'abc'[1:] }}{{ 'abc'[0] }}{{ 'x'.startswith('x') }}"), "bcaTrue");
    assert_eq!(
        render("{{ 'a' is iterable }}{{ 'a' is sequence }}{{ {} is mapping }}"),
        "TrueTrueTrue"
    );
    assert_eq!(
        render("{{ messages[0].get('name', 'none') }}{{ messages[0].items() | list | length }}"),
        "none2"
    );
}

/// Where a template walks over a dictionary, Python's keys come in the order in which they were put
/// in, at every depth, and not sorted.
#[test]
fn keys_keep_the_order_of_insertion() {
    let x = json!({"x": {"zeta": {"b": 1, "a": 2}, "alpha": [{"y": 3, "x": 4}], "mid": null}});
    let told = |source: &str| render_with(source, &x).unwrap();
    assert_eq!(
        told("{{ x | tojson }}"),
        r#"{"zeta": {"b": 1, "a": 2}, "alpha": [{"y": 3, "x": 4}], "mid": null}"#
    );
    assert_eq!(told("{% for key in x %}{{ key }} {% endfor %}"), "zeta alpha mid ");
    assert_eq!(
        told("{% for key, value in x.zeta.items() %}{{ key }}={{ value }} {% endfor %}"),
        "b=1 a=2 "
    );
    assert_eq!(told("{{ x.zeta }}"), "{'b': 1, 'a': 2}");
    assert_eq!(told("{{ x.keys() | list }}"), "['zeta', 'alpha', 'mid']");
    assert_eq!(told("{{ {'z': 1, 'a': 2} | tojson }}"), r#"{"z": 1, "a": 2}"#);
    assert_eq!(
        told("{{ x | dictsort | map('first') | list }}"),
        "['alpha', 'mid', 'zeta']",
        "sorted where that is asked for"
    );
}

/// `json.dumps` puts its separators between all items, and drops the space behind a comma where it
/// indents.
#[test]
fn separators_and_indents_go_together() {
    let x = json!({"x": {"a": [1, {"b": "\u{e9}"}], "c": {}}});
    let told = |source: &str| render_with(source, &x).unwrap();
    assert_eq!(
        told("{{ x | tojson(separators=(',', ':')) }}"),
        "{\"a\":[1,{\"b\":\"\u{e9}\"}],\"c\":{}}"
    );
    assert_eq!(
        told("{{ x | tojson(indent=1) }}"),
        "{\n \"a\": [\n  1,\n  {\n   \"b\": \"\u{e9}\"\n  }\n ],\n \"c\": {}\n}"
    );
    assert_eq!(
        told("{{ x | tojson(indent='-', separators=(';', '=')) }}"),
        "{\n-\"a\"=[\n--1;\n--{\n---\"b\"=\"\u{e9}\"\n--}\n-];\n-\"c\"={}\n}"
    );
    assert_eq!(
        told("{{ x | tojson(ensure_ascii=True, separators=(',', ':')) }}"),
        r#"{"a":[1,{"b":"\u00e9"}],"c":{}}"#
    );
    assert_eq!(told("{{ '\u{7f}\u{1}/' | tojson(ensure_ascii=True) }}"), r#""\u007f\u0001/""#);
}

/// transformers 5 drops message keys whose value is null, and 4 kept them; a template sees which.
#[test]
fn null_keys_are_dropped_or_kept_in_messages_alone() {
    let source = "{{ messages[0].content is defined }} {{ messages[0].content is none }} \
                  {{ messages[0].call.id is none }} {{ messages[0] | tojson }} \
                  {{ tools | tojson }}";
    let template = ChatTemplate::new(source, &SpecialTokens::default()).unwrap();
    let messages = json!([{"role": "user", "content": null, "call": {"id": null}}]);
    let tools = json!([{"name": "f", "parameters": null}]);
    let told = |null_keys| {
        let tools = Some(&tools);
        let input = TemplateInput { null_keys, tools, ..TemplateInput::new(&messages) };
        template.render(&input).unwrap().text().to_owned()
    };
    assert_eq!(
        told(NullKeys::Keep),
        r#"True True True {"role": "user", "content": null, "call": {"id": null}} "#.to_owned()
            + r#"[{"name": "f", "parameters": null}]"#
    );
    assert_eq!(
        told(NullKeys::Drop),
        r#"False False True {"role": "user", "call": {"id": null}} "#.to_owned()
            + r#"[{"name": "f", "parameters": null}]"#
    );
}

#[test]
fn loops_can_skip_and_know_where_they_are() {
    assert_eq!(
        render("{% for i in range(6) %}{% if i % 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}"),
        "024"
    );
    assert_eq!(
        render(
            "{% for i in 'abc' %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}\
             {{ loop.last }}\
             {{ loop.previtem }}{{ loop.nextitem }} {% endfor %}"
        ),
        "03TrueFalseb 12FalseFalseac 21FalseTrueb "
    );
    assert_eq!(
        render(
            "{% set ns = namespace(n=0) %}{% for i in [1, 2, 3] %}{% set ns.n = ns.n + i %}\
             {% if ns.n > 2 %}{% break %}{% endif %}{% endfor %}{{ ns.n }}"
        ),
        "3"
    );
}

#[test]
fn loops_over_nothing_are_errors_and_raw_text_stays() {
    let x = json!({"x": null, "y": [1, 2, 3]});
    assert!(render_with("{% for i in x %}{% endfor %}", &x).is_err());
    assert!(render_with("{% for i in 5 %}{% endfor %}", &x).is_err());
    assert_eq!(render_with("{% for i in absent %}{% else %}none{% endfor %}", &x).unwrap(), "none");
    assert_eq!(
        render_with("{%- for i in y if i != 2 -%} {{ i }} {%- endfor -%}", &x).unwrap(),
        "13"
    );
    assert_eq!(
        render_with("{% for i in [1] + y[1:] %}{{ loop.index }}{% endfor %}", &x).unwrap(),
        "123"
    );
    assert_eq!(
        render_with("{% for k, v in {'a in b if': '%}'}.items() %}{{ k }}{{ v }}{% endfor %}", &x)
            .unwrap(),
        "a in b if%}"
    );
    assert_eq!(
        render(
            "{% raw %}{% for i in x %}{% generation %}{% endraw %}{# {% for i in x %} #}\
             {{ '{% for i in x %}' }}"
        ),
        "{% for i in x %}{% generation %}{% for i in x %}"
    );
}

#[test]
fn time_is_written_as_c_writes_it() {
    let all = "%Y %y %m %d %-d %e %j %a %A %b %B %H %I %M %S %p %u %w %F %T %%";
    assert_eq!(
        render(&format!("{{{{ strftime_now('{all}') }}}}")),
        "2024 24 02 29 29 29 060 Thu Thursday Feb February 12 12 34 56 PM 4 4 2024-02-29 12:34:56 %"
    );
    assert!(render_with("{{ strftime_now('%Q') }}", &json!({})).is_err());
}

#[test]
fn a_refusal_keeps_the_templates_words() {
    let error = render_with(
        "{% macro m() %}{{ raise_exception('No: ' ~ messages[0].role) }}{% endmacro %}{{ m() }}",
        &json!({}),
    );
    match error {
        Err(error @ TokenizerError::TemplateRaised { .. }) => {
            assert_eq!(error.to_string(), "No: user");
            assert_eq!(error.code(), "template_raised");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_final_message_is_continued() {
    let template = ChatTemplate::new(
        "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</{{ m.role }}>{% endfor %}",
        &SpecialTokens::default(),
    )
    .unwrap();
    let messages = json!([
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": " One, two, "}
    ]);
    let input = TemplateInput {
        add_generation_prompt: false,
        continue_final_message: true,
        ..TemplateInput::new(&messages)
    };
    let rendered = template.render(&input).unwrap();
    assert_eq!(rendered.text(), "<user>One</user><assistant>One, two,");
    let both = TemplateInput { add_generation_prompt: true, ..input };
    assert!(matches!(template.render(&both), Err(TokenizerError::RenderRequest { .. })));
}
