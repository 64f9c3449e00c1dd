//! What the CLI would refuse at run time, or would never do what its author meant, does not compile.

#[test]
fn an_impossible_model_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
