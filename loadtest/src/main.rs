//! Load generator for servers of the noex protocol.
fn main() {}
