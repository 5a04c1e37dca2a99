//! Over time, as two earlier published networks do it: an LSTM and one linear layer.
//!
//! Both were built without `batch_first`, so with one video at a time their LSTM takes the frames
//! for a batch of sequences of one step: every frame is judged from a state of zero, and time has
//! no part. `batch_first = false` keeps exactly that; `true` runs over the frames in order.
//!
//! They give one pair of logits for a track. A frame's own are what the linear layer says of that
//! frame's state. With `mean` their average over the frames is exactly the track's (the layer is
//! affine); with `last` the track's are those of the last frame.

use tch::Tensor;

use super::super::manifest::{Pooling, ResnextBilstmMean, ResnextLstm};
use super::super::weights::Scope;
use super::layers::Linear;
use super::lstm::{Lstm, LstmShape};
use super::temporal::TemporalLogits;

/// Features of frames in time order to logits.
pub(super) struct Recurrent {
    lstm: Lstm,
    linear: Linear,
    pooling: Pooling,
    batch_first: bool,
}

impl Recurrent {
    /// The old network of the seed, both directions: keys `lstm.*`, `linear.*`.
    pub(super) fn take_bidirectional(scope: &mut Scope<'_>, shape: &ResnextBilstmMean) -> Self {
        let lstm = LstmShape {
            inputs: shape.trunk.feature_width(),
            hidden: shape.lstm_hidden,
            layers: shape.lstm_layers,
            bidirectional: true,
            biases: true,
        };
        Self {
            lstm: Lstm::take(scope.at("lstm"), lstm),
            linear: Linear::take(scope.at("linear"), lstm.outputs(), 2),
            pooling: Pooling::Mean,
            batch_first: shape.batch_first,
        }
    }

    /// The network both stem from, one direction without biases: keys `lstm.*`, `linear1.*`.
    pub(super) fn take_forward(scope: &mut Scope<'_>, shape: &ResnextLstm) -> Self {
        let lstm = LstmShape {
            inputs: shape.trunk.feature_width(),
            hidden: shape.lstm_hidden,
            layers: shape.lstm_layers,
            bidirectional: false,
            biases: false,
        };
        Self {
            lstm: Lstm::take(scope.at("lstm"), lstm),
            linear: Linear::take(scope.at("linear1"), lstm.outputs(), 2),
            pooling: shape.pooling,
            batch_first: shape.batch_first,
        }
    }

    /// `[clips, frames, features]`.
    pub(super) fn run(&self, features: &Tensor) -> TemporalLogits {
        let states = if self.batch_first {
            self.lstm.run(features)
        } else {
            let (clips, frames, width) = features
                .size3()
                .expect("callers pass [clips, frames, width]");
            let apart = features.reshape([clips * frames, 1, width]);
            self.lstm.run(&apart).view([clips, frames, -1])
        };
        let frames = self.linear.run(&states);
        let track = match self.pooling {
            Pooling::Mean => self
                .linear
                .run(&states.mean_dim([1i64].as_slice(), false, None)),
            Pooling::Last => frames.select(1, -1),
        };
        TemporalLogits { track, frames }
    }
}
