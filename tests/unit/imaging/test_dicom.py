"""DICOM headers that cannot be true are refused by name; series become the volumes their positions say."""

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from backend.imaging import dicom, dicom_frames, dicom_header, geometry, part10, pixels
from backend.imaging.dicom_header import DicomFile
from backend.imaging.refusal import Refusal
from tests import factories

SLICES = list(factories.dicom_series(factories.volume(shape_zyx=(5, 6, 7))).values())


def describe(data: bytes) -> DicomFile:
    return dicom_header.describe(data, unpacked_bytes=1 << 26)


def edited(change: Callable[[pydicom.Dataset], Any], index: int = 0) -> bytes:
    file = pydicom.dcmread(io.BytesIO(SLICES[index]))
    change(file)
    return factories.dicom_bytes(file)


def put(keyword: str, value: Any) -> Callable[[pydicom.Dataset], Any]:
    return lambda file: setattr(file, keyword, value)


def drop(keyword: str) -> Callable[[pydicom.Dataset], Any]:
    return lambda file: delattr(file, keyword)


def raw_element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def test_a_good_file_tells_what_it_is() -> None:
    truth = pydicom.dcmread(io.BytesIO(SLICES[0]))

    file = describe(SLICES[0])

    assert (file.sop_uid, file.series_uid) == (truth.SOPInstanceUID, truth.SeriesInstanceUID)
    assert (file.pixels.rows, file.pixels.columns, file.modality, file.unit) == (6, 7, "CT", "HU")
    assert file.frames[0].position_mm == tuple(truth.ImagePositionPatient)
    assert file.frames[0].intercept == -1024 and file.windows == (("Window 1", 40.0, 400.0),)
    assert (file.patient_name, file.study_date, file.warnings) == ("TEST^ALPHA", "20260102", ())


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_the_same_file_in_another_syntax_says_the_same(syntax: str) -> None:
    file = pydicom.dcmread(io.BytesIO(SLICES[0]))
    file.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    pydicom.dcmwrite(
        stream, file, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True, enforce_file_format=True
    )

    again, first = describe(stream.getvalue()), describe(SLICES[0])

    assert again.frames[0].position_mm == first.frames[0].position_mm and again.patient_name == first.patient_name
    data = part10.read_part10(stream.getvalue(), 1 << 20).data
    ((at, length),) = again.frames[0].spans
    assert bytes(data[at : at + length]) == file.PixelData


