use tfplugin_derive::Model;

/// Attributes have names.
#[derive(Model)]
struct Wrong(String);

fn main() {}
