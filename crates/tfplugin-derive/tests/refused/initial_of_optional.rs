use tfplugin_derive::Model;

/// Stands for the attribute value: the derive never gets as far as to use it.
struct Value<T>(T);

/// A model.
#[derive(Model)]
struct Wrong {
    /// Who takes it?
    #[attr(optional, initial = 7)]
    days: Value<i64>,
}

fn main() {}
