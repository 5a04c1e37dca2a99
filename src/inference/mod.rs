//! Devices, weights, networks and the batching model worker: the only place that names libtorch.
