use approval_runtime::requires_approval;

#[requires_approval]
async fn shut_down(code: i32) -> ! {
    std::process::exit(code)
}

fn main() {
    let _ = shut_down(1);
}
