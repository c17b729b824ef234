//! What went wrong, as the text of a compile error.
//! Invariant: a finding about WIT keeps its file, line, column and mend.

use interstice_wit::Diagnostics;
use std::error::Error;

/// All findings about the WIT.
pub(crate) fn findings(diagnostics: &Diagnostics) -> String {
    let count = diagnostics.findings().len();
    let mistakes = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
    format!("there is {mistakes} in the module's WIT\n\n{}", diagnostics.render().trim_end())
}

/// An error and what it comes from.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        match error.downcast_ref::<Diagnostics>() {
            Some(diagnostics) => text += &format!("\n\n{}", findings(diagnostics)),
            None => text += &format!(": {error}"),
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use interstice_wit::Sources;

    #[test]
    fn a_finding_keeps_its_place_its_text_and_its_mend() {
        let mut sources = Sources::new();
        sources.add_root(
            "wit/bank.wit",
            "package a:b@1.0.0;\ninterface i {\n  /// @reducr\n  f: func();\n}\nworld w { export i; }\n",
        );
        let findings = interstice_wit::read(&sources, None).unwrap_err();
        let text = super::findings(&findings);
        assert!(text.contains("wit/bank.wit:3:"), "{text}");
        assert!(text.contains("reducr"), "{text}");
        assert!(text.contains("@reducer") || text.contains("`reducer`"), "{text}");
    }
}
