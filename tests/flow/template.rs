//! A chat template of our own: plain enough to see at a glance what the model reads.

/// `[role] content` on a line each, then `[assistant] `.
pub(crate) const LINES: &str = "{% for message in messages %}[{{ message.role }}] \
    {{ message.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}";
