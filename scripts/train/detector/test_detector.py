"""Behaviour of the parts that a training run would not show to be wrong.

    cd scripts/train/detector && python -m unittest test_detector
"""

import json
import tempfile
import unittest
from pathlib import Path

import cv2
import numpy as np
import torch

from compose import Composer, Stock
from decode import decode, settle
from export import export_onnx
from geometry import box_iou, transform_faces, turn_of
from layout import OUTPUT_NAMES, STRIDES
from losses import Weights, assign, detector_loss
from network import DeployedDetector, FaceDetector
from train import ADDED
from yaw import source_map, turn_head

FACE = np.array([[40, 30, 60, 80, 55, 60, 85, 62, 70, 78, 58, 92, 82, 94, 0.9]], np.float32)


class Geometry(unittest.TestCase):
    def test_mirroring_swaps_the_persons_right_and_left(self):
        mirrored = transform_faces(FACE, np.array([[-1, 0, 200], [0, 1, 0]], np.float32))
        self.assertLess(mirrored[0, 4], mirrored[0, 6])
        np.testing.assert_allclose(mirrored[0, 4:6], [200 - 85, 62], atol=1e-4)
        np.testing.assert_allclose(mirrored[0, :4], [100, 30, 60, 80], atol=1e-4)

    def test_overlap_of_a_box_with_itself_is_one_and_with_a_distant_one_zero(self):
        boxes = np.array([[0, 0, 10, 10], [50, 50, 10, 10]], np.float32)
        np.testing.assert_allclose(box_iou(boxes, boxes), np.eye(2), atol=1e-6)


