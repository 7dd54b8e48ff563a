//! What an answer takes from the kernel.

use serde_json::json;

use crate::stack::{Stack, ask};

const ROWS: u64 = 1000;
const ANSWERS: u64 = 10;

/// How often a process has touched a page that it had not: Linux counts.
fn pages_taken(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field is the name, in brackets; the count is the tenth.
    let (_, fields) = status.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(7).unwrap().parse().unwrap()
}

/// One of these takes 160 of them anew where they were given back.
#[test]
fn large_answers_do_not_take_their_pages_anew() {
    let (stack, chatbot) = Stack::ready();
    let plan = traffic::Plan {
        rows: 2 * ROWS,
        ..traffic::Plan::new(1)
    };
    for sql in traffic::inserts(plan.accesses(), 1000) {
        stack.execute(&sql);
    }
    let answer = || {
        let listed = ask(&chatbot, "get_access_logs", json!({ "limit": ROWS })).data();
        assert_eq!(listed["count"], ROWS);
    };
    (0..3).for_each(|_| answer());
    let before = pages_taken(chatbot.process());
    (0..ANSWERS).for_each(|_| answer());
    let taken = pages_taken(chatbot.process()) - before;
    assert!(taken < 50 * ANSWERS, "{taken} pages for {ANSWERS} answers");
}