BAD = {
    "no study UID": (drop("StudyInstanceUID"), "identity", "(0020,000D) is missing"),
    "no series UID": (drop("SeriesInstanceUID"), "identity", "(0020,000E) is missing"),
    "no instance UID": (drop("SOPInstanceUID"), "identity", "(0008,0018)"),
    "an empty UID part": (put("SeriesInstanceUID", "1.2..3"), "identity", "not a UID"),
    "a UID of letters": (put("SeriesInstanceUID", "abc"), "identity", "not a UID"),
    "a UID of 65 digits": (put("SeriesInstanceUID", "1" * 65), "identity", "not a UID"),
    "no rows": (drop("Rows"), "pixel_description", "(0028,0010) is missing"),
    "zero columns": (put("Columns", 0), "pixel_description", "0 x 6"),
    "more rows than pixels": (put("Rows", 12), "truncated", "needs 168 bytes"),
    "fewer rows than pixels": (put("Rows", 3), "pixel_description", "needs 42 bytes"),
    "no photometric interpretation": (drop("PhotometricInterpretation"), "pixel_description", "missing"),
    "an unknown photometric interpretation": (put("PhotometricInterpretation", "CMYK"), "pixel_description", "CMYK"),
    "three samples of grey": (put("SamplesPerPixel", 3), "pixel_description", "samples"),
    "twelve bits allocated": (put("BitsAllocated", 12), "pixel_description", "Bits Allocated"),
    "more bits stored than allocated": (put("BitsStored", 17), "pixel_description", "Bits Stored"),
    "a high bit elsewhere": (put("HighBit", 3), "pixel_description", "High Bit"),
    "an unknown representation": (put("PixelRepresentation", 2), "pixel_description", "Pixel Representation"),
    "two frames of one": (put("NumberOfFrames", 2), "truncated", "bytes"),
    "no frames": (put("NumberOfFrames", 0), "pixel_description", "Number of Frames"),
    "no pixel data": (drop("PixelData"), "truncated", "no pixel data"),
    "a spacing of zero": (put("PixelSpacing", [0, 0]), "geometry", "Pixel Spacing"),
    "a negative spacing": (put("PixelSpacing", [-1, 1]), "geometry", "Pixel Spacing"),
    "one spacing": (put("PixelSpacing", [1]), "geometry", "2 finite numbers"),
    "vectors that are not unit": (put("ImageOrientationPatient", [2, 0, 0, 0, 1, 0]), "geometry", "unit"),
    "vectors that are not perpendicular": (
        put("ImageOrientationPatient", [1, 0, 0, 0.6, 0.8, 0]), "geometry", "perpendicular"),
    "a position of two numbers": (put("ImagePositionPatient", [1, 2]), "geometry", "3 finite"),
    "a position too far": (put("ImagePositionPatient", [1, 2, 3e6]), "geometry", "100 m"),
    "a slope of zero": (put("RescaleSlope", 0), "pixel_description", "Rescale Slope"),
    "a negative slope": (put("RescaleSlope", -1), "pixel_description", "Rescale Slope"),
    "a segmentation": (put("SOPClassUID", "1.2.840.10008.5.1.4.1.1.66.4"), "not_an_image", "SEG"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_description_that_cannot_be_true_is_refused_by_name(case: str) -> None:
    change, code, words = BAD[case]

    with pytest.raises(Refusal) as refused:
        describe(edited(change))

    assert refused.value.code == code and words in refused.value.reason


@pytest.mark.parametrize("text", [b"NaN\\1 ", b"1\\inf ", b"one\\1 ", b"1e999\\1 "])
def test_a_spacing_that_is_no_number_is_refused(text: bytes) -> None:
    good = SLICES[0]
    at = good.find(b"\x28\x00\x30\x00DS")
    length = struct.unpack_from("<H", good, at + 6)[0]
    data = good[:at] + raw_element(0x00280030, b"DS", text) + good[at + 8 + length :]

    with pytest.raises(Refusal) as refused:
        describe(data)

    assert refused.value.code == "geometry"


@pytest.mark.parametrize(
    ("tag", "vr", "value", "code"),
    [
        (0x00280010, b"US", struct.pack("<H", 12), "pixel_description"),
        (0x0020000D, b"UI", b"1.2.3.4\0", "identity"),
        (0x00080018, b"UI", b"1.2.3.4\0", "identity"),
    ],
)
def test_an_element_that_appears_twice_is_refused(tag: int, vr: bytes, value: bytes, code: str) -> None:
    at = SLICES[0].find(b"\xe0\x7f\x10\x00")

    with pytest.raises(Refusal, match="twice") as refused:
        describe(SLICES[0][:at] + raw_element(tag, vr, value) + SLICES[0][at:])

    assert refused.value.code == code


@given(st.integers(0, len(SLICES[0]) - 1))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(Refusal):
        describe(SLICES[0][:cut])


@settings(max_examples=300)
@given(st.integers(128, len(SLICES[0]) - 1), st.integers(1, 255))
def test_a_changed_byte_is_described_or_refused_and_never_anything_else(place: int, change: int) -> None:
    data = bytearray(SLICES[0])
    data[place] ^= change

    try:
        file = describe(bytes(data))
    except Refusal as refusal:
        assert refusal.reason.count(" ") >= 2
        return
    dicom_header.recheck(file, len(data), 1 << 26)


def test_bytes_after_the_object_are_a_warning() -> None:
    for rest in (b"\0" * 64, b"garbage that is no element", b"\x01"):
        assert any(w.startswith("trailing_bytes") for w in describe(SLICES[0] + rest).warnings)


def test_a_file_without_the_prefix_is_refused_and_not_guessed() -> None:
    with pytest.raises(Refusal, match="prefix"):
        describe(SLICES[0][132:])


def test_an_unknown_transfer_syntax_is_refused_by_its_uid() -> None:
    with pytest.raises(Refusal, match=r"1\.2\.840\.10008\.1\.2\.9;") as refused:
        describe(SLICES[0].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0", 1))

    assert refused.value.code == "transfer_syntax"


def test_explicit_data_that_claims_to_be_implicit_is_refused() -> None:
    data = SLICES[0].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0", 1)

    with pytest.raises(Refusal):
        describe(data)


def test_deep_nesting_is_refused() -> None:
    item = b""
    for _ in range(70):
        item = (
            struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
            + raw_sequence(item)
            + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        )
    at = SLICES[0].find(b"\xe0\x7f\x10\x00")

    with pytest.raises(Refusal, match="64 levels"):
        describe(SLICES[0][:at] + raw_sequence(item) + SLICES[0][at:])


def raw_sequence(items: bytes) -> bytes:
    return struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF) + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (put("WindowWidth", 0), "window"),
        (put("StudyDate", "20261399"), "date"),
        (put("PatientName", "x" * 300), "long_text"),
        (lambda file: setattr(file, "preamble", b"MZ" + b"\0" * 126), "preamble"),
        (put("SeriesInstanceUID", "1.2.03.4"), "uid_leading_zero"),
    ],
)
def test_odd_text_dates_and_windows_are_warnings(change: Callable[[pydicom.Dataset], Any], code: str) -> None:
    with pydicom.config.disable_value_validation():
        data = edited(change)

    assert [warning.partition(":")[0] for warning in describe(data).warnings] == [code]


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("ISO_IR 192", "Müller^Jürgen".encode(), "Müller^Jürgen"),
        ("ISO_IR 144", "Люкceмбypг".encode("iso8859_5"), "Люкceмбypг"),
        ("", b"M\xfcller", "Müller"),
        ("ISO_IR 192", b"M\xfcller", "M\N{REPLACEMENT CHARACTER}ller"),
        ("NONSENSE", b"M\xfcller", "Müller"),
        ("\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^", "Yamada^Tarou=山田^"),
        ("ISO_IR 192", b"a\x07b\x1b[31m\n", "a b [31m"),
    ],
)  # fmt: skip
def test_names_are_read_in_their_character_set_and_never_stop_an_import(charset: str, raw: bytes, text: str) -> None:
    at = SLICES[0].find(b"\x10\x00\x10\x00PN")
    head = raw_element(0x00080005, b"CS", charset.encode() + b" " * (len(charset) % 2))
    place = SLICES[0].find(b"\x08\x00\x16\x00UI")
    length = struct.unpack_from("<H", SLICES[0], at + 6)[0]
    name = raw_element(0x00100010, b"PN", raw + b" " * (len(raw) % 2))
    data = SLICES[0][:place] + head + SLICES[0][place:at] + name + SLICES[0][at + 8 + length :]

    assert describe(data).patient_name == text


