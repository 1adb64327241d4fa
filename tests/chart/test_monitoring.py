"""Alerts: Prometheus's own tool says that they are rules, and that each comes when it should and only then."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.rendering import FIXED, LEAST, MONITORED, NAMESPACE, RELEASE, Object, Rendered, merged, rendered
from chart.rules import panels
from testbed import binaries

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
OURS = f'namespace="{NAMESPACE}",app_kubernetes_io_instance="{RELEASE}"'
THEIRS = f'namespace="{NAMESPACE}",app_kubernetes_io_instance="another"'
_LIMIT = 60


@dataclass(frozen=True)
class Case:
    """Series, a value a minute, under which an alert fires at a minute; ``quiet`` under which it does not."""

    fires: Mapping[str, str]
    quiet: Mapping[str, str]
    at: int
    labels: Mapping[str, str]


def _case(name: str, fires: str, quiet: str, at: int, labels: str = "", **told: str) -> Case:
    series = f"{name}{{{labels}{',' if labels else ''}%s}}"
    both = {series % OURS: fires}, {series % OURS: quiet, series % THEIRS: fires}
    return Case(*both, at, told)


ARCHIVE = 'exported_namespace="n",archive="a"'
WORKERS, WANTED, BACKLOG = (
    f"teltubby_archive_{name}{{{ARCHIVE},{OURS}}}" for name in ("workers", "desired_workers", "backlog_jobs")
)
CASES: Mapping[str, Case] = {
    "TeltubbyBotAway": Case(
        {f"teltubby_inbox_pending{{{THEIRS}}}": "0x10"},
        {f"teltubby_inbox_pending{{{OURS}}}": "0x10"},
        6,
        {"app_kubernetes_io_instance": RELEASE},
    ),
    "TeltubbyInboxLags": _case("teltubby_inbox_pending", "101x20", "100x20", 11),
    "TeltubbyUpdatesParked": _case("teltubby_updates_parked_total", "0 0 1x20", "3x20", 5),
    "TeltubbyOldestJobTooOld": _case("teltubby_oldest_job_age_seconds", "3601x30", "3600x30", 16),
    "TeltubbyDeadLetters": _case("teltubby_queue_jobs", "1x10", "0x10", 6, 'state="dead"'),
    "TeltubbySessionLost": _case("teltubby_sessions", "1x10", "0x10", 6, 'session="s",state="lost"', session="s"),
    "TeltubbyQuotaNearlyFull": _case("teltubby_quota_ratio", "0.8x20", "1x20", 16),
    "TeltubbyQuotaFull": _case("teltubby_quota_ratio", "1x10", "0.99x10", 6),
    "TeltubbyBrokerAway": _case("teltubby_dependency_up", "0x10", "1x10", 6, 'dependency="broker"'),
    "TeltubbyStoreAway": _case("teltubby_dependency_up", "0x10", "1x10", 6, 'dependency="object_store"'),
    "TeltubbyTelegramAway": _case("teltubby_dependency_up", "0x20", "1x20", 11, 'dependency="telegram"'),
    "TeltubbyOperatorBlind": Case(
        {WORKERS: "1x20"}, {WORKERS: "1x20", BACKLOG: "0x20"}, 11, {"exported_namespace": "n", "archive": "a"}
    ),
    "TeltubbyOperatorFails": _case("teltubby_scaling_errors_total", "0+1x40", "5x40", 21),
    "TeltubbyWorkersMissing": Case(
        {WORKERS: "1x40", WANTED: "2x40"},
        {WORKERS: "2x40", WANTED: "2x40"},
        31,
        {"exported_namespace": "n", "archive": "a"},
    ),
}


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    """The PrometheusRule's content, which is a rule file."""
    return dict(rendered(MONITORED).one("PrometheusRule", "media-teltubby-monitoring")["spec"])


def alerts(spec: Mapping[str, Any]) -> dict[str, Object]:
    return {rule["alert"]: rule for group in spec["groups"] for rule in group["rules"]}


def promtool(folder: Path, *arguments: str, **files: Any) -> "subprocess.CompletedProcess[str]":
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), "utf-8")
    command = [str(binaries.built(binaries.PROMTOOL)), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_LIMIT, check=False)


def test_prometheus_takes_the_rules(tmp_path: Path, rules: dict[str, Any]):
    told = promtool(tmp_path, "check", "rules", "--lint-fatal", "rules.yaml", rules=rules)
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"SUCCESS: {len(CASES)} rules found" in told.stdout


def test_each_alert_has_a_case_and_a_runbook_and_no_runbook_is_without_one(rules: dict[str, Any]):
    found = alerts(rules)
    assert set(found) == set(CASES)
    pages = {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() + ".md" for name in found}
    assert {path.name for path in RUNBOOKS.iterdir()} == pages
    assert {rule["annotations"]["runbook_url"] for rule in found.values()} == {
        f"docs/runbooks/{page}" for page in pages
    }
    for path in RUNBOOKS.iterdir():
        assert re.match(r"# .+\n\n.+\n\n## Look\n\n    .+\n(.*\n)*\n## Do\n\n- .+", path.read_text("utf-8")), path.name


