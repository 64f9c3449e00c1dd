fn main() {
    println!("{:?}", fabricmirror_tests::cli::all());
}