# -------------------------------------------------------------------------------------------------------------- pixels


def layout(**changes: Any) -> dicom_frames.PixelLayout:
    base = {
        "syntax": part10.EXPLICIT, "rows": 2, "columns": 3, "samples": 1, "photometric": "MONOCHROME2", "planar": 0,
        "kind": "integer", "bits_allocated": 16, "bits_stored": 16, "signed": False, "swapped_bytes": False, "palette": None,
    }  # fmt: skip
    return dicom_frames.PixelLayout(**(base | changes))


def test_bits_above_the_stored_ones_are_no_value() -> None:
    data = np.array([0xF001, 0x0FFF, 0x1800, 0, 1, 2], "<u2").tobytes()

    unsigned = pixels.decode_frame(data, layout(bits_stored=12))
    signed = pixels.decode_frame(data, layout(bits_stored=12, signed=True))

    assert unsigned.ravel().tolist() == [1, 4095, 2048, 0, 1, 2]
    assert signed.ravel().tolist() == [1, -1, -2048, 0, 1, 2]


def test_colour_by_plane_and_by_pixel_is_one_picture() -> None:
    rgb = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    colour = {"samples": 3, "photometric": "RGB", "bits_allocated": 8, "bits_stored": 8}

    by_pixel = pixels.decode_frame(rgb.tobytes(), layout(**colour))
    by_plane = pixels.decode_frame(rgb.transpose(2, 0, 1).tobytes(), layout(planar=1, **colour))

    assert (by_pixel == rgb).all() and (by_plane == rgb).all()


def test_a_codestream_larger_than_described_is_refused_before_it_is_decoded() -> None:
    huge = b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00\xff\xd9"

    with pytest.raises(Refusal, match="65535 x 65535") as refused:
        pixels.decode_frame(huge, layout(syntax="1.2.840.10008.1.2.4.50", bits_allocated=8, bits_stored=8))

    assert refused.value.code == "pixel_description"


@pytest.mark.parametrize("last", ["50", "51", "57", "70", "80", "81", "90", "91", "201"])
def test_rubbish_in_any_packed_syntax_is_refused(last: str) -> None:
    for rubbish in (b"", b"rubbish" * 20, b"\xff\xd8\xff\xe0" + b"\0" * 50, b"\xff\x4f\xff\x51" + b"\0" * 60):
        with pytest.raises(Refusal):
            pixels.decode_frame(rubbish, layout(syntax="1.2.840.10008.1.2.4." + last))


# -------------------------------------------------------------------------------------------------------------- series


def series(change: Callable[[int, pydicom.Dataset], Any] = lambda _n, _f: None, count: int = 5) -> dict[int, DicomFile]:
    files = {}
    for number in range(count):
        file = pydicom.dcmread(io.BytesIO(SLICES[number]))
        change(number, file)
        files[number] = describe(factories.dicom_bytes(file))
    return files


