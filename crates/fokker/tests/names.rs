//! The tables of names in the documents are those of the library.

use fokker::process::{SCHEDULE_NAMES, SPACING_NAMES};
use fokker::sampling::SCHEME_NAMES;

#[test]
fn documents_have_the_tables_of_names() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/choosing.md");
    let text = std::fs::read_to_string(path).unwrap();
    for table in [SCHEME_NAMES.markdown(), SPACING_NAMES.markdown(), SCHEDULE_NAMES.markdown()] {
        assert!(text.contains(&table), "docs/choosing.md lacks this table:\n\n{table}");
    }
}
