//! Lets the binary find libtorch and ONNX Runtime where `scripts/setup.sh` put them, without `LD_LIBRARY_PATH`, and keeps
//! libtorch out of the program of decode workers.

/// Takes the bindings to libtorch away from the linker (LLVM's, which Rust brings and uses here). What is left of the library
/// in that program never calls them; should a worker's code come to need them, linking fails and names the function.
/// Otherwise their initialisers would stay in the program, and with them half a second of libtorch's own at each start.
const WITHOUT_LIBTORCH: &str = "-Wl,--remap-inputs=*/libtorch_sys-*.rlib=/dev/null";

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rustc-link-arg-bin=framewitness-decode={WITHOUT_LIBTORCH}");
    for library in ["LIBTORCH", "ONNXRUNTIME"] {
        println!("cargo:rerun-if-env-changed={library}");
        if let Ok(folder) = std::env::var(library) {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}/lib");
        }
    }
}
