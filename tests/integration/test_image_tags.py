"""DICOM tags as a reader sees them: how the image was made, and never a word about whom it shows."""

import io
import json
from pathlib import Path

import pydicom
import pytest

from backend.imaging.dicom_tags import SHOWN
from backend.studies.ingest import Limits, read_tags
from tests.conftest import shared_data
from tests.factories import dicom_bytes, dicom_series, nifti_bytes, volume
from tests.hospital import Hospital
from tests.integration.test_imports import send

# Every element of the basic profile's table that a scanner may fill with who, where and when (PS3.15 Table E.1-1).
PLANTED = {
    "PatientName": "PLANTED^NAME", "PatientID": "PLANTED-ID", "PatientBirthDate": "19610203", "PatientAddress": "PLANTED STREET",
    "OtherPatientNames": "PLANTED^ALIAS", "AccessionNumber": "PLANTED-ACC", "InstitutionName": "PLANTED HOSPITAL",
    "ReferringPhysicianName": "PLANTED^DOCTOR", "OperatorsName": "PLANTED^OPERATOR", "StationName": "PLANTED-STATION",
    "DeviceSerialNumber": "PLANTED-SERIAL", "StudyDate": "19610204", "StudyTime": "010203", "ProtocolName": "PLANTED PROTOCOL",
    "SeriesDescription": "PLANTED SERIES", "StudyDescription": "PLANTED STUDY", "ImageComments": "PLANTED COMMENT",
    "PatientAge": "061Y", "PatientComments": "PLANTED", "StudyID": "PLANTED", "RequestedProcedureDescription": "PLANTED",
}  # fmt: skip


def planted() -> dict[str, bytes]:
    files = {}
    for name, data in dicom_series(volume("ct", (3, 8, 8)), series=815).items():
        file = pydicom.dcmread(io.BytesIO(data))
        for keyword, value in PLANTED.items():
            setattr(file, keyword, value)
        file.KVP, file.ConvolutionKernel, file.Manufacturer = "120", "B30f", "Maker"
        file.private_block(0x0009, "PLANTED CREATOR", create=True).add_new(1, "LO", "PLANTED PRIVATE")
        files[name] = dicom_bytes(file)
    return files


def test_a_reader_sees_how_the_image_was_made_and_nothing_of_the_patient(hospital: Hospital) -> None:
    project = hospital.project()
    image = send(hospital, project, planted())["images"][0]["id"]

    answer = hospital.reader(project).get(f"/images/{image}/tags")

    shown = {item["name"]: item["value"] for item in answer.json()["items"]}
    assert shown["KVP"] == "120 kV"
    assert shown["Convolution Kernel"] == "B30f"
    assert shown["Rows"] == "8"
    assert shown["Pixel Spacing"].endswith(" mm")
    text = json.dumps(answer.json())
    assert "PLANTED" not in text
    assert not any(value in text for value in PLANTED.values())


def test_an_image_that_is_not_dicom_has_no_tags(hospital: Hospital) -> None:
    project = hospital.project()
    made = volume()
    image = send(hospital, project, {"a.nii.gz": nifti_bytes(made.image_zyx, made.affine_ras)})["images"][0]["id"]

    assert hospital.reader(project).get(f"/images/{image}/tags").json() == {"items": []}


def test_the_list_names_elements_as_dicom_does_and_none_of_the_profile() -> None:
    for tag, (title, vr, _) in SHOWN.items():
        assert pydicom.datadict.dictionary_description(tag) == title
        assert vr in pydicom.datadict.dictionary_VR(tag)
        assert pydicom.datadict.keyword_for_tag(tag) not in PLANTED


@pytest.mark.parametrize("folder", ["series/vs-seg-001_t1_jpegls", "series/ct_ge_variable_tilt_and_gaps"])
def test_values_of_real_files_are_the_ones_pydicom_reads(folder: str) -> None:
    path = next(file for file in sorted((shared_data("dicom") / folder).rglob("*")) if file.is_file())
    header = pydicom.dcmread(path, stop_before_pixels=True)

    shown = read_tags(Path(path), Limits())

    assert len(shown) > 15
    for tag, _, value in shown:
        number = int(tag[1:5] + tag[6:10], 16)
        stored = header[number].value
        first = stored[0] if isinstance(stored, pydicom.multival.MultiValue) else stored
        assert value.split(" ")[0].startswith(str(first).split(" ")[0][:6]), (tag, value, stored)
