"""What a run of the sequence model would not show: that what the teacher says stays with its picture, and how much it counts.

    python -m unittest test_sequence_training      (in this folder)
"""

from __future__ import annotations

import unittest

import cv2
import numpy as np
import torch

from heads import SequenceTrainee
from networks import SequenceNetwork
from pseudo_video import Clip, enliven, with_face_moved
from settings import HERE, read_config
from stills import StillPool, example, feature_loss, picture_and_mask_loss, shift

LANDMARKS = np.array([[90, 100], [165, 100], [128, 140], [98, 180], [158, 180]], np.float32)


def shard(taught: bool) -> dict:
    """Two pairs whose pictures, mask and map are all one at the same place, the upper left corner."""
    pairs, masks, maps = np.zeros((2, 2, 128, 128, 3), np.uint8), np.zeros((2, 16, 16), np.uint8), np.zeros((2, 2, 16, 16), np.uint8)
    pairs[:, 1, :8, :8], masks[:, 0, 0], maps[:, 1, 0, 0] = 255, 255, 255
    made = {"pairs": pairs, "masks": masks, "families": np.zeros(2, np.uint8)}
    said = {"logits": np.array([[-2.0, 3.0]] * 2), "maps": maps, "features": np.ones((2, 2, 768), np.float16)}
    return made | ({"teacher": said} if taught else {})


def pool(taught: bool) -> StillPool:
    opened = StillPool("train")
    opened.shards = {"full-000": shard(taught)}
    return opened


class WhatTheTeacherSays(unittest.TestCase):
    def test_is_mirrored_and_moved_with_its_picture(self):
        for draw in range(8):
            rng = np.random.default_rng(draw)
            batch = shift(pool(taught=True).batch(4, {"full": 1.0}, rng), rng)
            cells = batch["images"].float().mean(1).unflatten(1, (16, 8)).unflatten(3, (16, 8)).mean((2, 4)) / 255
            self.assertTrue(torch.equal(batch["maps"], batch["masks"]))
            torch.testing.assert_close(cells, batch["maps"])

    def test_counts_to_the_share_of_trust_and_only_where_it_was_asked(self):
        logits, masks = torch.zeros(4), torch.zeros(4, 16, 16)
        silent, taught = (pool(asked).batch(2, {"full": 1.0}, np.random.default_rng(1)) for asked in (False, True))
        by_labels = picture_and_mask_loss((logits + 1, masks), silent, 1.0)
        for same in (picture_and_mask_loss((logits + 1, masks), silent, 1.0, trust=1.0), picture_and_mask_loss((logits + 1, masks), taught, 1.0, trust=0.0)):
            self.assertEqual(same, by_labels)
        opinions = torch.tensor([-2.0, -2.0, 3.0, 3.0])
        agreeing, other = (picture_and_mask_loss((said, masks), taught, 1.0, trust=1.0)[1] for said in (opinions, opinions + 0.1))
        self.assertLess(agreeing, other)

    def test_is_missed_wholly_by_no_change_at_all_and_not_by_the_right_one(self):
        batch = {"features": torch.cat([torch.zeros(2, 768), torch.tensor([[1.0], [5.0]]).expand(2, 768)]), "taught": torch.tensor([1.0, 0.0] * 2)}
        self.assertAlmostEqual(float(feature_loss(torch.zeros(2, 768), batch)), 1.0)
        self.assertAlmostEqual(float(feature_loss(torch.ones(2, 768), batch)), 0.0)
        nobody = batch | {"taught": torch.zeros(4)}
        self.assertEqual(float(feature_loss(torch.zeros(2, 768), nobody)), 0.0)

    def test_of_features_teaches_nothing_of_what_both_halves_of_a_pair_share(self):
        trainee = SequenceTrainee(SequenceNetwork(read_config(HERE / "configs/sequence-s.toml")["architecture"]))
        pooled = torch.randn(2, 1024)
        same = trainee.changes(torch.cat([pooled, pooled]))
        self.assertEqual(same.detach().abs().max().item(), 0.0)


class AnEnlivenedClip(unittest.TestCase):
    def clip(self) -> Clip:
        rng = np.random.default_rng(7)
        return Clip("somebody", [rng.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(6)], [LANDMARKS.copy() for _ in range(6)])

    def test_is_as_long_as_before_and_sometimes_left_alone(self):
        untouched = 0
        for draw in range(20):
            clip = self.clip()
            lively = enliven(clip, np.random.default_rng(draw))
            self.assertEqual((len(lively.canvases), len(lively.landmarks)), (6, 6))
            untouched += all(np.array_equal(mine, theirs) for mine, theirs in zip(clip.canvases, lively.canvases))
        self.assertGreater(untouched, 0)
        self.assertLess(untouched, 15)

    def test_opens_the_mouth_without_touching_the_eyes_and_closes_the_eyes_without_touching_the_mouth(self):
        canvas = cv2.normalize(cv2.GaussianBlur(self.clip().canvases[0], (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
        speaking, blinking = with_face_moved(canvas, LANDMARKS, 0.08, 0.0), with_face_moved(canvas, LANDMARKS, 0.0, 0.7)
        eyes, mouth = np.s_[85:115, 75:180], np.s_[165:195, 100:156]
        self.assertLess(np.abs(speaking[eyes].astype(int) - canvas[eyes]).mean(), 1)
        self.assertGreater(np.abs(speaking[mouth].astype(int) - canvas[mouth]).mean(), 10)
        self.assertGreater(np.abs(blinking[eyes].astype(int) - canvas[eyes]).mean(), 5)
        self.assertLess(np.abs(blinking[mouth].astype(int) - canvas[mouth]).mean(), 1)


if __name__ == "__main__":
    unittest.main()
