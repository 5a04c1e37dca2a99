"""Names and order of the nine output maps."""

STRIDES = (8, 16, 32)
OUTPUT_NAMES = [f"{kind}_{stride}" for kind in ("cls", "bbox", "kps") for stride in STRIDES]
