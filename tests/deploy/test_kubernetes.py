"""Kubernetes: valid by its schemas, locked down, and right about the sidecar."""

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from tests.deploy.artefacts import (
    BASE,
    DASHBOARDS,
    DIRECTORY,
    MIB,
    PORT,
    ROOT,
    WORKER,
    load,
    manifest,
    option,
    pod,
    rendered,
    run,
)

JSON = ROOT / "dashboards" / "json"
KINDS = ("deployment", "service", "networkpolicy")
LABELS = {"app.kubernetes.io/name": "shop"}

# Of monitoring.coreos.com/v1 PodMonitor: what may stand where. More is allowed than is named here;
# what is named here is there, and of this type.
ENDPOINT = {
    "port": str,
    "path": str,
    "interval": str,
    "scrapeTimeout": str,
    "authorization": dict,
}
MONITOR = {
    "jobLabel": str,
    "selector": dict,
    "sampleLimit": int,
    "podMetricsEndpoints": list,
}


def sidecar() -> dict[str, Any]:
    """The init container that stays."""
    (found,) = pod()["initContainers"]
    assert isinstance(found, dict)
    return found


def shop() -> dict[str, Any]:
    """The container of the service."""
    (found,) = pod()["containers"]
    assert isinstance(found, dict)
    return found


def volume(name: str) -> dict[str, Any]:
    """One volume of the pod."""
    (found,) = (each for each in pod()["volumes"] if each["name"] == name)
    assert isinstance(found, dict)
    return found


def mount(container: dict[str, Any], name: str) -> dict[str, Any]:
    """Where a container has a volume."""
    (found,) = (each for each in container["volumeMounts"] if each["name"] == name)
    assert isinstance(found, dict)
    return found


def mebibytes(quantity: str) -> int:
    """``64Mi`` in bytes."""
    number, unit = quantity[:-2], quantity[-2:]
    assert unit == "Mi"
    return int(number) * MIB


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
@pytest.mark.parametrize("name", KINDS)
def test_the_schemas_accept_it(name: str, version: str) -> None:
    """Each object is valid by the Kubernetes of then and of now, with no unknown field."""
    kubernetes_validate.validate(manifest(name), version, strict=True)


def test_the_schemas_would_refuse_a_slip() -> None:
    """A field in the wrong place is found, so the test before means something."""
    wrong = manifest("deployment")
    wrong["spec"]["template"]["spec"]["restartPolicies"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_kustomize_makes_the_objects() -> None:
    """``kubectl kustomize`` gives one of each, valid, with pinned images."""
    objects = {each["kind"]: each for each in rendered()}
    assert set(objects) == {"Deployment", "Service", "PodMonitor", "NetworkPolicy"}
    for kind, each in objects.items():
        if kind != "PodMonitor":
            kubernetes_validate.validate(each, "1.37", strict=True)
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    images = {each["image"] for each in (*spec["containers"], *spec["initContainers"])}
    assert images == {"sidelight-shop:0.1.0"}


def test_kustomization_names_every_file() -> None:
    """No manifest is forgotten."""
    named = set(load(BASE / "kustomization.yaml")["resources"])
    assert named | {"kustomization.yaml"} == {path.name for path in BASE.iterdir()}


def test_a_config_map_is_generated_for_each_dashboard() -> None:
    """The kustomization of the dashboards names every file, and Grafana's label and folder."""
    assert load(DASHBOARDS / "kustomization.yaml")["resources"] == ["../../../dashboards"]
    found = load(ROOT / "dashboards" / "kustomization.yaml")
    files = {path.stem: [f"json/{path.name}"] for path in JSON.iterdir()}
    assert {each["name"]: each["files"] for each in found["configMapGenerator"]} == files
    options = found["generatorOptions"]
    assert options["disableNameSuffixHash"] is True
    assert options["labels"]["grafana_dashboard"] == "1"
    assert options["annotations"] == {"grafana_folder": "Sidelight"}


def test_kustomize_generates_the_config_maps() -> None:
    """``kubectl kustomize`` gives valid ConfigMaps that contain the JSON, byte for byte."""
    done = run("kubectl", "kustomize", str(DASHBOARDS), package="kubectl")
    maps = list(yaml.safe_load_all(done.stdout))
    assert [each["metadata"]["name"] for each in maps] == sorted(p.stem for p in JSON.iterdir())
    for each in maps:
        kubernetes_validate.validate(each, "1.37", strict=True)
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        name = f"{each['metadata']['name']}.json"
        assert each["data"] == {name: (JSON / name).read_text()}


def test_the_pod_monitor_has_the_operators_shape() -> None:
    """Kind, version, required fields and their types are those of the operator's definition."""
    monitor = manifest("podmonitor")
    assert (monitor["apiVersion"], monitor["kind"]) == ("monitoring.coreos.com/v1", "PodMonitor")
    assert set(monitor["spec"]) == set(MONITOR)
    assert all(isinstance(monitor["spec"][key], kind) for key, kind in MONITOR.items())
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert set(endpoint) == set(ENDPOINT)
    assert all(isinstance(endpoint[key], kind) for key, kind in ENDPOINT.items())
    assert set(endpoint["authorization"]) == {"type", "credentials"}
    assert set(endpoint["authorization"]["credentials"]) == {"name", "key"}


def test_the_sidecar_is_a_native_one() -> None:
    """It restarts by itself, and the service doesn't wait for it."""
    assert sidecar()["restartPolicy"] == "Always"
    assert "startupProbe" not in sidecar()


def test_the_shared_directory_is_memory_for_the_workers() -> None:
    """It holds every worker twice, fits the service's memory limit, and is in both containers."""
    shared = volume("shared")["emptyDir"]
    assert shared["medium"] == "Memory"
    workers = int(option(shop()["args"], "workers") or 0)
    size = mebibytes(shared["sizeLimit"])
    assert 2 * workers * WORKER <= size
    assert size < mebibytes(shop()["resources"]["limits"]["memory"]) // 2
    assert mount(shop(), "shared") == mount(sidecar(), "shared")
    # emptyDir is writable by everyone, which Sidelight refuses: hence a folder below it.
    assert DIRECTORY.startswith(mount(shop(), "shared")["mountPath"] + "/")


def test_nobody_is_root_and_nothing_is_writable() -> None:
    """The restricted profile: no root, no capability, no new privilege, a read-only root."""
    security = pod()["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] == 10001
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False
    for container in (shop(), sidecar()):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]["limits"]) == {"memory"}


