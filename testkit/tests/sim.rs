//! Two machines over a simulated wire; `HANSOM_SIM_SEEDS=N` plays more seeds.

use hansom_testkit::sim;

#[test]
fn both_sides_agree_on_what_was_said() {
    let mut complete = 0;
    let mut cut_off = 0;
    let mut resets = 0;
    for seed in 0..sim::seeds(400) {
        let tally = sim::run(seed);
        complete += tally.complete;
        cut_off += tally.cut_off;
        resets += tally.resets;
    }
    println!("{complete} complete, {cut_off} cut off, {resets} resets");
    // A run in which nothing happens proves nothing.
    assert!(
        complete > 500 && cut_off > 0 && resets > 0,
        "{complete} {cut_off} {resets}"
    );
}
