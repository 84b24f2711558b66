"""The whole ingest boundary with its real child process: every file gets one verdict, whatever it holds."""

import gzip
import io
import json
import os
import signal
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import imagecodecs
import nibabel
import numpy as np
import pydicom
import pytest

from backend.imaging import geometry, nifti, slabs
from backend.imaging.refusal import Refusal
from backend.studies import ingest
from backend.studies.ingest import Limits, ParsedImage, Verdict, check_label_grid, parse_files, parse_label
from backend.studies.ingest.child import Child, ChildDied, Children
from backend.studies.ingest.reading import Import
from tests import factories

Told = list[tuple[int, int, str]]
LIMITS = Limits()
MADE = factories.volume(shape_zyx=(10, 16, 12))


def send(
    files: dict[str, bytes], folder: Path, limits: Limits = LIMITS, told: Told | None = None
) -> tuple[list[ParsedImage], dict[str, Verdict]]:
    sent = []
    for place, (name, data) in enumerate(files.items()):
        path = folder / f"sent-{place}"
        path.write_bytes(data)
        sent.append((name, path))
    progress = (lambda *step: told.append(step)) if told is not None else (lambda *_: None)
    images, verdicts = parse_files(sent, folder / "work", limits, progress)
    return images, {verdict.file: verdict for verdict in verdicts}


def shown(image: ParsedImage) -> np.ndarray:
    packed = (path.read_bytes() for path in image.slab_paths)
    return slabs.decode_volume(packed, image.nz, image.ny, image.nx, image.channels) * image.slope + image.intercept


def labels_of(image: ParsedImage) -> np.ndarray:
    assert image.label_path is not None and image.label_dtype is not None
    return np.fromfile(image.label_path, image.label_dtype).reshape(image.nz, image.ny, image.nx)


def test_a_dicom_series_becomes_one_image_with_its_patient_and_its_instances(tmp_path: Path) -> None:
    told: Told = []

    images, verdicts = send(factories.dicom_series(MADE), tmp_path, told=told)

    (image,) = images
    assert (shown(image) == MADE.image_zyx - 1024).all()
    assert np.allclose(geometry.from_rows(image.affine), MADE.affine_ras)
    assert image.patient == {"name": "TEST^ALPHA", "hospital_id": "P-1", "birth_date": ""}
    assert sorted(instance.position_index for instance in image.instances) == list(range(10))
    assert (image.window_low, image.window_high, image.unit) == (-160.0, 239.0, "HU")
    assert {verdict.status for verdict in verdicts.values()} == {"accepted"} and len(verdicts) == 10
    assert told[-1][0] == told[-1][1] == 10