def test_probes_ask_what_they_are_for() -> None:
    """The sidecar is asked for its health and its readiness, at its own port by name."""
    paths = {name: sidecar()[name]["httpGet"] for name in sidecar() if name.endswith("Probe")}
    assert paths == {
        "livenessProbe": {"path": "/healthz", "port": "sidelight"},
        "readinessProbe": {"path": "/readyz", "port": "sidelight"},
    }
    (port,) = sidecar()["ports"]
    assert port == {"name": "sidelight", "containerPort": PORT}
    for name in ("livenessProbe", "readinessProbe"):
        assert shop()[name]["httpGet"]["port"] == shop()["ports"][0]["name"]


def test_both_ends_have_the_same_token() -> None:
    """The Secret that the PodMonitor reads is the one mounted where the sidecar looks."""
    (endpoint,) = manifest("podmonitor")["spec"]["podMetricsEndpoints"]
    secret = volume("token")["secret"]
    (item,) = secret["items"]
    assert endpoint["authorization"]["type"] == "Bearer"
    assert endpoint["authorization"]["credentials"] == {
        "name": secret["secretName"],
        "key": item["key"],
    }
    mounted = mount(sidecar(), "token")
    assert mounted["readOnly"] is True
    file = f"{mounted['mountPath']}/{item['path']}"
    assert option(sidecar()["args"], "token-file") == file
    assert secret["defaultMode"] == 0o440  # root's, and read by fsGroup
    assert all(each["name"] != "token" for each in shop()["volumeMounts"])


def test_only_prometheus_reaches_the_sidecar() -> None:
    """The policy admits anyone to the service's port, and the monitoring namespace to ours."""
    policy = manifest("networkpolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    everyone, monitoring = policy["ingress"]
    assert everyone == {"ports": [{"protocol": "TCP", "port": 8000}]}
    assert monitoring["ports"] == [{"protocol": "TCP", "port": PORT}]
    assert monitoring["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
        }
    ]


def test_everything_selects_the_same_pods() -> None:
    """Deployment, Service, PodMonitor and NetworkPolicy mean the pods of one label."""
    deployment = manifest("deployment")["spec"]
    assert deployment["template"]["metadata"]["labels"] == LABELS
    assert deployment["selector"]["matchLabels"] == LABELS
    assert manifest("service")["spec"]["selector"] == LABELS
    assert manifest("podmonitor")["spec"]["selector"]["matchLabels"] == LABELS
    assert manifest("networkpolicy")["spec"]["podSelector"]["matchLabels"] == LABELS


def test_the_service_leads_to_the_service() -> None:
    """The Service's target is the service's port by name, and the sidecar is not behind it."""
    (port,) = manifest("service")["spec"]["ports"]
    assert port["targetPort"] == shop()["ports"][0]["name"]


def test_the_monitor_asks_the_sidecar_in_time() -> None:
    """The port is the sidecar's by name, and a scrape may not last longer than the interval."""
    (endpoint,) = manifest("podmonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == sidecar()["ports"][0]["name"]
    assert endpoint["path"] == "/metrics"
    assert int(endpoint["scrapeTimeout"].rstrip("s")) < int(endpoint["interval"].rstrip("s"))
