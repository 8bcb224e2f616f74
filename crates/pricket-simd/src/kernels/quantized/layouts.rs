//! What sets the layouts of quantised weights apart.

/// Calls a macro with what sets a layout apart: its opener, lines and runs of a unit, the code that
/// stands for zero, the greatest code, whether each half of a run has scales of its own, whether
/// there are offsets; then whatever else is given. Bytes are opened `signed`, or as they are
/// (`plain`).
macro_rules! by_layout {
    ($layout:expr, $bytes:ident, [$($call:tt)*] ($($more:tt)*), $otherwise:expr) => {
        match $layout {
            Layout::Nibble => $($call)*!([nibble 9, 2, 8, 15, false, false] $($more)*),
            Layout::NibbleOffset => {
                $($call)*!([nibble_offset 10, 2, 0, 15, false, true] $($more)*)
            }
            Layout::NibbleSuper => $($call)*!([nibble_super 37, 8, 0, 15, false, true] $($more)*),
            Layout::Byte => $crate::kernels::quantized::by_layout!(
                @$bytes [$($call)*] (byte, signed_byte 17, 2) ($($more)*)
            ),
            Layout::NibbleCurve => $crate::kernels::quantized::by_layout!(
                @$bytes [$($call)*] (nibble_curve, signed_nibble_curve 9, 2) ($($more)*)
            ),
            Layout::NibbleCurveSuper => $crate::kernels::quantized::by_layout!(
                @$bytes [$($call)*] (nibble_curve_super, signed_nibble_curve_super 35, 8)
                ($($more)*)
            ),
            Layout::NibbleWide => $($call)*!([nibble_wide 35, 8, 62, 124, false, false] $($more)*),
            Layout::NibbleOdd => $($call)*!([nibble_odd 35, 8, 15, 30, false, false] $($more)*),
            Layout::NibbleMicro => $($call)*!([nibble_micro 9, 2, 12, 24, false, false] $($more)*),
            Layout::NibbleUpper => $($call)*!([nibble_upper 9, 2, 8, 15, false, false] $($more)*),
            Layout::ThreeTriple => $($call)*!([three_triple 29, 8, 43, 86, true, false] $($more)*),
            Layout::ThreeEighths => {
                $($call)*!([three_eighths 29, 8, 9, 18, true, false] $($more)*)
            }
            Layout::TwoTernary => $($call)*!([two_ternary 17, 8, 1, 3, false, false] $($more)*),
            Layout::Five => $($call)*!([five 11, 2, 16, 31, false, false] $($more)*),
            Layout::FiveOffset => $($call)*!([five_offset 12, 2, 0, 31, false, true] $($more)*),
            Layout::FiveSuper => $($call)*!([five_super 45, 8, 0, 31, false, true] $($more)*),
            Layout::SixSuper => $($call)*!([six_super 53, 8, 32, 63, true, false] $($more)*),
            Layout::ThreeSuper => $($call)*!([three_super 29, 8, 4, 7, true, false] $($more)*),
            Layout::TwoSuper => $($call)*!([two_super 21, 8, 0, 3, true, true] $($more)*),
            // Float weights never meet quantised activations: `matmul` checks the kinds.
            Layout::Single | Layout::Half | Layout::UpperHalf | Layout::Small => $otherwise,
        }
    };
    (@plain [$($call:tt)*] ($open:tt, $signed:tt $lines:tt, $runs:tt) ($($more:tt)*)) => {
        $($call)*!([$open $lines, $runs, 128, 255, false, false] $($more)*)
    };
    (@signed [$($call:tt)*] ($open:tt, $signed:tt $lines:tt, $runs:tt) ($($more:tt)*)) => {
        $($call)*!([$signed $lines, $runs, 0, SIGNED, false, false] $($more)*)
    };
}

pub(in crate::kernels) use by_layout;
