"""The poses that ship: how each figure stands or sits, and what of it is in the picture."""

from __future__ import annotations

from dataclasses import dataclass

from pose_figures import Camera, Figure, Limb

SQUARE, TALL, LONG, WIDE = (512, 512), (512, 640), (512, 768), (768, 512)
FULL = Camera((0.0, 0.92), 1.98)


@dataclass(frozen=True)
class Plan:
    name: str
    name_zh: str
    size: tuple[int, int]
    """In pixels, for a model that draws 512 × 512."""
    camera: Camera
    figures: tuple[Figure, ...]


def alone(name: str, name_zh: str, size: tuple[int, int], camera: Camera, **body: object) -> Plan:
    return Plan(name, name_zh, size, camera, (Figure(**body),))  # type: ignore[arg-type]


IN_POCKET = Limb((0.20, -0.44, 0.09), (1.0, 0.1, -0.9))
ON_HIP = Limb((0.19, -0.41, 0.04), (1.0, 0.0, -0.5))
ON_LAP = Limb((0.12, -0.42, 0.28), (0.8, -0.6, -0.6))
RELAXED = Limb((0.25, -0.50, 0.10), (0.5, -0.2, -1.0))
SEATED = Limb((0.14, 0.08, 0.44), (0.2, 1.0, 0.6))

