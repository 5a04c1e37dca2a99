//! `torch.nn.LSTM`, in one direction or both, with biases or without.

use tch::{Cuda, Kind, Tensor};

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
        let (states, _, _) = features.lstm(
            &state,
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
}
