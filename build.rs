//! Lets the binary find libtorch and ONNX Runtime where `scripts/setup.sh` put them, without `LD_LIBRARY_PATH`.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    for library in ["LIBTORCH", "ONNXRUNTIME"] {
        println!("cargo:rerun-if-env-changed={library}");
        if let Ok(folder) = std::env::var(library) {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}/lib");
        }
    }
}
