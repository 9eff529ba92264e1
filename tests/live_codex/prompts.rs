//! The prompt: cleared, and not cleared.

use crate::codex::report;
use crate::stage::Stage;
use f5_stand_in::f5::{F5, Verdict};
use f5_stand_in::model::Item;

#[test]
#[ignore = "needs the real Codex: set F5_GUARD_TEST_CODEX to its path and run with --ignored"]
fn a_flagged_prompt_never_reaches_the_model() {
    let api = F5::builder().when("FORBIDDEN-PROMPT", Verdict::flagged()).tls().start();
    let stage = Stage::new(api, [vec![Item::message("hello")]]);

    let seen = stage.exec("FORBIDDEN-PROMPT");

    assert_eq!(seen.hook("UserPromptSubmit"), "Blocked");
    assert_eq!(stage.model.calls(), 0);
    report("user-prompt-submit, not cleared", "prompt blocked; the model was not called");
}
