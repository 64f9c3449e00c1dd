use tfplugin_derive::Model;

/// Stands for the attribute value: the derive never gets as far as to use it.
struct Value<T>(T);

/// A model.
#[derive(Model)]
struct Wrong {
    /// Alone.
    #[attr(optional, conflicts = other)]
    name: Value<String>,
    /// Other.
    #[attr(optional)]
    other: Value<String>,
}

fn main() {}