def test_a_series_opens_with_the_window_of_its_middle_slice(tmp_path: Path) -> None:
    files = {}
    for name, content in factories.dicom_series(MADE).items():
        file = pydicom.dcmread(io.BytesIO(content))
        file.WindowCenter, file.WindowWidth = 100 + 10 * float(file.ImagePositionPatient[2]), 201
        stream = io.BytesIO()
        file.save_as(stream)
        files[name] = stream.getvalue()

    (image,), _ = send(files, tmp_path)

    middle_mm = image.affine[11] + image.affine[10] * (image.nz // 2)
    assert image.window_low == pytest.approx(100 + 10 * middle_mm - 0.5 - 100)


def test_a_nifti_with_a_cts_values_opens_as_a_ct_and_says_that_it_guessed(tmp_path: Path) -> None:
    hounsfield = (3 * MADE.image_zyx - 1100).astype(np.int16)
    files = {"ct.nii": factories.nifti_bytes(hounsfield, MADE.affine_ras), "mr.nii": MADE.nifti()}

    images, verdicts = send(files, tmp_path)

    ct, mr = images
    assert (ct.window_low, ct.window_high, ct.unit) == (-160.0, 240.0, "HU")
    assert verdicts["ct.nii"].code == "unit_guessed" and mr.unit == ""


def test_a_data_set_folder_in_a_zip_gives_images_and_readings(tmp_path: Path) -> None:
    root = factories.data_set_folder(tmp_path / "set", [MADE], ["Exp1", "Exp2"])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(root.rglob("*.nii.gz")):
            archive.write(path, f"my data/{path.relative_to(root)}")

    images, verdicts = send({"set.zip": stream.getvalue()}, tmp_path)

    kinds = sorted((image.kind, image.name, image.files[0].split("/")[-2]) for image in images)
    case = MADE.name
    assert kinds == [("image", case, "images"), ("label", case, "Exp1"), ("label", case, "Exp2")]
    assert verdicts["set.zip"].status == "accepted" and len(verdicts) == 4
    image = next(image for image in images if image.kind == "image")
    for label in images:
        check_label_grid(image, label)
        assert all(path.is_file() for path in label.originals)


@pytest.mark.parametrize("highest", [3, 255, 256, 40_000])
def test_a_label_map_keeps_every_value(highest: int, tmp_path: Path) -> None:
    truth = np.random.default_rng(highest).integers(0, highest, MADE.image_zyx.shape, endpoint=True).astype(np.uint16)
    truth.flat[0] = highest
    path = tmp_path / "label.nii.gz"
    path.write_bytes(factories.nifti_bytes(truth, MADE.affine_ras))

    label = parse_label(("label.nii.gz", path), tmp_path / "work", Limits())

    assert (labels_of(label) == truth).all() and label.kind == "label"


def test_a_label_map_saved_as_floats_by_another_tool_is_whole_numbers_again(tmp_path: Path) -> None:
    path = tmp_path / "label.nii"
    path.write_bytes(factories.nifti_bytes(MADE.labels_zyx.astype(np.float64), MADE.affine_ras, compressed=False))

    label = parse_label(("label.nii", path), tmp_path / "work", Limits())

    assert (labels_of(label) == MADE.labels_zyx).all() and label.label_dtype == "uint8"


def test_a_fraction_in_a_label_map_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "label.nii"
    path.write_bytes(factories.nifti_bytes(MADE.labels_zyx * 0.5, MADE.affine_ras))

    with pytest.raises(Refusal) as refused:
        parse_label(("label.nii", path), tmp_path / "work", Limits())

    assert refused.value.code == "label_fraction"


def test_a_label_map_on_another_grid_or_in_another_axis_order_is_refused_by_the_difference(tmp_path: Path) -> None:
    images, _ = send({"case.nii.gz": MADE.nifti()}, tmp_path)
    flipped = geometry.SourceAxes(flips=(True, False, False))
    cases = {
        "shifted": factories.nifti_bytes(MADE.labels_zyx, MADE.affine_ras + np.eye(4, k=3) * 5),
        "voxels": factories.nifti_bytes(MADE.labels_zyx[:-1], MADE.affine_ras),
        "another order": nifti.export_label(MADE.labels_zyx, images[0].affine, flipped.to_json()),
    }
    for words, data in cases.items():
        path = tmp_path / "label.nii.gz"
        path.write_bytes(data)
        label = parse_label(("label.nii.gz", path), tmp_path / words, Limits())

        with pytest.raises(Refusal, match=words) as refused:
            check_label_grid(images[0], label)
        assert refused.value.code == "grid_mismatch"


def test_pictures_become_flat_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    grey, colour = (
        rng.integers(0, 65536, (20, 30)).astype(np.uint16),
        rng.integers(0, 256, (20, 30, 3)).astype(np.uint8),
    )
    files = {"grey.png": imagecodecs.png_encode(grey), "colour.png": imagecodecs.png_encode(colour),
             "photo.jpg": imagecodecs.jpeg8_encode(colour)}  # fmt: skip

    images, verdicts = send(files, tmp_path)

    by_name = {image.name: image for image in images}
    assert (shown(by_name["grey"])[0] == grey).all() and (
        shown(by_name["colour"])[:, 0].transpose(1, 2, 0) == colour
    ).all()
    assert {(image.nz, image.geometry) for image in images} == {(1, "uncalibrated")}
    assert [by_name[name].channels for name in ("grey", "colour", "photo")] == [1, 3, 3]
    assert {verdict.status for verdict in verdicts.values()} == {"warning"}


def png_with_a_wrong_checksum() -> bytes:
    data = bytearray(imagecodecs.png_encode(np.zeros((9, 9), np.uint8)))
    data[-20] ^= 1
    return bytes(data)


def png_of(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0" * 40


REFUSED = {
    "nothing": (b"", "truncated"),
    "text": (b"hello, this is a note to the radiologist", "unsupported"),
    "a pdf": (b"%PDF-1.7 ...", "unsupported"),
    "a pickle": (b"\x80\x04\x95\x00", "unsupported"),
    "a numpy array": (b"\x93NUMPY\x01\x00", "unsupported"),
    "an executable": (b"\x7fELF\x02\x01", "unsupported"),
    "html": (b"<html><script>alert(1)</script>", "unsupported"),
    "a gzip of text": (gzip.compress(b"hello" * 200), "unsupported"),
    "a tar": (b"\0" * 257 + b"ustar\x0000" + b"\0" * 300, "unsupported"),
    "a cut png": (imagecodecs.png_encode(np.zeros((9, 9), np.uint8))[:-15], "truncated"),
    "a damaged png": (png_with_a_wrong_checksum(), "corrupt"),
    "a png of 60,000 x 60,000": (png_of(60_000, 60_000), "too_large"),
    "a transparent png": (imagecodecs.png_encode(np.zeros((9, 9, 4), np.uint8)), "unsupported"),
    "a cut jpeg": (imagecodecs.jpeg8_encode(np.zeros((99, 99), np.uint8))[:-40], "truncated"),
    "a cut volume": (MADE.nifti()[:-200], "truncated"),
    "a cut dicom": (next(iter(factories.dicom_series(MADE).values()))[:-50], "truncated"),
    "an archive that climbs out": (b"", "archive"),
    "volumes of nothing but NaN": (factories.nifti_bytes(np.full((2, 3, 4), np.nan), np.eye(4)), "no_values"),
}


def test_every_bad_file_is_refused_for_its_reason_and_the_good_ones_beside_it_are_kept(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../climb", b"x")
    files = {name: data for name, (data, _) in REFUSED.items()} | {"an archive that climbs out": stream.getvalue()}

    images, verdicts = send({"first.nii.gz": MADE.nifti()} | files | {"last.nii.gz": MADE.nifti()}, tmp_path)

    assert {name: verdicts[name].code for name in REFUSED} == {name: code for name, (_, code) in REFUSED.items()}
    assert all(verdicts[name].status == "refused" and verdicts[name].image is None for name in REFUSED)
    assert [image.name for image in images] == ["first", "last"] and len(verdicts) == len(files) + 2
    assert all(str(tmp_path) not in verdict.message for verdict in verdicts.values())


def test_one_unreadable_slice_is_named_and_its_series_says_it_is_incomplete(tmp_path: Path) -> None:
    files = factories.dicom_series(MADE)
    name = sorted(files)[4]
    packed = pydicom.dcmread(io.BytesIO(files[name]))
    packed.compress("1.2.840.10008.1.2.5")
    whole = factories.dicom_bytes(packed)
    at = whole.rfind(b"\xfe\xff\x00\xe0") + 8 + 64
    others = {other: _rle(data) for other, data in files.items() if other != name}

    images, verdicts = send(others | {name: whole[:at] + b"\x81" * 20 + whole[at + 20 :]}, tmp_path)

    assert verdicts[name].status == "refused" and verdicts[name].code in ("corrupt", "truncated")
    assert sum(image.nz for image in images) == 9
    assert all(any(w.startswith("incomplete_series") for w in image.warnings) for image in images)


def _rle(data: bytes) -> bytes:
    file = pydicom.dcmread(io.BytesIO(data))
    file.compress("1.2.840.10008.1.2.5")
    return factories.dicom_bytes(file)


def test_the_same_object_twice_is_a_duplicate_and_two_objects_with_one_uid_are_none(tmp_path: Path) -> None:
    files = factories.dicom_series(MADE)
    first, second = sorted(files)[:2]
    images, verdicts = send(files | {"copy.dcm": files[first]}, tmp_path)
    assert verdicts["copy.dcm"].status == "duplicate" and len(images) == 1

    other = pydicom.dcmread(io.BytesIO(files[second]))
    other.SOPInstanceUID = pydicom.dcmread(io.BytesIO(files[first])).SOPInstanceUID
    forged = tmp_path / "forged"
    forged.mkdir()
    images, verdicts = send(files | {"forged.dcm": factories.dicom_bytes(other)}, forged)
    assert images == [] and {verdict.code for verdict in verdicts.values()} == {"identity_conflict"}


def test_two_patients_under_one_series_uid_are_both_refused(tmp_path: Path) -> None:
    files = factories.dicom_series(MADE)
    name = sorted(files)[3]
    other = pydicom.dcmread(io.BytesIO(files[name]))
    other.PatientID = "SOMEBODY-ELSE"

    images, verdicts = send(files | {name: factories.dicom_bytes(other)}, tmp_path)

    assert images == [] and {verdict.code for verdict in verdicts.values()} == {"identity_conflict"}


# ------------------------------------------------------------------------------------------------------- the isolation


def test_the_child_is_confined_and_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSILIUM_DATABASE_URL", "postgresql://secret")
    child = Child(Limits())
    try:
        pid = child.process.pid
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        limits = Path(f"/proc/{pid}/limits").read_text()
        status = Path(f"/proc/{pid}/status").read_text()

        assert b"secret" not in environment and b"PATH" not in environment
        assert (
            child.isolation["limits"] and child.isolation["no_new_privileges"] and child.isolation["dies_with_parent"]
        )
        assert "NoNewPrivs:\t1" in status
        assert f"{Limits().child_bytes}" in next(line for line in limits.splitlines() if "address space" in line)
        assert next(line for line in limits.splitlines() if "open files" in line).split()[3] == "64"
        if child.isolation["no_network"]:
            assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    finally:
        child.close()
    assert ingest.isolation(Limits()) == child.isolation


def test_a_child_that_is_killed_once_is_replaced_and_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "case.nii.gz"
    path.write_bytes(MADE.nifti())
    with Children(Limits()) as children:
        killed = []

        def kill_once(_done: int, _total: int, sentence: str) -> None:
            if "slice" in sentence and not killed and children.child:
                killed.append(children.child.process.pid)
                os.kill(killed[0], signal.SIGKILL)

        images, verdicts = Import([("case.nii.gz", path)], tmp_path / "work", Limits(), kill_once, children).run()

    assert killed and verdicts[0].status == "accepted" and (shown(images[0]) == MADE.image_zyx).all()


def test_a_file_that_always_kills_the_child_is_quarantined_and_the_next_one_is_read(tmp_path: Path) -> None:
    # So many slabs that a child is far from done when the first one is told, on whatever machine.
    (tmp_path / "killer").write_bytes(factories.nifti_bytes(np.zeros((4000, 32, 32), np.int16), np.eye(4)))
    (tmp_path / "good").write_bytes(MADE.nifti())
    with Children(Limits()) as children:

        def kill_always(_done: int, _total: int, sentence: str) -> None:
            if "killer: slice" in sentence and children.child:
                os.kill(children.child.process.pid, signal.SIGKILL)

        files = [(name, tmp_path / name) for name in ("killer", "good")]
        images, verdicts = Import(files, tmp_path / "work", Limits(), kill_always, children).run()

    assert [(verdict.file, verdict.status) for verdict in verdicts] == [("killer", "quarantined"), ("good", "accepted")]
    assert len(images) == 1


def test_a_child_that_takes_too_long_is_given_up_and_killed(tmp_path: Path) -> None:
    path = tmp_path / "case.nii.gz"
    path.write_bytes(factories.nifti_bytes(np.zeros((64, 256, 256), np.int16), np.eye(4)))
    child = Child(LIMITS)
    request = {"job": "nifti", "path": str(path), "folder": str(tmp_path), "label": False}

    with pytest.raises(ChildDied, match="too long"):
        child.ask(request, 0.001, lambda *_: None)
    child.close()

    assert child.process.returncode == -signal.SIGKILL


def test_a_picture_over_the_childs_memory_is_refused_and_the_next_file_is_read(tmp_path: Path) -> None:
    bomb = imagecodecs.png_encode(np.zeros((10_000, 12_000, 3), np.uint8), level=1)
    small = replace(LIMITS, child_bytes=400 << 20)

    images, verdicts = send({"bomb.png": bomb, "good.nii.gz": MADE.nifti()}, tmp_path, small)

    assert verdicts["bomb.png"].code in ("too_large", "quarantined") and [image.name for image in images] == ["good"]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (replace(Limits(), unpacked_bytes=1000), "too_large"),
        (replace(Limits(), slices=9), "too_large"),
        (replace(Limits(), axis=11), "too_large"),
        (replace(Limits(), file_bytes=500), "too_large"),
    ],
)
def test_every_limit_is_kept(limits: Limits, code: str, tmp_path: Path) -> None:
    images, verdicts = send({"case.nii.gz": MADE.nifti()} | factories.dicom_series(MADE), tmp_path, limits)

    assert images == [] and {verdict.code for verdict in verdicts.values()} == {code}


class LyingChild(Child):
    """A child that was taken over: it answers what it is told to."""

    def __init__(self, answer: dict[str, object]) -> None:
        super().__init__(Limits())
        self.answer = answer

    def ask(self, request: dict[str, object], seconds: float, report: object) -> dict[str, object]:
        return dict(self.answer) if request["job"] != "describe" else {"kind": "nifti"}


def good_answer() -> dict[str, object]:
    return {
        "nx": 4, "ny": 3, "nz": 2, "affine": geometry.to_rows(np.eye(4)), "warnings": [], "channels": 1,
        "source_axes": {"axes": [0, 1, 2], "flips": [False, False, False]},
        "written": {"slope": 1.0, "intercept": 0.0, "low": 0, "high": 9, "window_low": 0.0, "window_high": 9.0},
    }  # fmt: skip


LIES = {
    "an axis of no voxels": {"nx": 0},
    "an axis beyond the limit": {"nx": 1 << 20},
    "an axis that is text": {"nx": "4"},
    "another size than its slabs": {"nz": 3},
    "another slab size": {"nx": 5},
    "an affine of eleven numbers": {"affine": [1.0] * 11},
    "an affine that is flat": {"affine": [0.0] * 12},
    "an affine that is far": {"affine": [1.0, 0, 0, 1e9, 0, 1, 0, 0, 0, 0, 1, 0]},
    "axes that are none": {"source_axes": {"axes": [0, 0, 2], "flips": [False] * 3}},
    "seven channels": {"channels": 7},
    "no figures": {"written": {}},
    "a slope of zero": {"written": good_answer()["written"] | {"slope": 0.0}},
    "a slope that is no number": {"written": good_answer()["written"] | {"slope": float("nan")}},
    "a range beyond int16": {"written": good_answer()["written"] | {"high": 99_999}},
}


@pytest.mark.parametrize("lie", [None, *LIES])
def test_a_lie_of_the_child_is_not_believed(lie: str | None, tmp_path: Path) -> None:
    path = tmp_path / "case.nii.gz"
    path.write_bytes(MADE.nifti())
    folder = tmp_path / "work/parsed-00001"
    answer = good_answer() | (LIES[lie] if lie else {})
    with Children(Limits()) as children:
        children.child = LyingChild(answer)
        run = Import([("case.nii.gz", path)], tmp_path / "work", Limits(), lambda *_: None, children)
        plant = run._folder

        def folder_with_slab() -> Path:
            made = plant()
            (made / "slab-00000.gz").write_bytes(slabs.encode_slab(np.zeros((2, 3, 4), np.int16)))
            return made

        run._folder = folder_with_slab
        images, verdicts = run.run()

    assert (verdicts[0].status == "accepted") == (lie is None), verdicts
    assert len(images) == (1 if lie is None else 0) and folder.is_dir()


@pytest.mark.parametrize(
    "answer", [b"not json\n", b"[1]\n", b'{"ok": NaN}\n', b'{"ok": 3}\n', b"{" * 5000 + b"\n", b""]
)
def test_nonsense_from_the_child_is_its_death(answer: bytes) -> None:
    child = Child(Limits())
    try:
        child.unread = answer
        if not answer:
            child.process.kill()
        with pytest.raises(ChildDied):
            child.ask({"job": "describe", "path": "/nowhere"}, 5.0, lambda *_: None)
    finally:
        child.close()


def test_volumes_of_other_tools_are_kept_as_they_are_shown(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image((MADE.image_zyx.T * 0.25).astype(np.float32), MADE.affine_ras)

    images, verdicts = send({"case.nii": image.to_bytes()}, tmp_path)

    assert np.abs(shown(images[0]) - MADE.image_zyx * 0.25).max() <= images[0].slope / 2 + 1e-9
    assert verdicts["case.nii"].code == "values_rounded" and json.dumps(images[0].source_axes)
