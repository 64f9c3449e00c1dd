use tfplugin_derive::Model;

/// Stands for the attribute value: the derive never gets as far as to use it.
struct Value<T>(T);

/// A model.
#[derive(Model)]
struct Wrong {
    /// Needs a version.
    #[attr(optional, requires = "pasword_version")]
    password: Value<String>,
    /// The version.
    #[attr(optional)]
    password_version: Value<i64>,
}

fn main() {}
