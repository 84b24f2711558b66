"""The codec of edits, and what may never be stored as a label."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from backend.imaging import labels
from backend.imaging.labels import BadEdit, BadLabels

FIXTURES = json.loads((Path(__file__).parents[2] / "contract" / "edits.json").read_text())
SHAPES = st.sampled_from([(1, 1, 1), (1, 5, 7), (3, 4, 5), (2, 16, 16)])


def name_of(fixture: dict[str, Any]) -> str:
    return str(fixture["name"])


@st.composite
def label_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two label maps of one shape and dtype, mostly equal or mostly different."""
    shape, dtype = draw(SHAPES), draw(st.sampled_from([np.uint8, np.uint16]))
    few = st.one_of(st.integers(0, 3), st.integers(0, np.iinfo(dtype).max))
    before = draw(npst.arrays(dtype, shape, elements=few, fill=st.just(0)))
    after = draw(npst.arrays(dtype, shape, elements=few, fill=st.just(draw(few))))
    return before, after


@pytest.mark.parametrize("fixture", FIXTURES["good"], ids=name_of)
def test_a_good_edit_decodes_to_the_runs_in_the_contract(fixture: dict[str, Any]) -> None:
    runs = labels.decode(bytes.fromhex(fixture["bytes"]), fixture["size"], fixture["itemsize"])

    expected = [value for run in fixture["runs"] for repeat, value in run["pairs"] for _ in range(repeat)]
    assert runs.starts.tolist() == [run["start"] for run in fixture["runs"]]
    assert runs.lengths.tolist() == [run["length"] for run in fixture["runs"]]
    assert runs.values.tolist() == expected
    assert runs.values.dtype.itemsize == fixture["itemsize"]


@pytest.mark.parametrize("fixture", FIXTURES["good"], ids=name_of)
def test_encoding_a_good_edit_again_gives_its_shortest_form(fixture: dict[str, Any]) -> None:
    data = bytes.fromhex(fixture["bytes"])

    again = labels.encode_runs(labels.decode(data, fixture["size"], fixture["itemsize"]))

    assert (again == data) == fixture["shortest"]
    assert len(again) <= len(data)


@pytest.mark.parametrize("fixture", FIXTURES["bad"], ids=name_of)
def test_a_bad_edit_is_refused_for_the_reason_in_the_contract(fixture: dict[str, Any]) -> None:
    with pytest.raises(BadEdit) as refused:
        labels.decode(bytes.fromhex(fixture["bytes"]), fixture["size"], fixture["itemsize"])

    assert refused.value.code == fixture["reason"]


@given(label_pairs())
def test_applying_the_difference_turns_the_one_map_into_the_other(pair: tuple[np.ndarray, np.ndarray]) -> None:
    before, after = pair

    runs = labels.decode(labels.difference(before, after), before.size, before.dtype.itemsize)
    undo = labels.decode(labels.difference(after, before), before.size, before.dtype.itemsize)
    changed = before.copy()
    labels.apply(changed, runs)
    assert (changed == after).all()
    labels.apply(changed, undo)

    assert (changed == before).all()


@given(label_pairs())
def test_an_edit_touches_only_the_slices_it_names(pair: tuple[np.ndarray, np.ndarray]) -> None:
    before, after = pair
    runs = labels.decode(labels.difference(before, after), before.size, before.dtype.itemsize)

    slices = labels.touched_slices(runs, before[0].size)

    assert set(np.flatnonzero((before != after).any(axis=(1, 2)))) == set(slices)


@given(label_pairs())
def test_an_edit_written_from_decoded_runs_is_the_same_bytes(pair: tuple[np.ndarray, np.ndarray]) -> None:
    data = labels.difference(*pair)

    assert labels.encode_runs(labels.decode(data, pair[0].size, pair[0].dtype.itemsize)) == data


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_an_edit_covers_another_when_it_changes_all_its_voxels(
    one: set[int], other: set[int], parted: set[int]
) -> None:
    """Whether its runs touch or are joined says nothing."""
    a, b = (np.array(sorted(voxels), dtype=np.int64) for voxels in (one, other))
    ones = np.ones(len(a), dtype=np.int64)
    touching = labels.Runs(a, ones, ones.astype(np.uint8))
    joined = labels.decode(labels.encode(a, np.ones(len(a), np.uint8)), 31, 1)
    asked = labels.decode(labels.encode(b, np.array([n in parted for n in b], np.uint8)), 31, 1)

    assert touching.covers(asked) is joined.covers(asked) is (other <= one)


