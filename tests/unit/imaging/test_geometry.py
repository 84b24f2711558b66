"""Where voxels are: axis orders, stacked slices, and grids that are not the same."""

import itertools
import math

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.imaging import geometry
from backend.imaging.geometry import SourceAxes
from backend.imaging.refusal import Refusal

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
PERMUTATIONS = list(itertools.permutations(range(3)))
ORDERS = st.builds(
    SourceAxes, st.sampled_from(PERMUTATIONS), st.tuples(st.booleans(), st.booleans(), st.booleans())
)  # fmt: skip


def grid(spacing: tuple[float, float, float] = (0.7, 0.8, 2.5), degrees: float = 0.0) -> np.ndarray:
    turn = math.radians(degrees)
    rotation = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing
    affine[:3, 3] = (-120.0, 33.5, 410.25)
    return affine


@given(ORDERS)
def test_undoing_an_axis_order_gives_the_array_back(axes: SourceAxes) -> None:
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)

    assert (axes.undo(axes.apply(array)) == array).all()
    assert SourceAxes.from_json(axes.to_json()) == axes


@given(ORDERS)
def test_a_reordered_grid_places_every_voxel_where_it_was(axes: SourceAxes) -> None:
    source = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    affine = grid(degrees=17)

    ours, our_affine = axes.apply(source), axes.apply_affine(affine, (4, 3, 2))

    for z, y, x in itertools.product(range(2), range(3), range(4)):
        k, j, i = np.argwhere(ours == source[z, y, x])[0]
        assert np.allclose(our_affine @ [i, j, k, 1], affine @ [x, y, z, 1], atol=1e-9)
    assert np.allclose(axes.undo_affine(our_affine, ours.shape[::-1]), affine, atol=1e-9)


@given(ORDERS, st.floats(-40, 40))
def test_the_closest_canonical_order_is_nibabels(axes: SourceAxes, degrees: float) -> None:
    affine = axes.undo_affine(grid(degrees=degrees), (5, 6, 7))
    truth = nibabel.io_orientation(affine)

    found = geometry.closest_canonical(affine)

    assert [int(row[0]) for row in truth] == [found.axes.index(axis) for axis in range(3)]
    assert [row[1] < 0 for row in truth] == [found.flips[found.axes.index(axis)] for axis in range(3)]


def test_dicom_axes_become_ras_by_turning_right_and_front_round() -> None:
    lps = np.array([[1.0, 0, 0, 10], [0, 1, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1]])

    ras = geometry.lps_to_ras(lps)

    assert geometry.to_rows(ras) == [-1, 0, 0, -10, 0, -1, 0, -20, 0, 0, 1, 30]
    assert (geometry.lps_to_ras(ras) == lps).all()
    assert (geometry.from_rows(geometry.to_rows(ras)) == ras).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.__setitem__((0, 0), math.nan), "not finite"),
        (lambda a: a.__setitem__((0, 3), math.inf), "not finite"),
        (lambda a: a.__setitem__((slice(0, 3), 1), 0.0), "0 mm"),
        (lambda a: a.__setitem__((0, 0), 2000.0), "2000 mm"),
        (lambda a: a.__setitem__((2, 3), 2e5), "100 m"),
        (lambda a: a.__setitem__((slice(0, 3), 1), a[:3, 0]), "one plane"),
    ],
)
def test_an_affine_that_cannot_be_true_is_refused(change, words: str) -> None:
    affine = grid()
    change(affine)

    with pytest.raises(Refusal, match=words) as refused:
        geometry.check_affine(affine)

    assert refused.value.code == "geometry"


def test_shear_is_seen_and_a_rotation_is_none() -> None:
    sheared = grid(degrees=30)
    assert geometry.check_affine(sheared) == "regular"
    sheared[:3, 2] += 0.3 * sheared[:3, 1]

    assert geometry.check_affine(sheared) == "sheared"


# ------------------------------------------------------------------------------------------------------ stacked slices


def stack(positions: list[tuple[float, float, float]], thickness: float | None = 5.0) -> geometry.Stack:
    return geometry.stack_slices(positions, *AXIAL, (0.5, 0.6), thickness)


