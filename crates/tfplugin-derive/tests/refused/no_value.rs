use tfplugin_derive::Model;

/// Stands for the attribute value: the derive never gets as far as to use it.
struct Value<T>(T);

/// A model.
#[derive(Model)]
struct Wrong {
    /// Can be null.
    #[attr(optional)]
    name: String,
}

fn main() {}