class Assignment(unittest.TestCase):
    def test_a_network_that_answers_as_assigned_decodes_to_the_face_without_loss(self):
        outputs, size = perfect_answer(FACE, 128), 128
        targets = assign([torch.from_numpy(FACE)], [torch.zeros(0, 4)], size)
        self.assertTrue(any(len(target.cells) for target in targets))
        loss, _ = detector_loss(outputs, targets, Weights())
        self.assertLess(float(loss), 1e-3)
        maps = [torch.sigmoid(level[0]) for level in outputs]
        maps += [level[1] for level in outputs] + [level[2] for level in outputs]
        faces = decode([map_.numpy() for map_ in maps], 0.5, 0.3)
        self.assertEqual(len(faces), 1)
        np.testing.assert_allclose(faces[0, :14], FACE[0, :14], atol=1e-3)

    def test_what_is_ignored_costs_nothing(self):
        outputs = [tuple(torch.full((1, c, 128 // s, 128 // s), 5.0) for c in (1, 4, 10)) for s in STRIDES]
        whole = torch.tensor([[0.0, 0.0, 128.0, 128.0]])
        loss, _ = detector_loss(outputs, assign([torch.zeros(0, 15)], [whole], 128), Weights())
        self.assertEqual(float(loss), 0.0)
        loss, _ = detector_loss(outputs, assign([torch.zeros(0, 15)], [whole[:0]], 128), Weights())
        self.assertGreater(float(loss), 1.0)


class Voting(unittest.TestCase):
    def test_the_cases_of_the_rust_test_are_settled_as_stored(self):
        path = Path(__file__).resolve().parents[3] / "tests/fixtures/detector/votes.json"
        for case in json.loads(path.read_text()):
            candidates = np.array(case["candidates"], np.float32).reshape(-1, 15)
            expected = np.array(case["settled"], np.float32).reshape(-1, 15)
            for order in (slice(None), slice(None, None, -1)):
                np.testing.assert_allclose(settle(candidates[order], case["nms_iou"]), expected, atol=1e-3)


class TurnedHeads(unittest.TestCase):
    def test_points_move_with_the_picture(self):
        height, width = 160, 170
        across = np.tile(np.arange(width, dtype=np.float32), (height, 1))
        image = np.repeat(across[..., None], 3, axis=2)  # every pixel says where it comes from
        for seed in range(8):
            turned, moved = turn_head(np.random.default_rng(seed), image, FACE)
            for old, new in zip(FACE[0, 4:14].reshape(5, 2), moved[0, 4:14].reshape(5, 2)):
                found = cv2.getRectSubPix(turned, (1, 1), (float(new[0]), float(new[1])))[0, 0, 0]
                self.assertAlmostEqual(float(found), float(old[0]), delta=0.5)

    def test_a_turn_moves_the_nose_beside_the_eyes_middle_and_folds_nothing(self):
        black = np.zeros((160, 170, 3), np.uint8)
        turned = [turn_head(np.random.default_rng(seed), black, FACE)[1][0] for seed in range(20)]
        self.assertGreater(max(map(turn_of, turned)), 0.2)
        for theta in (-np.pi / 6, np.pi / 6):
            source, _ = source_map(FACE[0], theta, 170, 160)
            self.assertGreater(np.diff(source, axis=1).min(), 0)


class Canvases(unittest.TestCase):
    def test_the_same_seed_draws_the_same_canvas_and_targets_have_a_size(self):
        image = np.full((160, 160, 3), 30, np.uint8)
        cv2.ellipse(image, (70, 70), (30, 40), 0, 0, 360, (255, 255, 255), -1)
        stock = Stock([image], [FACE], np.ones(1), [np.zeros((64, 64, 3), np.uint8)])
        composer = Composer(stock, 0.65, {"whole_share": 0.4, "cut_share": 0.5, "yaw_share": 0.5})
        drawn = [composer.compose(np.random.default_rng(5), 256) for _ in range(2)]
        for first, second in zip(*drawn):
            np.testing.assert_array_equal(first, second)
        for faces in (composer.compose(np.random.default_rng(seed), 256)[1] for seed in range(20)):
            self.assertTrue((faces[:, 2:4] > 0).all())


class Stages(unittest.TestCase):
    def test_a_network_with_added_blocks_starts_as_the_one_it_grew_from(self):
        torch.manual_seed(2)
        small = FaceDetector([8, 8, 16, 16, 16], [0, 1, 0, 0], 16, [0, 0, 0], [0, 0, 0]).eval()
        grown = FaceDetector([8, 8, 16, 16, 16], [0, 1, 0, 0], 16, [0, 1, 0], [0, 1, 1]).eval()
        added = grown.load_state_dict(small.state_dict(), strict=False).missing_keys
        self.assertTrue(added and all(ADDED.search(name) for name in added))
        picture = torch.rand(1, 3, 64, 96) * 255
        with torch.no_grad():
            for first, second in zip(small(picture), grown(picture)):
                for one, other in zip(first, second):
                    torch.testing.assert_close(one, other)


class Export(unittest.TestCase):
    def test_opencv_gives_the_networks_maps_at_every_size(self):
        torch.manual_seed(1)
        network = FaceDetector([8, 8, 16, 16, 16], [0, 1, 0, 0], 16, [0, 1, 0], [0, 1, 1]).eval()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "detector.onnx"
            export_onnx(network, path)
            loaded = cv2.dnn.readNetFromONNX(str(path))
            for height, width in ((64, 96), (128, 32), (64, 96)):
                blob = torch.rand(1, 3, height, width) * 255
                loaded.setInput(blob.numpy())
                with torch.no_grad():
                    expected = DeployedDetector(network)(blob)
                for found, wanted in zip(loaded.forward(OUTPUT_NAMES), expected):
                    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)


def perfect_answer(face: np.ndarray, size: int) -> list:
    """The maps that say exactly `face` where the assignment wants it, and nothing elsewhere."""
    targets, outputs = assign([torch.from_numpy(face)], [torch.zeros(0, 4)], size), []
    for target, stride in zip(targets, STRIDES):
        side = size // stride
        score, box, points = (torch.zeros(1, channels, side, side) for channels in (1, 4, 10))
        score -= 30
        for cell, wanted in zip(target.cells.tolist(), target.faces / stride):
            row, column = divmod(cell, side)
            score[0, 0, row, column] = 30
            centre = wanted[:2] + wanted[2:4] / 2 - torch.tensor([column, row])
            box[0, :, row, column] = torch.cat([centre, wanted[2:4].log()])
            points[0, :, row, column] = (wanted[4:].reshape(5, 2) - torch.tensor([column, row])).flatten()
        outputs.append((score, box, points))
    return outputs


if __name__ == "__main__":
    unittest.main()
