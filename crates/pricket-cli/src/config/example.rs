//! `pricket config example`: a configuration file with every setting in it, none of them set.

use super::setting::Setting;
use super::table::TABLE;

/// How long a line may be.
const COLUMNS: usize = 100;

const HEAD: &str = "\
# The configuration of pricket. A flag wins over an environment variable, which wins over this file.
# `~/` is your home; other paths that are not absolute begin at this file's folder. A model is a
# path where it begins with `~/`, `./` or `../`, or ends in `.gguf` or `.safetensors`.";

const MODELS: &str = "
# Names of your own for files on the hub; one that is built in may be taken over. A file of this
# name and length in the folder of hub.models is taken without asking the hub.
#[[alias]]
#name = \"mine:1b\"
#repo = \"org/repo\"
#file = \"model-q4_k_m.gguf\"
#bytes = 807694464

# What other names mean; the rule with the highest priority wins. A pattern is { exact = \"...\" },
# { glob = \"...\" } or { regex = \"...\" }, and $1 in the target is what its first star or group
# stands for. A condition is { env = \"...\" }, { feature = \"...\" } or { capability = \"...\" }.
#[[rule]]
#pattern = { glob = \"mine/*\" }
#target = \"hf:org/$1-GGUF\"
#priority = 10
#conditions = [{ env = \"HOME\" }]";

/// The file's text. Every setting stands in it as a comment.
pub(super) fn example() -> String {
    let mut lines = vec![HEAD.to_owned()];
    let mut section = "";
    for setting in &TABLE {
        if setting.section() != section {
            section = setting.section();
            lines.push(format!("\n[{section}]"));
        }
        lines.extend(comment(&format!("{} ({})", setting.help(), also(setting))));
        lines.push(format!("#{} = {}", setting.name(), setting.example));
    }
    lines.push(MODELS.to_owned());
    lines.join("\n")
}

/// A text as lines of comment.
fn comment(text: &str) -> Vec<String> {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("# {word}")),
        }
    }
    lines
}

/// What else sets it: the flag, then the variables.
fn also(setting: &Setting) -> String {
    let flag = setting.flag.iter().map(|flag| format!("--{}", flag.long));
    let variables = setting.variables.iter().map(|&name| name.to_owned());
    flag.chain(variables).collect::<Vec<_>>().join(", ")
}
