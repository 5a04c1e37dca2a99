"""Behaviour of the frame model's training that a run would not show to be wrong.

    cd scripts/train && python -m unittest test_frame_training      # needs no data: networks are tiny, faces are noise
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import io
import itertools
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import safetensors.torch
import torch

import learner as learner_module
import published_samples
from ablate_frame import VARIANTS, difference
from degrade import Journey, moved_mask, on_canvas, travel
from dinov2 import NOT_LOOKED_AT, Dinov2FrameNetwork, LowRankLinear, attention_in_steps
from frame_pairs import stage_of
from frame_validation import pointing
from generators import CROP_PX, PLANS, Generator
from learner import PARTS, Learner
from manipulate import SHARES, Forger, Recipe
from mouth import moved_mouth
from pairs import mirrored, visible_mask
from settings import HERE, read_config
from train_frame import Run, adopt_end, decay
from train_gpu import PairPool

SHAPE = {"family": "dinov2-vit", "image_px": 56, "patch_px": 14, "width": 24, "layers": 2, "heads": 3, "head": "linear"}
PREPROCESS = {"size_px": 56, "canvas_px": 64, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
TRAINING = {"moved": "norms", "learning_rate": 1e-3, "matrix_learning_rate": 1e-5, "weight_decay": 0.01, "warmup_steps": 2,
            "average_keep": 0.9, "clip": 1.0, "mask_weight": 2.0, "kept_patches": 0.5}
LOW_RANK = TRAINING | {"moved": "low_rank", "rank": 2, "factor_learning_rate": 1e-3}
CONFIG = {"name": "tiny", "seed": 1, "architecture": SHAPE, "preprocess": PREPROCESS, "training": TRAINING}
LANDMARKS = np.array([[96, 120], [160, 120], [128, 156], [102, 191], [154, 191]], np.float32)


def network(config: dict, _foundations: Path) -> Dinov2FrameNetwork:
    torch.manual_seed(0)
    return Dinov2FrameNetwork(config["architecture"])


def batch(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"images-56": torch.randint(0, 256, (4, 3, 56, 56), generator=generator, dtype=torch.uint8),
            "masks-56": torch.randint(0, 256, (2, 4, 4), generator=generator, dtype=torch.uint8)}


class TheNetwork(unittest.TestCase):
    def test_answers_the_same_for_all_patches_kept_in_any_order(self):
        tower = network(CONFIG, Path()).eval()
        images = torch.randn(2, 3, 56, 56)
        kept = torch.randperm(16).expand(2, -1)
        with torch.no_grad():
            logits, masks = tower(images)
            some_logits, some_masks = tower(images, kept)
        torch.testing.assert_close(logits, some_logits)
        torch.testing.assert_close(masks.gather(1, kept), some_masks)

    def test_looks_at_its_field_alone_and_marks_nothing_outside(self):
        tower, images, field = self.with_a_field(), torch.randn(2, 3, 56, 56), torch.tensor([5, 6, 9, 10])
        elsewhere = images.clone()
        elsewhere[:, :, :14] += 1
        with torch.no_grad():
            logits, masks = tower(images)
            whole_logits, whole_masks = network(CONFIG, Path()).eval()(images, field.expand(2, -1))
            torch.testing.assert_close(tower(elsewhere)[0], logits)
        torch.testing.assert_close(logits, whole_logits)
        torch.testing.assert_close(masks[:, field], whole_masks)
        outside = torch.ones(16, dtype=torch.bool).index_fill(0, field, False)
        self.assertTrue(bool((masks[:, outside] == NOT_LOOKED_AT).all()))

    def test_refuses_a_field_beyond_its_grid(self):
        for field in ([0, 0, 5, 1], [-1, 0, 2, 2], [0, 3, 1, 2], [0, 0, 0, 1]):
            with self.subTest(field), self.assertRaisesRegex(ValueError, "grid of 4 patches"):
                Dinov2FrameNetwork(SHAPE | {"field": field})

    def with_a_field(self) -> Dinov2FrameNetwork:
        return network(CONFIG | {"architecture": SHAPE | {"field": [1, 1, 2, 2]}}, Path()).eval()

    def test_moves_vectors_and_heads_but_neither_matrices_nor_positions(self):
        tower = network(CONFIG, Path())
        names = tower.move("norms")
        self.assertIn("encoder.layer.1.attention.attention.query.bias", names)
        self.assertIn("encoder.layer.0.layer_scale2.lambda1", names)
        self.assertIn("mask_head.weight", names)
        self.assertFalse([name for name in names if name.endswith(("query.weight", "cls_token", "position_embeddings"))])


    def test_learns_through_attention_in_steps_as_through_torchs_own(self):
        parts = [torch.randn(2, 3, 5, 8, requires_grad=True) for _ in range(3)]
        found = attention_in_steps(*parts)
        wanted = torch.nn.functional.scaled_dot_product_attention(*parts)
        torch.testing.assert_close(found, wanted)
        target = torch.randn_like(wanted)
        for mine, theirs in zip(torch.autograd.grad(found, parts, target), torch.autograd.grad(wanted, parts, target)):
            torch.testing.assert_close(mine, theirs)

    def test_answers_with_merged_factors_as_with_factors_beside_its_matrices(self):
        tower, merged = network(CONFIG, Path()).eval(), network(CONFIG, Path()).eval()
        tower.add_factors(4)
        for layer in tower.low_rank_layers():
            torch.nn.init.normal_(layer.low_rank["up"], std=0.1)
        merged.load_difference({name: parameter.detach() for name, parameter in tower.named_parameters() if name in tower.move("low_rank")})
        images = torch.randn(2, 3, 56, 56)
        with torch.no_grad():
            torch.testing.assert_close(merged(images)[0], tower(images)[0])
            self.assertGreater(float((network(CONFIG, Path()).eval()(images)[0] - tower(images)[0]).abs().max()), 1e-3)
        self.assertFalse([name for name, _ in merged.named_parameters() if "low_rank" in name])

    def test_learns_its_factors_as_if_their_product_were_added_by_hand(self):
        layer, x = LowRankLinear(6, 5), torch.randn(2, 3, 6, requires_grad=True)
        layer.add_factors(2)
        torch.nn.init.normal_(layer.low_rank["up"])
        learnt = [x, layer.bias, layer.low_rank["up"], layer.low_rank["down"]]
        by_hand = x @ (layer.weight + layer.low_rank["up"] @ layer.low_rank["down"]).T + layer.bias
        torch.testing.assert_close(layer(x), by_hand)
        for mine, wanted in zip(torch.autograd.grad(layer(x).square().sum(), learnt), torch.autograd.grad(by_hand.square().sum(), learnt)):
            torch.testing.assert_close(mine, wanted)

    def test_refuses_a_difference_without_its_heads_or_half_of_its_factors(self):
        tower = network(CONFIG, Path())
        tower.add_factors(4)
        state = {name: parameter.detach() for name, parameter in tower.named_parameters() if name in tower.move("low_rank")}
        for lost in ("head.bias", "encoder.layer.0.mlp.fc1.low_rank.up"):
            with self.assertRaisesRegex(ValueError, lost):
                network(CONFIG, Path()).load_difference({name: tensor for name, tensor in state.items() if name != lost})


class ALearner(unittest.TestCase):
    def setUp(self):
        self.enterContext(mock.patch.object(learner_module, "network_of", network))
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_goes_on_from_its_state_as_if_it_had_not_stopped(self):
        straight, first = Learner(CONFIG, torch.device("cpu")), Learner(CONFIG, torch.device("cpu"))
        for step in range(4):
            straight.learn(batch(step))
        for step in range(2):
            first.learn(batch(step))
        first.save(self.folder / "state.safetensors", seconds=7)
        second = Learner(CONFIG, torch.device("cpu"))
        self.assertEqual(second.load(self.folder / "state.safetensors")["seconds"], 7)
        for step in range(2, 4):
            second.learn(batch(step))
        for name in straight.moved:
            torch.testing.assert_close(straight.moved[name], second.moved[name], rtol=0, atol=0)
            torch.testing.assert_close(straight.average[name], second.average[name], rtol=0, atol=0)

    def test_goes_on_with_a_fall_of_its_rate_as_if_it_had_not_stopped(self):
        plan = TRAINING | {"kept_patches_at_the_end": 0.7, "average_keep_at_the_end": 0.8}

        def fall(folder: Path, stop_after: int | None = None) -> Path:
            names = {"state": folder / "tiny.safetensors", "cache": folder, "device": "cpu", "foundations": folder, "grow_from": None}
            run = Run(CONFIG | {"training": dict(plan)}, argparse.Namespace(**names))
            run.batches = lambda: (batch(run.learner.step) for _ in itertools.count())
            run.validate = dict
            learn = run.learner.learn
            run.learner.learn = lambda *given: (learn(*given), run.stop() if run.learner.step == stop_after else None)[0]
            decay(run, 6)
            return folder / "runs/tiny/decayed.safetensors"

        with tempfile.TemporaryDirectory() as straight, tempfile.TemporaryDirectory() as stopped, contextlib.redirect_stdout(io.StringIO()):
            with self.assertRaises(SystemExit):
                fall(Path(stopped), stop_after=2)
            self.assertEqual([path.name for path in Path(stopped).glob("*.safetensors")], ["tiny-falling.safetensors"])
            again, whole = fall(Path(stopped)), fall(Path(straight))
            for part, there in safetensors.torch.load_file(whole).items():
                torch.testing.assert_close(safetensors.torch.load_file(again)[part], there, rtol=0, atol=0)
            self.assertFalse(list(Path(stopped).glob("*.safetensors")))

    def test_refuses_the_state_of_another_shape(self):
        Learner(CONFIG, torch.device("cpu")).save(self.folder / "state.safetensors")
        other = CONFIG | {"architecture": SHAPE | {"layers": 1}}
        with self.assertRaises(SystemExit):
            Learner(other, torch.device("cpu")).load(self.folder / "state.safetensors")

    def test_goes_on_with_a_field_and_keeps_patches_of_it_alone(self):
        whole = Learner(CONFIG, torch.device("cpu"))
        whole.learn(batch(0))
        whole.save(self.folder / "state.safetensors", seconds=7)
        shape = SHAPE | {"field": [1, 1, 2, 3]}
        narrow = Learner(CONFIG | {"architecture": shape}, torch.device("cpu"))
        narrow.load(self.folder / "state.safetensors")
        kept = narrow.kept_patches(2)
        self.assertEqual(kept.shape, (4, 3))
        self.assertTrue(set(kept.flatten().tolist()) <= {5, 6, 7, 9, 10, 11})
        torch.testing.assert_close(kept[:2], kept[2:])
        narrow.learn(batch(1))
        self.assertEqual(narrow.step, 2)

    def test_asks_nothing_of_patches_outside_its_field(self):
        config = CONFIG | {"architecture": SHAPE | {"field": [1, 1, 2, 2]}, "training": TRAINING | {"kept_patches": 1.0}}
        everywhere, within = batch(0), torch.tensor([5, 6, 9, 10])
        inside = everywhere | {"masks-56": torch.zeros_like(everywhere["masks-56"])}
        inside["masks-56"].flatten(1)[:, within] = everywhere["masks-56"].flatten(1)[:, within]
        losses = [float(Learner(config, torch.device("cpu")).losses(pairs)["mask"].detach()) for pairs in (everywhere, inside)]
        self.assertAlmostEqual(*losses, places=5)

    def test_warms_up_anew_where_it_has_no_moments_and_only_there(self):
        first = Learner(CONFIG, torch.device("cpu"))
        for step in range(5):
            first.learn(batch(step))
        for parts, share in ((("average",), 0.5), (PARTS, 1.0)):
            first.save(self.folder / "state.safetensors", parts)
            second = Learner(CONFIG, torch.device("cpu"))
            second.load(self.folder / "state.safetensors")
            second.learn(batch(5))
            self.assertEqual(second.optimizer.param_groups[0]["lr"], share * TRAINING["learning_rate"])

    def test_grows_from_a_state_in_which_fewer_tensors_moved(self):
        narrow = Learner(CONFIG, torch.device("cpu"))
        for step in range(2):
            narrow.learn(batch(step))
        narrow.save(self.folder / "state.safetensors", seconds=7)
        wide = Learner(CONFIG | {"training": LOW_RANK}, torch.device("cpu"))
        wide.grow_from(self.folder / "state.safetensors")
        images = torch.randn(2, 3, 56, 56)
        torch.testing.assert_close(wide.network.eval()(images)[0], narrow.network.eval()(images)[0], rtol=0, atol=0)
        factor = "encoder.layer.0.mlp.fc1.low_rank.up"
        before = wide.moved[factor].detach().clone()
        wide.learn(batch(2))
        self.assertEqual(wide.step, 3)
        self.assertGreater(float((wide.moved[factor] - before).detach().abs().max()), 0)

    def test_grows_to_more_directions_without_another_answer(self):
        few = Learner(CONFIG | {"training": LOW_RANK}, torch.device("cpu"))
        for step in range(3):
            few.learn(batch(step))
        few.save(self.folder / "state.safetensors")
        many = Learner(CONFIG | {"training": LOW_RANK | {"rank": 5}}, torch.device("cpu"))
        many.grow_from(self.folder / "state.safetensors")
        images = torch.randn(2, 3, 56, 56)
        with torch.no_grad(), few.averaged() as small, many.averaged() as large:
            torch.testing.assert_close(small(images), large(images))
        many.learn(batch(3))
        self.assertEqual(many.step, 4)

    def test_grows_from_a_state_in_half_precision_and_without_moments(self):
        first = Learner(CONFIG | {"training": LOW_RANK}, torch.device("cpu"))
        for step in range(3):
            first.learn(batch(step))
        first.save(self.folder / "before.safetensors", ("moved", "average"), torch.float16)
        second = Learner(CONFIG | {"training": LOW_RANK}, torch.device("cpu"))
        second.grow_from(self.folder / "before.safetensors")
        for name in first.moved:
            torch.testing.assert_close(second.moved[name], first.moved[name], rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(second.average[name], first.average[name], rtol=1e-3, atol=1e-3)
        second.learn(batch(3))
        self.assertEqual(second.step, 4)

    def test_goes_on_from_the_end_of_a_fall_with_its_averaged_weights(self):
        names = {"state": self.folder / "tiny.safetensors", "cache": self.folder, "foundations": self.folder}
        ended, went_on = Learner(CONFIG, torch.device("cpu")), Learner(CONFIG, torch.device("cpu"))
        for step in range(3):
            ended.learn(batch(step))
        ended.save(self.folder / "runs/tiny/decayed.safetensors", seconds=7)
        with contextlib.redirect_stdout(io.StringIO()):
            adopt_end(CONFIG, argparse.Namespace(**names))
        self.assertEqual((went_on.load(names["state"])["seconds"], went_on.step), (7, 3))
        for name, average in ended.average.items():
            torch.testing.assert_close(went_on.moved[name], average, rtol=0, atol=0)
            torch.testing.assert_close(went_on.average[name], average, rtol=0, atol=0)
        went_on.learn(batch(3))
        self.assertEqual(went_on.step, 4)

    def test_has_its_factors_where_its_network_computes(self):
        elsewhere = Learner(CONFIG | {"training": LOW_RANK}, torch.device("meta"))
        self.assertEqual({parameter.device.type for parameter in elsewhere.network.parameters()}, {"meta"})

    def test_lends_the_averaged_weights_and_takes_them_back(self):
        mine = Learner(CONFIG, torch.device("cpu"))
        mine.learn(batch(0))
        own = mine.moved["head.bias"].detach().clone()
        with mine.averaged() as lent:
            torch.testing.assert_close(lent.head.bias, mine.average["head.bias"])
        torch.testing.assert_close(mine.moved["head.bias"], own, rtol=0, atol=0)


class AJourney(unittest.TestCase):
    def test_without_any_change_gives_the_canvas_back(self):
        canvas = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
        self.assertTrue(np.array_equal(travel([canvas], Journey(face_px=256), np.random.default_rng(0), still=True)[0], canvas))

    def test_through_a_turned_frame_brings_the_face_back_to_its_place(self):
        canvas = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8), (0, 0), 8)
        journey = Journey(face_px=200, turn_degrees=9.0, shift_px=(3.3, -2.2))
        returned = travel([canvas], journey, np.random.default_rng(0), still=True)[0]
        inner = slice(32, 224)
        self.assertLess(np.abs(returned[inner, inner].astype(float) - canvas[inner, inner]).mean(), 1.0)

    def test_moves_the_mask_as_it_moves_the_picture(self):
        mask = np.zeros((256, 256), np.float32)
        mask[100:140, 90:150] = 1
        error = np.hstack([np.eye(2), [[0.05], [-0.03]]])
        journey = Journey(face_px=256, error=error)
        picture = travel([np.repeat((mask * 255).astype(np.uint8)[..., None], 3, 2)], journey, np.random.default_rng(0), still=True)[0]
        self.assertLess(np.abs(picture[..., 0] / 255 - moved_mask(mask, journey)).max(), 0.05)
        self.assertAlmostEqual(on_canvas(error, 256)[0, 2], 12.8)

    def test_mirrors_what_lies_beyond_a_close_crop_in_picture_and_mask(self):
        canvas = np.zeros((256, 256, 3), np.uint8)
        canvas[:, 64:128] = 255
        journey = Journey(face_px=256, cut=(0.25, 0.0, 0.0, 0.0))
        picture = travel([canvas], journey, np.random.default_rng(0), still=True)[0]
        mask = moved_mask(canvas[..., 0].astype(np.float32) / 255, journey)
        for row in (picture[128, :, 0] / 255, mask[128]):
            self.assertEqual((row[70], row[40], row[2]), (1, 1, 1))  # the band goes on beyond the edge at 64, mirrored
            self.assertEqual((row[140], row[200]), (0, 0))


class AForgery(unittest.TestCase):
    def test_of_a_wholly_redrawn_picture_is_masked_everywhere_even_where_it_looks_the_same(self):
        canvas = np.full((64, 64, 3), 100, np.uint8)
        recipe = Recipe("redrawn", canvas, canvas, np.ones((64, 64, 1), np.float32), everywhere=True)
        self.assertEqual(visible_mask(recipe, recipe.blended()).min(), 1)

    def test_that_changed_nothing_has_an_empty_mask(self):
        canvas = np.full((64, 64, 3), 100, np.uint8)
        recipe = Recipe("self_blend", canvas, canvas, np.ones((64, 64, 1), np.float32))
        self.assertEqual(visible_mask(recipe, recipe.blended()).max(), 0)

    def test_of_the_mouth_leaves_the_eyes_alone(self):
        canvas = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
        changed = moved_mouth(canvas, LANDMARKS, np.random.default_rng(1))
        self.assertTrue(np.array_equal(changed[:100], canvas[:100]))
        self.assertFalse(np.array_equal(changed[170:210], canvas[170:210]))

    def test_are_drawn_as_often_as_the_configuration_says(self):
        config = {"stage": {"full": {"strength": [0.2, 1.0], "severity": 1.0}}, "pairs": {"shares": {"mouth": 6.0, "swap": 0.0}}}
        stage = stage_of(config, "full")
        forger = Forger(mock.Mock(eye_distance_px=np.zeros(1), people=["someone"], canvas_px=64), np.array([0]), np.random.default_rng(1), mock.Mock())
        drawn = collections.Counter(forger.draw_family(stage.families, stage.shares) for _ in range(1000))
        self.assertEqual(drawn["swap"], 0)
        self.assertAlmostEqual(drawn["mouth"] / 1000, 6 / (6 + 3.5 + 1 + 1 + 1.5 + 1), delta=0.05)

    def test_of_a_mirrored_face_keeps_right_and_left_apart(self):
        self.assertLess(mirrored(LANDMARKS)[0, 0], mirrored(LANDMARKS)[1, 0])


class APool(unittest.TestCase):
    def batch_of(self, shade: int, family: str) -> dict[str, torch.Tensor]:
        """Two pairs whose genuine halves have one shade, their forgeries the next, brighter on the left."""
        halves = torch.tensor([shade, shade, shade + 1, shade + 1], dtype=torch.uint8)
        images = halves.view(4, 1, 1, 1).repeat(1, 3, 56, 56)
        images[..., :28] += 100
        return {"images-56": images, "masks-56": torch.full((2, 4, 4), shade, dtype=torch.uint8),
                "families": torch.full((2,), list(SHARES).index(family))}

    def test_keeps_the_newest_pairs_and_their_halves_together(self):
        pool = PairPool(4, 56, 14, torch.device("cpu"))
        for shade in (10, 20, 30):
            pool.put(self.batch_of(shade, "swap"))
        drawn = pool.draw(32, np.random.default_rng(1), [])
        genuine, forged = drawn["images-56"].amin((1, 2, 3)).split(32)
        self.assertEqual(set(genuine.tolist()), {20, 30})
        torch.testing.assert_close(forged, genuine + 1)
        torch.testing.assert_close(drawn["masks-56"].amax((1, 2)), genuine)

    def test_mirrors_half_of_what_it_gives(self):
        pool = PairPool(4, 56, 14, torch.device("cpu"))
        pool.put(self.batch_of(10, "swap"))
        left = pool.draw(8, np.random.default_rng(1), [])["images-56"][:8, 0, 0, 0]
        self.assertEqual((left > 100).tolist(), [False] * 4 + [True] * 4)

    def test_leaves_out_the_families_that_a_variant_does_not_learn_from(self):
        pool = PairPool(8, 56, 14, torch.device("cpu"))
        pool.put(self.batch_of(10, "generated"))
        pool.put(self.batch_of(20, "mouth"))
        drawn = pool.draw(16, np.random.default_rng(1), ["generated"])
        self.assertEqual(set(drawn["masks-56"].flatten().tolist()), {20})


class AGenerator(unittest.TestCase):
    def test_of_every_plan_draws_a_picture_of_the_size_it_saw(self):
        for name, plan in PLANS.items():
            with self.subTest(name):
                images = torch.rand(1, 3, CROP_PX, CROP_PX)
                self.assertEqual(Generator(plan, width=8)(images).shape, images.shape)

    def test_rounds_its_codes_to_the_levels_of_its_plan_and_learns_through_them(self):
        generator = Generator(PLANS["rounded-8"], width=8)
        codes = generator.codes(torch.rand(1, 3, 32, 32))
        self.assertLessEqual(len(codes.detach().unique()), PLANS["rounded-8"].levels)
        generator.decode(codes).mean().backward()
        self.assertGreater(float(generator.encode[0].weight.grad.abs().max()), 0)


class AnAblation(unittest.TestCase):
    def test_changes_something_of_the_recipe_in_every_variant(self):
        recipe = read_config(HERE / "configs/frame-dino-s.toml")
        for name, change in VARIANTS.items():
            with self.subTest(name):
                variant = copy.deepcopy(recipe)
                change(variant)
                self.assertEqual(variant == recipe, name == "the recipe")


class ADifference(unittest.TestCase):
    """Genuine logits around 0, forged ones around 1, of two networks that looked at the same pairs."""

    recipe = np.random.default_rng(1).normal((0, 1), 1, (200, 2))

    def test_finds_no_difference_between_a_network_and_itself(self):
        self.assertEqual(difference(self.recipe, self.recipe), "+0.000 (+0.000 to +0.000)")

    def test_says_which_way_and_how_sure(self):
        low, high = self.interval(self.recipe + (0, 1))
        self.assertGreater(low, 0)
        low, high = self.interval(self.recipe - (0, 1))
        self.assertLess(high, 0)

    def test_is_not_sure_of_what_chance_explains(self):
        noise = np.random.default_rng(2).normal(0, 0.3, (2, 200, 2))
        low, high = self.interval(self.recipe + noise[0], self.recipe + noise[1])
        self.assertTrue(low < 0 < high)

    def interval(self, logits: np.ndarray, recipe: np.ndarray = recipe) -> tuple[float, float]:
        low, high = difference(logits, recipe).split("(")[1].rstrip(")").split(" to ")
        return float(low), float(high)


class PublishedSamples(unittest.TestCase):
    def test_are_sorted_by_their_publishers_labels_and_equal_crops_count_once(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
            clones, out = Path(folder) / "clones", Path(folder) / "out"
            for name, files in {"icpr2020dfdc": {"notebook/samples/lynaeydofd.mp4": "film"}, "DeepFake-Detect": {},
                                "CViT": {"a/train/real/1.jpg": "one", "a/test/real/2.jpg": "one", "a/test/fake/3.jpg": "other", "assets/4.png": "no"},
                                "MesoNet": {"test_images/df/5.jpg": "third"}}.items():
                self.commit(clones / name, files)
            published_samples.sort(clones, out)
            found = {str(path.relative_to(out)) for path in out.rglob("*.*")}
        self.assertIn(f"{clones / 'CViT'} lacks sample__prediction_data/0017_fake.mp4.mp4", said.getvalue())
        crops = {"crops/real/CViT-2.jpg", "crops/fake/CViT-3.jpg", "crops/fake/MesoNet-5.jpg"}
        self.assertEqual(found, {"clips/real/icpr2020dfdc-lynaeydofd.mp4"} | crops)

    def commit(self, clone: Path, files: dict[str, str]) -> None:
        for name, content in ({"README": ""} | files).items():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_text(content)
        author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        for what in (("init", "--quiet"), ("add", "."), (*author, "commit", "--quiet", "--message", "files")):
            subprocess.run(["git", "-C", clone, *what], check=True)


class ThePointingGame(unittest.TestCase):
    def test_counts_maxima_in_forged_cells_and_leaves_wholly_forged_pictures_out(self):
        masks = np.zeros((3, 2, 2), np.uint8)
        masks[0, 0, 1] = masks[1, 1, 1] = 255
        masks[2] = 255
        maps = np.array([[0, 9, 0, 0], [9, 0, 0, 0], [0, 0, 0, 0]], np.float32)
        self.assertEqual(pointing(masks, maps), 0.5)


if __name__ == "__main__":
    unittest.main()
