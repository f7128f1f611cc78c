//! The cases of `corpus/http1`.

use std::path::Path;

use hansom_testkit::playbook::case;

#[test]
fn every_case_is_seen_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/http1");
    let count = case::run_folder(&folder);
    assert!(count >= 40, "{count} cases");
}
