//! Messages for the operator.
//! The host decides which levels it keeps.
//! Invariant: a message changes nothing that a later call can see.

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For somebody who looks for a mistake.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something is wrong.
    Error,
}

macro_rules! macros {
    ($dollar:tt $($name:ident $level:ident)*) => {$(
        #[doc = concat!("Leaves a message of level [`", stringify!($level), "`](crate::Level::", stringify!($level), "): `",
            stringify!($name), "!(context, \"account {id}\")`.")]
        #[macro_export]
        macro_rules! $name {
            ($dollar context:expr, $dollar($dollar message:tt)+) => {
                $dollar context.log($crate::Level::$level, ::core::format_args!($dollar($dollar message)+))
            };
        }
    )*};
}

macros! { $ trace Trace debug Debug info Info warn Warn error Error }
