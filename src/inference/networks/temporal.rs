//! Over time: bidirectional LSTM, then self-attention with a positional buffer, then a classifier
//! that reads either the mean over the frames (the track) or each frame.

use tch::{Cuda, Kind, Tensor};

use super::super::manifest::{Activation, SequenceArchitecture};
use super::super::weights::Scope;
use super::layers::{LayerNorm, Linear, SelfAttention};

/// Raw logits of clips of one length.
pub(super) struct TemporalLogits {
    /// `[clips, 2]`.
    pub(super) track: Tensor,
    /// `[clips, frames, 2]`.
    pub(super) frames: Tensor,
}

/// Features of frames in time order to logits.
pub(super) struct Temporal {
    lstm: BiLstm,
    positions: Tensor,
    attention: SelfAttention,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Temporal {
    /// Keys `lstm.*`, `attention.*`, `fc1.*`, `fc2.*`.
    pub(super) fn take(scope: &mut Scope<'_>, shape: &SequenceArchitecture) -> Self {
        let (hidden, width) = (shape.lstm_hidden, 2 * shape.lstm_hidden);
        let lstm = BiLstm::take(scope.at("lstm"), shape);
        let mut attention = scope.at("attention");
        let positions = [1, shape.max_frames, width];
        Self {
            lstm,
            positions: attention.at("positional_encoding").tensor("pe", &positions),
            attention: SelfAttention::take(
                attention.at("multihead_attn"),
                width,
                shape.attention_heads,
            ),
            norm: LayerNorm::take(attention.at("norm"), width),
            fc1: Linear::take(scope.at("fc1"), width, hidden),
            fc2: Linear::take(scope.at("fc2"), hidden, 2),
            activation: shape.activation,
        }
    }

    /// `[clips, frames, features]`, at most `max_frames` frames, none of them padding.
    pub(super) fn run(&self, features: &Tensor) -> TemporalLogits {
        let states = self.lstm.run(features);
        let placed = &states + self.positions.narrow(1, 0, states.size()[1]);
        let normed = self.norm.run(&(&placed + self.attention.run(&placed)));
        TemporalLogits {
            track: self.classify(&normed.mean_dim([1i64].as_slice(), false, None)),
            frames: self.classify(&normed),
        }
    }

    /// `[…, 2·hidden]` → `[…, 2]`.
    fn classify(&self, states: &Tensor) -> Tensor {
        let inner = self.fc1.run(states);
        self.fc2.run(&match self.activation {
            Activation::Gelu => inner.gelu("none"),
            Activation::Relu => inner.relu(),
        })
    }
}

/// `torch.nn.LSTM(features, hidden, layers, batch_first=True, bidirectional=True)`.
struct BiLstm {
    /// Per layer and direction: input and hidden weights, input and hidden biases.
    flat: Vec<Tensor>,
    layers: i64,
    hidden: i64,
}

impl BiLstm {
    fn take(mut scope: Scope<'_>, shape: &SequenceArchitecture) -> Self {
        let (layers, hidden) = (shape.lstm_layers, shape.lstm_hidden);
        let mut flat = Vec::new();
        for layer in 0..layers {
            let inputs = if layer == 0 {
                shape.feature_width()
            } else {
                2 * hidden
            };
            for direction in ["", "_reverse"] {
                let name = |part: &str| format!("{part}_l{layer}{direction}");
                flat.push(scope.tensor(&name("weight_ih"), &[4 * hidden, inputs]));
                flat.push(scope.tensor(&name("weight_hh"), &[4 * hidden, hidden]));
                flat.push(scope.tensor(&name("bias_ih"), &[4 * hidden]));
                flat.push(scope.tensor(&name("bias_hh"), &[4 * hidden]));
            }
        }
        let lstm = Self {
            flat,
            layers,
            hidden,
        };
        lstm.flatten_for_cudnn(shape.feature_width());
        lstm
    }

    /// cuDNN wants the weights in one piece of memory and warns at every call otherwise.
    fn flatten_for_cudnn(&self, inputs: i64) {
        const LSTM_MODE: i64 = 2;
        if self.flat[0].device().is_cuda() && Cuda::cudnn_is_available() {
            let per_direction = 4;
            let _ = Tensor::internal_cudnn_rnn_flatten_weight(
                &self.flat,
                per_direction,
                inputs,
                LSTM_MODE,
                self.hidden,
                0,
                self.layers,
                true,
                true,
            );
        }
    }

    /// `[clips, frames, features]` → `[clips, frames, 2·hidden]`.
    fn run(&self, features: &Tensor) -> Tensor {
        let start = [2 * self.layers, features.size()[0], self.hidden];
        let zeros = Tensor::zeros(start, (Kind::Float, features.device()));
        let state = [zeros.shallow_clone(), zeros];
        let (states, _, _) = features.lstm(
            &state,
            &self.flat,
            true,
            self.layers,
            0.0,
            false,
            true,
            true,
        );
        states
    }
}
