use tfplugin_derive::Model;

/// No object.
#[derive(Model)]
enum Wrong {
    One,
}

fn main() {}