PLANS = (
    alone("Portrait", "肖像", SQUARE, Camera((0.0, 1.49), 0.72), head=(4, 0, 2)),
    alone("Close-up", "特写", SQUARE, Camera((0.0, 1.57), 0.44), head=(-6, 0, -3), yaw=-4),
    alone(
        "Three-quarter view", "四分之三侧面", TALL, Camera((0.02, 1.40), 0.92),
        yaw=32, twist=4, head=(-10, 0, 2),
    ),
    alone("Standing", "站立", LONG, FULL, sway=2, head=(3, 0, 1)),
    alone(
        "Arms crossed", "双臂交叉", TALL, Camera((0.0, 1.32), 1.06),
        yaw=-8, head=(6, -2, 0),
        right_arm=Limb((-0.11, -0.25, 0.25), (0.9, -0.8, 0.2)), left_arm=Limb((-0.09, -0.30, 0.19), (0.9, -0.8, 0.2)),
    ),
    alone(
        "Hands in pockets", "双手插兜", LONG, Camera((0.0, 1.13), 1.52),
        yaw=10, sway=-2, head=(-6, 0, 0), right_arm=IN_POCKET, left_arm=IN_POCKET,
    ),
    alone(
        "Hand on hip", "单手叉腰", LONG, Camera((0.0, 1.13), 1.52),
        yaw=-14, twist=4, sway=3, head=(8, 0, 3), right_arm=RELAXED, left_arm=ON_HIP,
        right_leg=Limb((0.16, 0.08, 0.06), (0.2, 0.0, 1.0)),
    ),
    alone(
        "Walking", "行走", LONG, FULL,
        yaw=24, bend=3, head=(-14, 0, 0), hips=0.885,
        right_leg=Limb((0.08, 0.08, 0.34), (0.0, 0.0, 1.0)), left_leg=Limb((0.08, 0.16, -0.36), (0.0, 0.0, 1.0)),
        right_arm=Limb((0.22, -0.49, -0.17), (0.3, 0.0, -1.0)), left_arm=Limb((0.20, -0.47, 0.24), (0.4, -0.4, -1.0)),
    ),
    alone(
        "Leaning", "倚靠", LONG, FULL,
        at=(-0.05, 0.0), side=9, sway=-5, yaw=-12, head=(10, 0, -5), hips=0.90,
        right_arm=Limb((-0.11, -0.25, 0.25), (0.9, -0.8, 0.2)), left_arm=Limb((-0.09, -0.30, 0.19), (0.9, -0.8, 0.2)),
        right_leg=Limb((-0.14, 0.10, 0.16), (0.3, 0.0, 1.0)), left_leg=Limb((0.02, 0.08, 0.02), (0.1, 0.0, 1.0)),
    ),
    alone(
        "Sitting", "坐姿", TALL, Camera((0.08, 0.65), 1.62, level=1.3),
        yaw=28, hips=0.50, bend=4, head=(-16, 2, 0), right_arm=ON_LAP, left_arm=ON_LAP,
        right_leg=SEATED, left_leg=SEATED,
    ),
    alone(
        "Sitting on the floor", "席地而坐", SQUARE, Camera((0.0, 0.42), 1.20, level=1.0),
        hips=0.13, bend=5, yaw=6, head=(-4, 3, 2),
        right_arm=Limb((0.26, -0.40, 0.26), (1.0, -0.3, -0.5)), left_arm=Limb((0.26, -0.40, 0.26), (1.0, -0.3, -0.5)),
        right_leg=Limb((-0.10, 0.06, 0.26), (1.0, 0.35, 0.5)), left_leg=Limb((-0.08, 0.06, 0.36), (1.0, 0.35, 0.5)),
    ),
    alone(
        "At a desk", "伏案", SQUARE, Camera((0.0, 0.98), 0.86, level=1.25),
        hips=0.50, bend=10, head=(5, 2, 2),
        right_arm=Limb((0.03, -0.33, 0.33), (1.0, -0.6, 0.0)), left_arm=Limb((0.07, -0.33, 0.30), (1.0, -0.6, 0.0)),
    ),
    alone(
        "Reading", "阅读", TALL, Camera((0.0, 0.80), 1.20, level=1.2),
        hips=0.50, yaw=-18, bend=6, head=(6, 20, 0),
        right_arm=Limb((0.08, -0.24, 0.32), (0.8, -1.0, -0.2)), left_arm=Limb((0.08, -0.24, 0.32), (0.8, -1.0, -0.2)),
        right_leg=SEATED, left_leg=SEATED,
    ),
    alone(
        "Waving", "挥手", TALL, Camera((-0.06, 1.34), 1.10),
        head=(3, 0, 3), yaw=5, right_arm=Limb((0.42, 0.14, 0.10), (0.5, -1.0, 0.0)),
    ),
    alone(
        "Thinking", "沉思", TALL, Camera((0.0, 1.36), 0.98),
        yaw=-16, head=(10, 6, 4),
        right_arm=Limb((0.02, 0.0, 0.20), (0.5, -1.0, 0.1)), left_arm=Limb((-0.10, -0.32, 0.20), (0.9, -0.8, 0.0)),
    ),
    alone(
        "Violin", "拉小提琴", TALL, Camera((0.04, 1.36), 1.10),
        yaw=-10, head=(26, 6, 12),
        left_arm=Limb((0.30, -0.02, 0.36), (0.2, -1.0, 0.1)), right_arm=Limb((0.04, -0.12, 0.38), (0.9, -0.7, 0.0)),
    ),
    alone(
        "Dancing", "舞蹈", LONG, Camera((0.02, 1.04), 2.20),
        yaw=-12, side=6, sway=-5, twist=8, head=(10, -6, 4), hips=0.90,
        right_arm=Limb((0.30, 0.44, 0.06), (1.0, 0.2, -0.2)), left_arm=Limb((0.52, 0.02, 0.10), (0.2, -1.0, -0.2)),
        right_leg=Limb((0.06, 0.08, 0.04), (0.1, 0.0, 1.0)), left_leg=Limb((0.30, 0.42, -0.22), (0.9, 0.0, 0.8)),
    ),
    alone(
        "Running", "奔跑", LONG, Camera((0.04, 0.96), 2.06),
        yaw=34, bend=10, twist=-6, head=(-20, -4, 0), hips=0.93,
        right_leg=Limb((0.06, 0.34, 0.22), (0.0, 0.3, 1.0)), left_leg=Limb((0.06, 0.22, -0.52), (0.0, -0.2, 1.0)),
        right_arm=Limb((0.22, -0.36, 0.00), (0.3, -0.3, -1.0)), left_arm=Limb((0.10, -0.16, 0.30), (0.6, -1.0, -0.2)),
    ),
    Plan(
        "Two side by side", "两人并肩", WIDE, Camera((0.0, 1.31), 1.08),
        (
            Figure(at=(-0.27, 0.0), yaw=10, head=(-6, 0, 4)),
            Figure(at=(0.27, 0.0), hips=0.86, yaw=-10, head=(6, 0, -4)),
        ),
    ),
    Plan(
        "Three in a row", "三人并排", WIDE, Camera((0.0, 1.30), 1.16),
        (
            Figure(at=(-0.52, 0.0), yaw=12, head=(-8, 0, 3)),
            Figure(at=(0.0, 0.0), hips=0.84, head=(2, 0, 0)),
            Figure(at=(0.52, 0.0), hips=0.95, yaw=-12, head=(8, 0, -3)),
        ),
    ),
)  # fmt: skip