@given(st.binary(max_size=60), st.integers(0, 300), st.sampled_from([1, 2]))
def test_any_bytes_are_an_edit_inside_the_grid_or_are_refused(data: bytes, size: int, itemsize: int) -> None:
    try:
        runs = labels.decode(data, size, itemsize)
    except BadEdit:
        return
    indices = runs.indices()
    assert indices.size == runs.values.size
    assert (np.diff(indices) > 0).all() and (indices < size).all()


@given(label_pairs(), st.data())
def test_a_cut_edit_is_always_refused(pair: tuple[np.ndarray, np.ndarray], data: st.DataObject) -> None:
    edit = labels.difference(*pair)
    cut = data.draw(st.integers(0, len(edit) - 1))

    with pytest.raises(BadEdit):
        labels.decode(edit[:cut], pair[0].size, pair[0].dtype.itemsize)


def test_an_edit_for_a_larger_grid_changes_nothing() -> None:
    runs = labels.decode(bytes.fromhex("020302020105040402"), 64, 1)
    small = np.zeros(8, np.uint8)

    with pytest.raises(BadEdit):
        labels.apply(small, runs)

    assert not small.any()


def test_unsorted_voxels_are_a_bug_and_not_an_edit() -> None:
    with pytest.raises(ValueError, match="ascending"):
        labels.encode(np.array([4, 3]), np.array([1, 1], np.uint8))


def test_slice_checksums_are_those_of_the_browser() -> None:
    volume = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)

    assert labels.slice_checksums(volume, [1]) == {1: zlib.crc32(volume[1].astype("<u2").tobytes())}
    assert zlib.crc32(b"123456789") == 0xCBF43926  # the check value of the CRC-32 that JavaScript tables implement


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_values_outside_the_label_set_are_refused_by_number(dtype: type) -> None:
    volume = np.zeros((2, 3, 4), dtype)
    labels.check_values(volume, {1, 2})
    volume[1, 1, 1] = 2
    labels.check_values(volume, {1, 2})
    volume[0, 0, 0] = 200

    with pytest.raises(BadLabels, match="200"):
        labels.check_values(volume, {1, 2})


def test_a_16_bit_value_is_not_mistaken_for_its_low_byte() -> None:
    with pytest.raises(BadLabels, match="257"):
        labels.check_values(np.array([0, 257], np.uint16), {1})


def test_an_all_background_map_is_legitimate_and_has_no_volumes() -> None:
    empty = np.zeros((3, 2, 2), np.uint8)
    labels.check_values(empty, {1})

    assert labels.label_volumes(empty) == {}


@given(label_pairs())
def test_label_volumes_count_every_labelled_voxel(pair: tuple[np.ndarray, np.ndarray]) -> None:
    volumes = labels.label_volumes(pair[0])

    assert volumes == {int(v): int((pair[0] == v).sum()) for v in np.unique(pair[0]) if v}


@given(label_pairs())
def test_a_snapshot_reads_back_equal_and_writable(pair: tuple[np.ndarray, np.ndarray]) -> None:
    volume = pair[0]

    again = labels.decompress(labels.compress(volume), volume.shape, volume.dtype.name)

    assert (again == volume).all() and again.dtype == volume.dtype and again.flags.writeable


@pytest.mark.parametrize("position", [0, 5, 12, -5, -1])
def test_a_damaged_snapshot_is_never_wrong_labels(position: int) -> None:
    volume = (np.random.default_rng(1).random((4, 8, 8)) > 0.5).astype(np.uint8)
    frame = bytearray(labels.compress(volume))
    frame[position] ^= 0x20

    with pytest.raises(BadLabels):
        labels.decompress(bytes(frame), (4, 8, 8), "uint8")


def test_a_snapshot_of_another_grid_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(BadLabels, match="its grid needs 1000"):
        labels.decompress(labels.compress(np.zeros((20, 20, 20), np.uint8)), (10, 10, 10), "uint8")
