use tfplugin_derive::Model;

/// Stands for the attribute value: the derive never gets as far as to use it.
struct Value<T>(T);

/// A model.
#[derive(Model)]
struct Wrong {
    /// Nobody configures it.
    #[attr(computed, range = 1..=9)]
    days: Value<i64>,
}

fn main() {}
