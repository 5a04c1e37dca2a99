//! `torch.nn.LSTM`, in one direction or both, with biases or without.

use tch::{Cuda, Device, Kind, Tensor};

use super::super::weights::Scope;

/// Sequences of features to sequences of states.
pub(super) struct Lstm {
    shape: LstmShape,
    /// Per layer and direction: input and hidden weights, then their biases if there are any.
    flat: Vec<Tensor>,
}

/// As `torch.nn.LSTM` is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct LstmShape {
    pub(super) inputs: i64,
    /// Per direction.
    pub(super) hidden: i64,
    pub(super) layers: i64,
    pub(super) bidirectional: bool,
    pub(super) biases: bool,
}

impl LstmShape {
    fn directions(&self) -> i64 {
        1 + i64::from(self.bidirectional)
    }

    /// Width of a state.
    pub(super) fn outputs(&self) -> i64 {
        self.directions() * self.hidden
    }
}

impl Lstm {
    /// Keys `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, the same with `_reverse`,
    /// then those of `l1` and so on.
    pub(super) fn take(mut scope: Scope<'_>, shape: LstmShape) -> Self {
        let (gates, mut flat) = (4 * shape.hidden, Vec::new());
        for layer in 0..shape.layers {
            let inputs = if layer == 0 {
                shape.inputs
            } else {
                shape.outputs()
            };
            for direction in ["", "_reverse"]
                .into_iter()
                .take(shape.directions() as usize)
            {
                let name = |part: &str| format!("{part}_l{layer}{direction}");
                flat.push(scope.tensor(&name("weight_ih"), &[gates, inputs]));
                flat.push(scope.tensor(&name("weight_hh"), &[gates, shape.hidden]));
                if shape.biases {
                    flat.push(scope.tensor(&name("bias_ih"), &[gates]));
                    flat.push(scope.tensor(&name("bias_hh"), &[gates]));
                }
            }
        }
        let lstm = Self { shape, flat };
        lstm.flatten_for_cudnn();
        lstm
    }

    /// cuDNN wants the weights in one piece of memory and warns at every call otherwise.
    fn flatten_for_cudnn(&self) {
        const LSTM_MODE: i64 = 2;
        let shape = &self.shape;
        if self.flat[0].device().is_cuda() && Cuda::cudnn_is_available() {
            let per_direction = if shape.biases { 4 } else { 2 };
            let _ = Tensor::internal_cudnn_rnn_flatten_weight(
                &self.flat,
                per_direction,
                shape.inputs,
                LSTM_MODE,
                shape.hidden,
                0,
                shape.layers,
                true,
                shape.bidirectional,
            );
        }
    }

    /// `[sequences, steps, inputs]` → `[sequences, steps, outputs]`, from states of zero.
    pub(super) fn run(&self, features: &Tensor) -> Tensor {
        let shape = &self.shape;
        let start = [
            shape.directions() * shape.layers,
            features.size()[0],
            shape.hidden,
        ];
        let zeros = Tensor::zeros(start, (Kind::Float, features.device()));
        let state = [zeros.shallow_clone(), zeros];
        if features.device() == Device::Cpu {
            self.run_packed(features, &state)
        } else {
            self.run_together(features, &state)
        }
    }

    fn run_together(&self, features: &Tensor, state: &[Tensor]) -> Tensor {
        let shape = &self.shape;
        let (states, _, _) = features.lstm(
            state,
            &self.flat,
            shape.biases,
            shape.layers,
            0.0,
            // cuDNN gives gradients in training mode only; without dropout it is the same.
            features.requires_grad(),
            shape.bidirectional,
            true,
        );
        states
    }

    /// As if the sequences were of different lengths, step after step. On a processor libtorch otherwise
    /// hands them to oneDNN, which gives the gradients of the weights along with those that are asked for:
    /// with ResNeXt-50's features one step took ten times as long, thirty two and a half
    /// (`benchmarks/README.md`).
    fn run_packed(&self, features: &Tensor, state: &[Tensor]) -> Tensor {
        let shape = &self.shape;
        let (sequences, steps, _) = (features.size3()).expect("[sequences, steps, inputs]");
        let in_each_step = Tensor::full([steps], sequences, (Kind::Int64, Device::Cpu));
        let (states, _, _) = Tensor::lstm_data(
            &features.transpose(0, 1).flatten(0, 1),
            &in_each_step,
            state,
            &self.flat,
            shape.biases,
            shape.layers,
            0.0,
            false,
            shape.bidirectional,
        );
        let by_step = states.view([steps, sequences, shape.outputs()]);
        by_step.transpose(0, 1).contiguous()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(shape: &[i64]) -> Tensor {
        Tensor::randn(shape, (Kind::Float, Device::Cpu)) * 0.3
    }

    #[test]
    fn sequences_side_by_side_give_the_same_states_and_gradients_step_after_step() {
        tch::manual_seed(7);
        for (bidirectional, biases) in [(true, true), (false, false)] {
            let shape = LstmShape {
                inputs: 6,
                hidden: 4,
                layers: 2,
                bidirectional,
                biases,
            };
            let mut flat = Vec::new();
            for inputs in [shape.inputs, shape.outputs()] {
                for _ in 0..shape.directions() {
                    flat.extend([random(&[16, inputs]), random(&[16, 4])]);
                    flat.extend((0..2).filter(|_| biases).map(|_| random(&[16])));
                }
            }
            let lstm = Lstm { shape, flat };
            let state = [(); 2].map(|()| {
                Tensor::zeros([2 * shape.directions(), 3, 4], (Kind::Float, Device::Cpu))
            });
            let features = random(&[3, 5, 6]);
            let told = random(&[3, 5, shape.outputs()]);
            let followed = |run: &dyn Fn(&Tensor) -> Tensor| {
                let leaf = features.detach().set_requires_grad(true);
                let states = run(&leaf);
                let sum = (&states * &told).sum(Kind::Float);
                let gradient = Tensor::run_backward(&[sum], &[&leaf], false, false);
                [states.detach(), gradient[0].shallow_clone()]
            };
            let packed = followed(&|x| lstm.run_packed(x, &state));
            let together = followed(&|x| lstm.run_together(x, &state));
            for (one, other) in packed.iter().zip(&together) {
                assert_eq!(one.size(), other.size());
                let apart = f64::try_from((one - other).abs().max()).unwrap();
                assert!(apart < 1e-5, "{bidirectional} {biases}: {apart}");
            }
        }
    }
}