def heights(files: dict[int, DicomFile], plan: dicom.ImagePlan) -> list[float]:
    return [files[number].frames[frame].position_mm[2] for number, frame in plan.frames]


def test_slices_are_ordered_by_position_whatever_their_instance_numbers() -> None:
    files = series()

    (plan,) = dicom.plan_series(files)

    assert plan.geometry == "regular" and heights(files, plan) == sorted(heights(files, plan))
    truth = factories.volume(shape_zyx=(5, 6, 7)).affine_ras
    assert np.allclose(geometry.from_rows(plan.affine), truth)


def test_a_missing_slice_makes_the_image_irregular() -> None:
    files = series()
    del files[next(number for number, file in files.items() if sorted(heights(files, dicom.plan_series(files)[0]))[2]
                   == file.frames[0].position_mm[2])]  # fmt: skip

    (plan,) = dicom.plan_series(files)

    assert plan.geometry == "irregular" and len(plan.frames) == 4


def test_a_localiser_becomes_an_image_of_its_own() -> None:
    def turn(number: int, file: pydicom.Dataset) -> None:
        if number == 4:
            file.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    plans = dicom.plan_series(series(turn))

    assert sorted(len(plan.frames) for plan in plans) == [1, 4]
    assert all(any(w.startswith("split_series") for w in plan.warnings) for plan in plans)


@pytest.mark.parametrize("keyword", ["AcquisitionNumber", "EchoTime", "TemporalPositionIdentifier"])
def test_two_echoes_at_the_same_positions_are_two_images(keyword: str) -> None:
    twice = {}
    for number in range(10):
        file = pydicom.dcmread(io.BytesIO(SLICES[number % 5]))
        file.SOPInstanceUID = f"{file.SOPInstanceUID}.{number}"
        setattr(file, keyword, 1 + number // 5)
        twice[number] = describe(factories.dicom_bytes(file))

    plans = dicom.plan_series(twice)

    assert [(len(plan.frames), plan.geometry) for plan in plans] == [(5, "regular"), (5, "regular")]
    assert {number // 5 for number, _ in plans[0].frames} in ({0}, {1})


def test_slices_left_at_one_position_are_irregular_and_none_is_dropped() -> None:
    def same(number: int, file: pydicom.Dataset) -> None:
        if number == 1:
            file.ImagePositionPatient = pydicom.dcmread(io.BytesIO(SLICES[0])).ImagePositionPatient

    (plan,) = dicom.plan_series(series(same))

    assert plan.geometry == "irregular" and len(plan.frames) == 5


def test_files_that_do_not_say_where_they_lie_are_images_of_their_own() -> None:
    plans = dicom.plan_series(series(lambda _, file: delattr(file, "ImagePositionPatient")))

    assert [(len(plan.frames), plan.geometry) for plan in plans] == [(1, "uncalibrated")] * 5


def test_a_multi_frame_object_is_read_from_its_functional_groups() -> None:
    file = pydicom.dcmread(io.BytesIO(SLICES[0]))
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(file, keyword)
    file.NumberOfFrames = 3
    file.PixelData = np.arange(3 * 42, dtype="<i2").tobytes()
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.6, 0.5]
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    file.SharedFunctionalGroupsSequence = [shared]
    file.PerFrameFunctionalGroupsSequence = []
    for height in (4.0, 0.0, 2.0):
        frame, position, values = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [1, 2, height]
        values.RescaleSlope, values.RescaleIntercept = 2, -10
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [position], [values]
        file.PerFrameFunctionalGroupsSequence.append(frame)

    described = describe(factories.dicom_bytes(file))
    (plan,) = dicom.plan_series({0: described})

    assert plan.frames == ((0, 1), (0, 2), (0, 0)) and plan.geometry == "regular"
    assert geometry.spacing_mm(geometry.from_rows(plan.affine)) == pytest.approx((0.5, 0.6, 2.0))
    assert {(frame.slope, frame.intercept) for frame in described.frames} == {(2.0, -10.0)}


def test_one_series_uid_for_two_patients_is_a_conflict() -> None:
    files = series(lambda number, file: setattr(file, "PatientID", f"P{number // 3}"))

    assert "two patients" in (dicom.series_conflict(list(files.values())) or "")
    assert dicom.series_conflict(list(series().values())) is None


def test_a_window_is_dicoms_linear_window() -> None:
    assert dicom.window_bounds(40, 400) == (-160.0, 239.0)
    assert dicom.window_bounds(7, 1) == (6.5, 7.5)
