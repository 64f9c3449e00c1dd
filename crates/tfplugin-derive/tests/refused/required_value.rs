use tfplugin_derive::Model;

/// Stands for the attribute value: the derive never gets as far as to use it.
struct Value<T>(T);

/// A model.
#[derive(Model)]
struct Wrong {
    /// Is never null.
    #[attr(required)]
    name: Value<String>,
}

fn main() {}
