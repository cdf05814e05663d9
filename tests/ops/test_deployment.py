"""The files that put a daemon on a server. No image is built and no service started here: they are parsed."""

import re
import shutil
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import yaml

from brokers.orders.edge import EdgeStatus
from ops.control.prometheus import families_of
from ops.control.routes import PREFIX
from replay.run_config import RunConfig
from tests.ops.commands import ROOT
from tests.ops.daemon.statuses import STATUS

FOLDER = ROOT / "ops" / "deployment"
MONITORING = FOLDER / "monitoring"
UNIT = FOLDER / "onetape@.service"
PROGRAM = "/usr/local/bin/onetape"
MOST_EXPOSED = 2.0
"""The exposure that systemd computes, from 0 to 10. 1.4 in systemd 252; other versions weigh otherwise."""
TIMEOUT_S = 60

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


class Service(msgspec.Struct):
    """What of a service of a compose file is looked at."""

    image: str
    read_only: bool
    cap_drop: list[str]
    security_opt: list[str]
    volumes: list[str] = []
    stop_grace_period: str = ""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, for a program that is on every machine."""
    path = tmp_path / "onetape@paper.service"
    text = UNIT.read_text("utf-8")
    assert PROGRAM in text
    path.write_text(text.replace(PROGRAM, shutil.which("true") or ""), encoding="utf-8")
    return path


def analyzed(*words: str | Path) -> str:
    done = subprocess.run(
        ["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    return done.stdout + done.stderr


def settings(name: str) -> list[str]:
    """The values of a setting of the unit."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)


# --- systemd ----------------------------------------------------------------------------------


@needs_systemd
def test_systemd_finds_no_fault_in_the_unit(unit: Path) -> None:
    assert analyzed("verify", unit) == ""


@needs_systemd
def test_unit_is_hardened(unit: Path) -> None:
    told = analyzed("security", "--offline=yes", unit)

    exposure = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert exposure is not None
    assert float(exposure[1]) <= MOST_EXPOSED


def test_unit_waits_for_the_stages_of_a_stop() -> None:
    limits, engine = RunConfig().stop, RunConfig().engine
    needed = limits.feeds_s + limits.snapshot_s + engine.drain_timeout_s + 2 * limits.close_s

    (value,) = settings("TimeoutStopSec")

    assert needed <= float(value.removesuffix("s"))


def test_unit_is_told_and_watched() -> None:
    told = {name: settings(name) for name in ("Type", "NotifyAccess", "WatchdogSec")}

    assert told == {"Type": ["notify"], "NotifyAccess": ["main"], "WatchdogSec": ["30s"]}


# --- containers -------------------------------------------------------------------------------


def test_image_has_every_package_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"])
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (FOLDER / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    let_in = re.findall(r"^!(\S+)$", (FOLDER / "Dockerfile.dockerignore").read_text("utf-8"), re.MULTILINE)

    names = {name for line in copied for name in line.split()}

    assert wanted <= names
    assert names == set(let_in)
    assert all((ROOT / name).exists() for name in names)


def test_image_runs_as_nobody_in_particular_with_a_volume_and_a_health_check() -> None:
    text = (FOLDER / "Dockerfile").read_text("utf-8")

    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["10001:10001"]
    assert 'VOLUME ["/data"]' in text
    assert re.search(r'^HEALTHCHECK .* CMD \["onetape", "health", "onetape.yaml"\]$', text, re.MULTILINE)


def test_services_may_write_their_volume_alone() -> None:
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    services = msgspec.convert(compose["services"], dict[str, Service])

    for service in services.values():
        assert (service.read_only, service.cap_drop) == (True, ["ALL"])
        assert service.security_opt == ["no-new-privileges:true"]
    assert services["daemon"].volumes == ["data:/data"]
    assert services["daemon"].stop_grace_period == "90s"
    assert set(compose["volumes"]) == {"data"}


# --- monitoring -------------------------------------------------------------------------------


def test_dashboard_shows_only_metrics_that_there_are_and_all_families() -> None:
    venue = EdgeStatus(
        venue="exchange", account="demo", is_connected=True, sent=3, refused=1, doubtful=0, restarts=0
    )
    status = msgspec.structs.replace(STATUS, failing={"ping": "quarantined"}, venue=venue)
    names = {family.name for family in families_of(status, Counter({("/v1/status", 200): 1}))}
    text = (MONITORING / "dashboard.json").read_text("utf-8")

    shown = set(re.findall(r"onetape_[a-z_]+", text))

    assert shown <= names
    not_shown = {"onetape_info", "onetape_start_time_seconds", "onetape_tasks", "onetape_snapshot_seq"}
    assert names - shown == not_shown | {"onetape_edge_conflated_total"}


def test_prometheus_asks_a_path_that_there_is_with_a_token_from_a_file() -> None:
    (job,) = yaml.safe_load((MONITORING / "prometheus.yaml").read_text("utf-8"))["scrape_configs"]

    assert job["metrics_path"] == f"{PREFIX}/metrics"
    assert job["authorization"]["type"] == "Bearer"
    assert set(job["authorization"]) == {"type", "credentials_file"}


def test_monitoring_services_mount_files_that_there_are_and_are_reached_from_this_machine_alone() -> None:
    compose = yaml.safe_load((MONITORING / "compose.yaml").read_text("utf-8"))
    mounted = [
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]

    assert [name for name in mounted if not (FOLDER / name).exists()] == ["./monitoring/prometheus.token"]
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)


# --- the two locks ----------------------------------------------------------------------------


def test_both_locks_pin_the_same_versions() -> None:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    locked = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]

    versions = {package["name"]: package["version"] for package in locked}

    wanted = {_normal(name): version for name, version in pins.items()}
    assert {name: versions.get(name) for name in wanted} == wanted


def test_lock_of_uv_is_of_these_requirements() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    locked = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
    (ours,) = (package for package in locked if package["name"] == "onetape")

    wanted = {_named(each) for each in project["dependencies"]}

    assert {each["name"] for each in ours["dependencies"]} == wanted
    assert set(ours["optional-dependencies"]) == set(project["optional-dependencies"])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _named(requirement: str) -> str:
    return _normal(re.split(r"[<>=!;\[ ]", requirement, maxsplit=1)[0])
