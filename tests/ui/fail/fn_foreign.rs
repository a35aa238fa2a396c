use approval_runtime::requires_approval;

unsafe extern "C" {
    #[requires_approval]
    fn wipe_disk(id: u64) -> u64;
}

fn main() {
    let _ = wipe_disk;
}
