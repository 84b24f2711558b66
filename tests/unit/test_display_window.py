"""An image opens in a window that shows something."""

import pytest

from backend.studies.rules import Image, display_window


@pytest.mark.parametrize(
    ("stored", "window", "shown"),
    [
        ((0, 400), (-160.0, 240.0), (-160.0, 240.0)),
        ((0, 400), (-60.0, 40.0), (-60.0, 40.0)),
        ((2000, 3000), (-160.0, 240.0), (976.0, 1976.0)),
        ((0, 100), (-160.0, 240.0), (-1024.0, -924.0)),
    ],
)
def test_the_kept_window_holds_unless_every_value_lies_outside_it(
    stored: tuple[int, int], window: tuple[float, float], shown: tuple[float, float]
) -> None:
    low, high = stored
    intercept = 0.0 if high == 400 else -1024.0
    image = Image(low=low, high=high, slope=1.0, intercept=intercept, window_low=window[0], window_high=window[1])

    assert display_window(image) == shown
