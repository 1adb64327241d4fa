"""Size decides the route, and unknown sizes are tried where it is cheapest."""

import pytest

from teltubby_core.domain.routing import BOT_API_DOWNLOAD_LIMIT, GIB, Limits, Route, choose_route, skip_reason

MIB = 1024**2


@pytest.mark.parametrize(
    ("size", "route"),
    [
        (None, Route.BOT_API),
        (0, Route.BOT_API),
        (20 * MIB, Route.BOT_API),
        (20 * MIB + 1, Route.MTPROTO),
        (4 * GIB, Route.MTPROTO),
    ],
)
def test_routes_by_size(size: int | None, route: Route) -> None:
    assert choose_route(size, Limits()) is route


def test_a_local_bot_api_server_raises_the_limit() -> None:
    assert choose_route(2 * GIB, Limits(bot_api_bytes=4 * GIB)) is Route.BOT_API


@pytest.mark.parametrize(("size", "skipped"), [(None, False), (4 * GIB, False), (4 * GIB + 1, True)])
def test_only_files_over_the_limit_are_skipped(size: int | None, skipped: bool) -> None:
    assert bool(skip_reason(size, Limits())) is skipped


def test_the_reason_names_the_limit_and_its_setting() -> None:
    reason = skip_reason(3 * GIB, Limits(max_file_bytes=int(1.5 * GIB)))
    assert reason == "larger than the limit of 1.5 GB (MAX_FILE_GB)"


def test_the_hosted_limit_is_telegrams_20_mb() -> None:
    assert BOT_API_DOWNLOAD_LIMIT == 20 * MIB
