//! Experts whose gate and up are one tensor, as a gpt-oss has them: of floats, transposed, their
//! columns in turns.

/// What the format has in the place of such a tensor.
pub(super) struct Part {
    /// As a checkpoint with matrices of their own would call it.
    pub(super) name: String,
    /// Which of how many that take turns.
    turn: usize,
    turns: usize,
    is_bias: bool,
}

/// The parts of a tensor of all experts; `None` of any other.
pub(super) fn parts(name: &str) -> Option<Vec<Part>> {
    let (before, behind) = name.split_once(".mlp.experts.")?;
    let (matrix, is_bias) = match behind.strip_suffix("_bias") {
        Some(matrix) => (matrix, true),
        None => (behind, false),
    };
    let matrices: &[&str] = match matrix {
        "gate_up_proj" => &["gate_proj", "up_proj"],
        "down_proj" => &["down_proj"],
        _ => return None,
    };
    let kind = if is_bias { "bias" } else { "weight" };
    let turns = matrices.len();
    let part = |(turn, matrix)| {
        let name = format!("{before}.mlp.experts.{matrix}.{kind}");
        Part { name, turn, turns, is_bias }
    };
    Some(matrices.iter().enumerate().map(part).collect())
}

impl Part {
    /// Its values and axes, out of those of the tensor.
    pub(super) fn cut(&self, values: &[f32], shape: &[usize]) -> (Vec<f32>, Vec<usize>) {
        let last = shape.last().copied().unwrap_or(1);
        let rows = last / self.turns;
        if self.is_bias {
            let values = values.iter().skip(self.turn).step_by(self.turns).copied().collect();
            return (values, vec![shape[0], rows]);
        }
        let cols = shape[1];
        let of_expert = |expert: &[f32]| -> Vec<f32> {
            let row = |row: usize| {
                let column = row * self.turns + self.turn;
                expert.iter().skip(column).step_by(last).copied().collect::<Vec<f32>>()
            };
            (0..rows).flat_map(row).collect()
        };
        let values = values.chunks_exact(cols * last).flat_map(of_expert).collect();
        (values, vec![shape[0], rows, cols])
    }
}
