"""Label maps and the edits that change them: the codec of runs, checksums, and what may never be stored.

A label map is uint8 or uint16 on exactly its image's grid, `labels_zyx`, x fastest. An edit names voxels by their flat
index x + nx * (y + ny * z) and gives the values *after* the edit. The same bytes serve undo, the crash journal and the
wire; `frontend/src/engine/labels/editCodec.ts` is the other implementation and `tests/contract/edits.json` holds both
to one meaning.

    edit  := varint(number of runs) run*
    run   := varint(gap since the end of the previous run) varint(length >= 1) pair*      (repeats sum to length)
    pair  := varint(repeat >= 1) value                            (value: itemsize bytes, little endian)
    varint: LEB128 in its shortest form, at most 7 bytes, so that a JavaScript number holds it exactly

Fails closed: whatever is not exactly this is refused, and nothing is applied in part. A gap of 0 is legal (runs that
touch) and so is an edit without runs (nothing changed).
"""

import math
import zlib
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import zstandard

from backend.imaging.refusal import Refusal

LabelArray: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Int64Array: TypeAlias = npt.NDArray[np.int64]

MAX_VARINT_BYTES = 7
COUNTING_CHUNK = 1 << 22  # bincount widens to 8 bytes a voxel; counting in pieces keeps that at 32 MiB
SNAPSHOT_LEVEL = 3


class BadEdit(Refusal):
    """These bytes are not an edit on this grid; `code` is one of the reasons listed in `tests/contract/edits.json`."""


class BadLabels(Refusal):
    """This label map cannot be true: a wrong size, or a value outside the project's label set."""


class Runs(NamedTuple):
    """Changed voxels: run k covers flat indices starts[k] up to starts[k] + lengths[k], sorted and disjoint.

    starts, lengths: int64. values: the values after, uint8 or uint16, those of all runs one after the other.
    """

    starts: Int64Array
    lengths: Int64Array
    values: LabelArray

    def indices(self) -> Int64Array:
        """The flat index of every changed voxel, in the order of `values`."""
        firsts = np.cumsum(self.lengths) - self.lengths
        return np.repeat(self.starts - firsts, self.lengths) + np.arange(self.values.size, dtype=np.int64)

    def covers(self, other: "Runs") -> bool:
        """Whether every voxel that `other` changes is changed here too."""
        if not other.starts.size or not self.starts.size:
            return not other.starts.size
        ends = self.starts + self.lengths
        parted = self.starts[1:] > ends[:-1]  # runs may touch; those are one
        starts, ends = self.starts[np.append(True, parted)], ends[np.append(parted, True)]
        at = np.searchsorted(starts, other.starts, side="right") - 1
        return bool(((at >= 0) & (other.starts + other.lengths <= ends[at])).all())


# ---------------------------------------------------------------------------------------------------------- encoding


def encode(indices: Int64Array, values: LabelArray) -> bytes:
    """Write changed voxels as runs.

    indices: flat voxel indices, strictly ascending. values: what they become, uint8 or uint16, the same length.
    Always writes the shortest form: touching runs are joined and equal neighbours share a pair.
    Raises ValueError when the indices do not ascend: that is our bug, not a sender's.
    """
    indices = np.asarray(indices, dtype=np.int64)
    if indices.shape != values.shape or indices.ndim != 1:
        raise ValueError(f"{indices.shape} indices do not match {values.shape} values")
    if indices.size == 0:
        return b"\x00"
    steps = np.diff(indices)
    if indices[0] < 0 or (steps < 1).any():
        raise ValueError("voxel indices must be unique and ascending")
    new_run = np.concatenate(([True], steps > 1))
    new_pair = new_run.copy()
    new_pair[1:] |= values[1:] != values[:-1]
    return _write(indices, values, np.flatnonzero(new_run), np.flatnonzero(new_pair))


def encode_runs(runs: Runs) -> bytes:
    """Write decoded runs again, in the shortest form."""
    return encode(runs.indices(), runs.values)


def difference(before: LabelArray, after: LabelArray) -> bytes:
    """The edit that turns one label map into another of the same shape and dtype; either may have any shape."""
    if before.shape != after.shape or before.dtype != after.dtype:
        raise ValueError(f"cannot compare {before.dtype}{before.shape} with {after.dtype}{after.shape}")
    flat = after.reshape(-1)
    indices = np.flatnonzero(before.reshape(-1) != flat)
    return encode(indices, flat[indices])