def test_slices_are_sorted_by_position_and_spaced_by_it() -> None:
    found = stack([(0, 0, z) for z in (5.0, 0.0, 10.0, 2.5, 7.5)])

    assert found.order == [1, 3, 0, 4, 2] and found.geometry == "regular"
    assert geometry.spacing_mm(found.affine) == pytest.approx((0.5, 0.6, 2.5))
    assert np.allclose(found.affine @ [1, 1, 1, 1], [-0.5, -0.6, 2.5, 1])


def test_a_gantry_tilt_is_a_shear_and_nothing_is_moved() -> None:
    found = stack([(0, 0.5 * k, 2.0 * k) for k in range(6)])

    assert found.geometry == "sheared"
    assert np.allclose(found.affine[:3, 2], [0, -0.5, 2.0])


@pytest.mark.parametrize(
    ("heights", "code"),
    [
        ([0, 2, 4, 8, 10], "uneven_gaps"),  # a missing slice
        ([0, 2, 4.1, 6, 8], "uneven_gaps"),
        ([0, 2, 2.004, 4, 6], "slices_overlap"),
        ([0, 0], "slices_overlap"),
    ],
)
def test_uneven_stacks_are_irregular_and_say_why(heights: list[float], code: str) -> None:
    found = stack([(0.0, 0.0, float(z)) for z in heights])

    assert found.geometry == "irregular" and found.warnings[0].startswith(code)
    geometry.check_affine(found.affine)


def test_slices_that_drift_unevenly_are_irregular() -> None:
    found = stack([(0, 0, 0), (0, 3, 2), (0, 3, 4), (0, 9, 6)])

    assert found.geometry == "irregular" and found.warnings[0].startswith("uneven_stack")


def test_rounding_in_positions_is_no_irregularity() -> None:
    found = stack([(0, 0, round(k * 1.3333333, 3)) for k in range(200)])

    assert found.geometry == "regular"


@pytest.mark.parametrize(("thickness", "expected"), [(3.0, 3.0), (None, 1.0), (0.0, 1.0)])
def test_a_single_slice_is_as_thick_as_it_says(thickness: float | None, expected: float) -> None:
    found = stack([(1.0, 2.0, 3.0)], thickness)

    assert geometry.spacing_mm(found.affine)[2] == pytest.approx(expected)


# --------------------------------------------------------------------------------------------------------------- grids

SHAPE = (20, 30, 10)


def test_a_grid_differs_from_itself_by_nothing_even_after_float32() -> None:
    affine = grid(degrees=12)

    assert geometry.grid_difference(affine, SHAPE, affine.astype(np.float32).astype(float), SHAPE) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a @ np.array([[1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "shifted by 2.10"),
        (lambda a: SourceAxes((0, 1, 2), (True, False, False)).apply_affine(a, SHAPE), "flipped along x"),
        (lambda a: a[:, [1, 0, 2, 3]], "another order"),
        (lambda a: a @ np.diag([1.1, 1, 1, 1]), "measure 0.77"),
        (lambda _: grid(degrees=2), "rotated by 2.00 degrees"),
    ],
)
def test_another_grid_is_told_by_what_differs(change, words: str) -> None:
    difference = geometry.grid_difference(grid(), SHAPE, change(grid()), SHAPE)

    assert difference is not None and words in difference


def test_another_shape_is_told_first() -> None:
    assert geometry.grid_difference(grid(), SHAPE, grid(), (20, 30, 11)) == (
        "the label map has 20x30x11 voxels, the image 20x30x10"
    )


def test_axis_sides_name_the_side_each_axis_runs_to_and_the_tilt() -> None:
    swapped = np.zeros((4, 4))
    swapped[2, 0], swapped[0, 1], swapped[1, 2], swapped[3, 3] = -1.0, 2.0, 3.0, 1.0
    turn = np.deg2rad(20)
    tilted = np.eye(4)
    tilted[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]

    assert geometry.axis_sides(np.diag([-0.7, -0.7, 2.0, 1.0])) == ("LPS", 0.0)
    assert geometry.axis_sides(swapped) == ("IRA", 0.0)
    sides, degrees = geometry.axis_sides(tilted)
    assert sides == "RAS"
    assert abs(degrees - 20) < 1e-9
