//! The seed document "E-Commerce Backend", Steps 1–8 and 11 and the Exercise, with its
//! printed answers and pushes; records carry explicit ids where it prints them.

use crate::{play, shop};

#[test]
fn the_shop() {
    play(shop::guarded, &["setup", "alice", "admin"], include_str!("walkthrough.txt"));
}
