use tfplugin_derive::Model;

/// Stands for the attribute value: the derive never gets as far as to use it.
struct Value<T>(T);

/// A model.
#[derive(Model)]
struct Wrong {
    /// Is in no state.
    #[attr(required, write_only)]
    password: String,
}

fn main() {}
