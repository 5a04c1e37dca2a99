"""Agreement with the teacher: recall, precision, landmark error."""

from dataclasses import dataclass, field

import numpy as np

from geometry import box_iou

MATCH_IOU = 0.5
MINIMUM_SIDE_PX = 40.0


@dataclass
class Agreement:
    """Counts over images. `errors`: per matched face, mean landmark distance over the teacher's eye distance."""

    wanted: int = 0
    recalled: int = 0
    found: int = 0
    precise: int = 0
    errors: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)

    def add(self, faces: np.ndarray, teacher: np.ndarray, sure: float, minimum_px: float = MINIMUM_SIDE_PX) -> None:
        """`teacher` holds unsure faces too: they are not wanted, but finding one is no mistake."""
        side = np.sqrt(teacher[:, 2] * teacher[:, 3])
        wanted = (teacher[:, 14] >= sure) & (side >= minimum_px)
        large = np.sqrt(faces[:, 2] * faces[:, 3]) >= minimum_px
        overlap = box_iou(faces[:, :4], teacher[:, :4])
        self.wanted += int(wanted.sum())
        self.found += int(large.sum())
        self.precise += int((overlap.max(1, initial=0) >= MATCH_IOU)[large].sum())
        for index in np.nonzero(wanted)[0]:
            if not len(faces) or overlap[:, index].max() < MATCH_IOU:
                continue
            best = overlap[:, index].argmax()
            self.recalled += 1
            self.overlaps.append(float(overlap[best, index]))
            self.errors.append(landmark_error(faces[best], teacher[index]))

    def summary(self) -> dict[str, float]:
        return {
            "faces": self.wanted,
            "recall": self.recalled / max(self.wanted, 1),
            "precision": self.precise / max(self.found, 1),
            "landmark_error": float(np.mean(self.errors)) if self.errors else float("nan"),
            "overlap": float(np.mean(self.overlaps)) if self.overlaps else float("nan"),
        }


def landmark_error(face: np.ndarray, truth: np.ndarray) -> float:
    found, wanted = face[4:14].reshape(5, 2), truth[4:14].reshape(5, 2)
    eyes = np.linalg.norm(wanted[0] - wanted[1])
    return float(np.linalg.norm(found - wanted, axis=1).mean() / max(eyes, 1e-6))
