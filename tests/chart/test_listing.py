"""The page of values says what the chart takes."""

from chart.listing import PAGE, page
from chart.values import LEAVES


def test_the_page_of_values_is_up_to_date():
    assert PAGE.read_text("utf-8") == page(), "make values-list writes it anew"


def test_every_value_stands_there_once_with_a_description():
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert sorted(row[0].strip("| `") for row in rows) == sorted(LEAVES)
    assert all(len(row) == 4 and len(row[3]) > 5 for row in rows)
