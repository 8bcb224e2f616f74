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
            Layout::Byte => {
                $crate::kernels::quantized::by_layout!(@$bytes [$($call)*] ($($more)*))
            }
            Layout::Five => $($call)*!([five 11, 2, 16, 31, false, false] $($more)*),
            Layout::FiveOffset => $($call)*!([five_offset 12, 2, 0, 31, false, true] $($more)*),
            Layout::FiveSuper => $($call)*!([five_super 45, 8, 0, 31, false, true] $($more)*),
            Layout::SixSuper => $($call)*!([six_super 53, 8, 32, 63, true, false] $($more)*),
            Layout::ThreeSuper => $($call)*!([three_super 29, 8, 4, 7, true, false] $($more)*),
            Layout::TwoSuper => $($call)*!([two_super 21, 8, 0, 3, true, true] $($more)*),
            // Float weights never meet quantised activations: `matmul` checks the kinds.
            Layout::Single | Layout::Half | Layout::UpperHalf => $otherwise,
        }
    };
    (@plain [$($call:tt)*] ($($more:tt)*)) => {
        $($call)*!([byte 17, 2, 128, 255, false, false] $($more)*)
    };
    (@signed [$($call:tt)*] ($($more:tt)*)) => {
        $($call)*!([signed_byte 17, 2, 0, SIGNED, false, false] $($more)*)
    };
}

pub(in crate::kernels) use by_layout;