@pytest.mark.parametrize("name", list(CASES))
def test_an_alert_comes_when_it_should_and_only_then(name: str, tmp_path: Path, rules: dict[str, Any]):
    case, rule = CASES[name], alerts(rules)[name]
    minutes = int(str(rule.get("for", "0m")).removesuffix("m"))

    def seen(series: Mapping[str, str], at: int, *, fires: bool) -> Object:
        labels = {**rule["labels"], **case.labels}
        samples = [{"labels": _labels(name, labels), "value": 1}] if fires else []
        query = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
        return {
            "interval": "1m",
            "input_series": [{"series": one, "values": values} for one, values in series.items()],
            "promql_expr_test": [{"expr": query, "eval_time": f"{at}m", "exp_samples": samples}],
        }

    tests = [seen(case.fires, case.at, fires=True), seen(case.quiet, case.at, fires=False)]
    if minutes:
        tests.append(seen(case.fires, minutes - 1, fires=False))
    content = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    told = promtool(tmp_path, "test", "rules", "test.yaml", rules=rules, test=content)
    assert told.returncode == 0, told.stdout + told.stderr


def _labels(name: str, labels: Mapping[str, str]) -> str:
    told = {"alertname": name, "alertstate": "firing", **labels}
    return "ALERTS{" + ",".join(f"{key}={json.dumps(value)}" for key, value in told.items()) + "}"


def test_every_alert_tells_release_and_namespace(rules: dict[str, Any]):
    for rule in alerts(rules).values():
        assert (rule["labels"]["namespace"], rule["labels"]["release"]) == (NAMESPACE, RELEASE)
        assert OURS in rule["expr"]


def test_the_monitor_finds_every_service_that_has_metrics():
    release = rendered(MONITORED)
    spec = release.one("ServiceMonitor", "media-teltubby-monitoring")["spec"]
    scraped = set()
    for service in (each for each in release.objects if each["kind"] == "Service"):
        assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        ports = {port["name"] for port in service["spec"]["ports"]} & {each["port"] for each in spec["endpoints"]}
        scraped |= {(service["metadata"]["name"].removeprefix("media-teltubby-"), port) for port in ports}
    assert scraped == {("bot", "http"), ("worker", "http"), ("operator", "http"), ("rabbitmq", "prometheus")}
    for component in ("worker", "operator"):
        service = release.one("Service", f"media-teltubby-{component}")["spec"]
        assert service["selector"].items() <= release.template(component)["metadata"]["labels"].items()


def test_without_an_operator_nothing_is_alerted_on_of_it():
    release = rendered(merged(MONITORED, FIXED))
    (group,) = release.one("PrometheusRule", "media-teltubby-monitoring")["spec"]["groups"]
    assert group["name"] == "teltubby-archive"
    assert "media-teltubby-operator" not in release.names("Service")


def test_what_a_prometheus_selects_by_can_be_said():
    chosen = {"serviceMonitor": {"labels": {"team": "a"}}, "rules": {"labels": {"team": "b"}, "oldestJobSeconds": 60}}
    release: Rendered = rendered(merged(MONITORED, {"monitoring": chosen}))
    monitor, rule = (release.one(kind, "media-teltubby-monitoring") for kind in ("ServiceMonitor", "PrometheusRule"))
    assert (monitor["metadata"]["labels"]["team"], rule["metadata"]["labels"]["team"]) == ("a", "b")
    assert alerts(rule["spec"])["TeltubbyOldestJobTooOld"]["expr"].endswith("> 60")


@pytest.mark.parametrize("values", [MONITORED, merged(MONITORED, FIXED)], ids=["operator", "none"])
def test_the_dashboard_has_all_panels_with_queries_that_prometheus_takes(tmp_path: Path, values: Mapping[str, Any]):
    held = rendered(values).one("ConfigMap", "media-teltubby-monitoring")
    assert held["metadata"]["labels"]["grafana_dashboard"] == "1"
    dashboard = json.loads(held["data"]["archives-media.json"])
    wanted = [panel for panel in panels() if values is MONITORED or not panel.get("operator")]
    shown = dashboard["panels"]
    assert [panel["title"] for panel in shown] == [panel["title"] for panel in wanted]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in shown}
    assert len(places) == len({panel["id"] for panel in shown}) == len(shown)
    queries = [target["expr"] for panel in shown for target in panel["targets"]]
    assert all(OURS in query for query in queries)
    records = [{"record": f"q{number}", "expr": query} for number, query in enumerate(queries)]
    told = promtool(tmp_path, "check", "rules", "rules.yaml", rules={"groups": [{"name": "g", "rules": records}]})
    assert f"SUCCESS: {len(queries)} rules found" in told.stdout, told.stdout + told.stderr


def test_nothing_of_it_is_there_unless_asked_for():
    assert rendered(LEAST).names("ServiceMonitor") | rendered(LEAST).names("PrometheusRule") == set()
    assert "media-teltubby-monitoring" not in rendered(LEAST).names("ConfigMap")
    assert "media-teltubby-worker" not in rendered(LEAST).names("Service")
