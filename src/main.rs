//! The command line. It is filled in by the commit that adds [`framewitness::app`].

fn main() {}