def _write(indices: Int64Array, values: LabelArray, run_at: Int64Array, pair_at: Int64Array) -> bytes:
    """Lay out numbers and values in stream order, then emit all varints at once.

    run_at, pair_at: positions in `indices` where a run, a pair begins; every run begins a pair.
    """
    ends = np.append(run_at[1:], indices.size)
    starts = indices[run_at]
    lengths = ends - run_at
    gaps = np.diff(starts + lengths, prepend=0) - lengths
    repeats = np.diff(np.append(pair_at, indices.size))
    run_of_pair = np.searchsorted(run_at, pair_at, side="right")  # 1-based

    # Stream positions: [count] then per run [gap, length] and per pair [repeat, value].
    tokens = np.zeros(1 + 2 * run_at.size + 2 * pair_at.size, dtype=np.int64)
    is_value = np.zeros(tokens.size, dtype=bool)
    tokens[0] = run_at.size
    pair_token = 1 + 2 * np.arange(pair_at.size) + 2 * run_of_pair
    first_pair = np.searchsorted(pair_at, run_at)
    run_token = pair_token[first_pair] - 2
    tokens[run_token], tokens[run_token + 1] = gaps, lengths
    tokens[pair_token], tokens[pair_token + 1] = repeats, values[pair_at]
    is_value[pair_token + 1] = True
    return _emit(tokens, is_value, values.dtype.itemsize)


def _emit(tokens: Int64Array, is_value: npt.NDArray[np.bool_], itemsize: int) -> bytes:
    """Varints where not `is_value`, fixed little-endian integers of `itemsize` bytes where it is."""
    sizes = np.ones(tokens.size, dtype=np.int64)
    for byte in range(1, MAX_VARINT_BYTES):
        sizes += tokens >= (1 << (7 * byte))
    sizes[is_value] = itemsize
    ends = np.cumsum(sizes)
    stream = np.zeros(ends[-1], dtype=np.uint8)
    offsets = ends - sizes
    for byte in range(int(sizes.max())):
        here = sizes > byte
        number, value = here & ~is_value, here & is_value
        digits = (tokens[number] >> (7 * byte)) & 0x7F
        stream[offsets[number] + byte] = digits | np.where(sizes[number] > byte + 1, 0x80, 0)
        stream[offsets[value] + byte] = (tokens[value] >> (8 * byte)) & 0xFF
    return stream.tobytes()


# ---------------------------------------------------------------------------------------------------------- decoding


def decode(data: bytes, size: int, itemsize: int) -> Runs:
    """Read an edit for a grid of `size` voxels whose labels take `itemsize` bytes (1 or 2).

    Raises BadEdit for anything but one complete, well-formed edit inside the grid. Allocates at most `size` values,
    and nothing before the runs have been checked.
    """
    if itemsize not in (1, 2):
        raise ValueError(f"labels take 1 or 2 bytes, not {itemsize}")
    count, at = _varint(data, 0)
    if count * (3 + itemsize) > len(data) - at:
        raise BadEdit("truncated", f"{count} runs cannot fit in the {len(data) - at} bytes that follow")
    starts: list[int] = []
    lengths: list[int] = []
    repeats: list[int] = []
    values: list[int] = []
    end = 0
    for number in range(count):
        gap, at = _varint(data, at)
        length, at = _varint(data, at)
        if length == 0:
            raise BadEdit("empty-run", f"run {number} changes no voxel")
        start = end + gap
        end = start + length
        if end > size:
            raise BadEdit("outside-grid", f"run {number} ends at voxel {end} of a grid of {size}")
        starts.append(start)
        lengths.append(length)
        at = _read_pairs(data, at, number, length, itemsize, repeats, values)
    if at != len(data):
        raise BadEdit("trailing-bytes", f"{len(data) - at} bytes follow the last run")
    dtype = np.dtype(f"u{itemsize}")
    expanded = np.repeat(np.array(values, dtype=dtype), np.array(repeats, dtype=np.int64))
    return Runs(np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64), expanded)


