//! Over time, as the seed network does it: bidirectional LSTM, then self-attention with a
//! positional buffer, then a classifier that reads the mean over the frames (the track).
//!
//! The published network gives one pair of logits for a track. A frame's own are what the same
//! classifier says of that frame's state, which has seen the whole track.

use tch::Tensor;

use super::super::manifest::{Activation, ResnextBilstm};
use super::super::weights::Scope;
use super::layers::{LayerNorm, Linear, SelfAttention};
use super::lstm::{Lstm, LstmShape};

/// Raw logits of clips of one length.
pub(super) struct TemporalLogits {
    /// `[clips, 2]`.
    pub(super) track: Tensor,
    /// `[clips, frames, 2]`.
    pub(super) frames: Tensor,
}

/// Features of frames in time order to logits.
pub(super) struct Temporal {
    lstm: Lstm,
    positions: Tensor,
    attention: SelfAttention,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Temporal {
    /// Keys `lstm.*`, `attention.*`, `fc1.*`, `fc2.*`.
    pub(super) fn take(scope: &mut Scope<'_>, shape: &ResnextBilstm) -> Self {
        let lstm = LstmShape {
            inputs: shape.trunk.feature_width(),
            hidden: shape.lstm_hidden,
            layers: shape.lstm_layers,
            bidirectional: true,
            biases: true,
        };
        let width = lstm.outputs();
        let lstm = Lstm::take(scope.at("lstm"), lstm);
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
            fc1: Linear::take(scope.at("fc1"), width, shape.lstm_hidden),
            fc2: Linear::take(scope.at("fc2"), shape.lstm_hidden, 2),
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
