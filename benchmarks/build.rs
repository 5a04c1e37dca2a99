//! Lets the benchmarks find libtorch and ONNX Runtime where `scripts/setup.sh` put them, as the service's own build script
//! does for the service.

fn main() {
    for library in ["LIBTORCH", "ONNXRUNTIME"] {
        println!("cargo:rerun-if-env-changed={library}");
        if let Ok(folder) = std::env::var(library) {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}/lib");
        }
    }
}
