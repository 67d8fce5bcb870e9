//! Sets `has_avx512` if the compiler has the target features of AVX-512.

fn main() {
    autocfg::emit_possibility("has_avx512");
    if autocfg::new().probe_rustc_version(1, 89) {
        autocfg::emit("has_avx512");
    }
    autocfg::rerun_path("build.rs");
}