def _read_pairs(
    data: bytes, at: int, number: int, length: int, itemsize: int, repeats: list[int], values: list[int]
) -> int:
    """Append the (repeat, value) pairs of one run; returns where it ends."""
    left = length
    while left:
        repeat, at = _varint(data, at)
        if repeat == 0:
            raise BadEdit("empty-pair", f"run {number} repeats a value 0 times")
        if repeat > left:
            raise BadEdit("length-mismatch", f"run {number} gives more values than its length of {length}")
        left -= repeat
        if at + itemsize > len(data):
            raise BadEdit("truncated", f"run {number} ends before its value")
        repeats.append(repeat)
        values.append(data[at] if itemsize == 1 else data[at] | data[at + 1] << 8)
        at += itemsize
    return at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """One number and the position after it."""
    number = 0
    for place in range(MAX_VARINT_BYTES):
        if at + place >= len(data):
            raise BadEdit("truncated", "the edit ends inside a number")
        byte = data[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if byte == 0 and place:
                raise BadEdit("not-minimal", f"the number at byte {at} has a needless last byte")
            return number, at + place + 1
    raise BadEdit("number-too-long", f"the number at byte {at} takes more than {MAX_VARINT_BYTES} bytes")


def apply(labels: LabelArray, runs: Runs) -> None:
    """Write an edit into a label map, in place.

    labels: C-contiguous, any shape, writable, of the dtype the runs were decoded with. Raises BadEdit, changing
    nothing, when a run leaves the map.
    """
    if labels.dtype != runs.values.dtype:
        raise ValueError(f"an edit of {runs.values.dtype} does not fit labels of {labels.dtype}")
    if not labels.flags.c_contiguous:
        raise ValueError("labels must be C-contiguous: a reshaped copy would lose the edit")
    if runs.starts.size and int(runs.starts[-1] + runs.lengths[-1]) > labels.size:
        raise BadEdit("outside-grid", f"the edit reaches beyond a grid of {labels.size} voxels")
    labels.reshape(-1)[runs.indices()] = runs.values


# ------------------------------------------------------------------------------------------- checksums and label sets


def slice_checksums(labels_zyx: LabelArray, slices: Iterable[int]) -> dict[int, int]:
    """CRC-32 (as zlib and the browser compute it) of each named slice's little-endian, x-fastest bytes."""
    return {z: zlib.crc32(np.ascontiguousarray(labels_zyx[z], dtype=_wire(labels_zyx)).data) for z in slices}


def touched_slices(runs: Runs, voxels_per_slice: int) -> list[int]:
    """The z of every slice an edit reaches into, ascending."""
    firsts = runs.starts // voxels_per_slice
    lasts = (runs.starts + runs.lengths - 1) // voxels_per_slice
    return sorted({z for first, last in zip(firsts, lasts, strict=True) for z in range(int(first), int(last) + 1)})


def check_values(values: LabelArray, allowed: Collection[int]) -> None:
    """Refuse any value but 0 and the allowed ones. values: any shape; costs one pass and one small table."""
    if values.size == 0:
        return
    known = np.zeros(int(np.iinfo(values.dtype).max) + 1, dtype=bool)
    known[[0, *(value for value in allowed if 0 <= value < known.size)]] = True
    if values.dtype == np.uint8 or int(values.max()) < 256:
        unknown = [value for value in np.flatnonzero(count_values(values)) if not known[value]]
    else:
        unknown = list(np.unique(values[~known[values]]))
    if unknown:
        names = ", ".join(str(int(value)) for value in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise BadLabels("unknown-label", f"the label map uses {names}{more}, which the project's label set lacks")


def count_values(labels: LabelArray) -> Int64Array:
    """Voxels of each value: position v holds how many voxels have value v. Memory does not grow with the map."""
    counts = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.int64)
    flat = labels.reshape(-1)
    for first in range(0, flat.size, COUNTING_CHUNK):
        counts += np.bincount(flat[first : first + COUNTING_CHUNK], minlength=counts.size)
    return counts


def label_volumes(labels: LabelArray) -> dict[int, int]:
    """Voxels of each label present, background left out: `{value: voxels}`."""
    counts = count_values(labels)
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value}


# ---------------------------------------------------------------------------------------------------------- snapshots


def compress(labels: LabelArray) -> bytes:
    """A whole label map as one zstd frame with its size and a checksum: what a revision keeps."""
    raw = np.ascontiguousarray(labels, dtype=_wire(labels))
    return zstandard.ZstdCompressor(level=SNAPSHOT_LEVEL, write_checksum=True).compress(raw.data.cast("B"))


def decompress(data: bytes, shape_zyx: tuple[int, int, int], dtype: str) -> LabelArray:
    """A revision's label map, writable. Raises BadLabels when the frame is damaged or of another size."""
    return next(decompress_slices(data, shape_zyx, dtype, shape_zyx[0]))


def decompress_slices(data: bytes, shape_zyx: tuple[int, int, int], dtype: str, depth: int) -> Iterator[LabelArray]:
    """The same label map from its first slice on, `depth` slices at a time (the last piece may be thinner), each writable.

    Raises BadLabels as `decompress` does, at the latest in the place of the last piece.
    """
    kind = np.dtype(dtype).newbyteorder("<")
    nz, *in_slice = (int(n) for n in shape_zyx)
    expected = math.prod((nz, *in_slice)) * kind.itemsize
    try:
        size = zstandard.frame_content_size(data)
        if size != expected:
            raise BadLabels("wrong-size", f"the label map holds {size} bytes, its grid needs {expected}")
        with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=False) as reader:
            for first in range(0, nz, depth):
                labels = np.empty((min(depth, nz - first), *in_slice), dtype=kind)
                read = reader.readinto(labels.reshape(-1).data.cast("B"))
                if read != labels.nbytes or (first + depth >= nz and reader.read(1)):
                    raise BadLabels("corrupt-blob", "the stored label map ends too soon; restore it from the backup")
                yield labels
    except zstandard.ZstdError as error:
        raise BadLabels("corrupt-blob", "the stored label map is damaged; restore it from the backup") from error


def _wire(labels: LabelArray) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    return labels.dtype.newbyteorder("<")
