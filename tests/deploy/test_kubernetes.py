"""Kubernetes: valid manifests, a restricted pod, and a native sidecar."""

import copy
from typing import Any

import kubernetes_validate
import pytest
import yaml

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

# Fields of monitoring.coreos.com/v1 PodMonitor with their types. The definition has more fields;
# those listed here exist and have this type.
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
    """The init container that keeps running."""
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
    """The mount of a volume in a container."""
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
def test_the_schemas_accept_the_manifests(name: str, version: str) -> None:
    """Each object is valid in old and new versions of Kubernetes, without unknown fields."""
    assert kubernetes_validate.validate(manifest(name), version, strict=True) == version


def test_the_schemas_refuse_a_misplaced_field() -> None:
    """A misplaced field is refused, so the test of the schemas can fail."""
    wrong = manifest("deployment")
    wrong["spec"]["template"]["spec"]["restartPolicies"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_kustomize_makes_the_objects() -> None:
    """``kubectl kustomize`` renders one object of each kind, valid, with pinned images."""
    objects = {each["kind"]: each for each in rendered()}
    assert set(objects) == {"Deployment", "Service", "PodMonitor", "NetworkPolicy"}
    for kind, each in objects.items():
        if kind != "PodMonitor":
            kubernetes_validate.validate(each, "1.37", strict=True)
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    images = {each["image"] for each in (*spec["containers"], *spec["initContainers"])}
    assert images == {"sidelight-shop:0.1.0"}


def test_kustomization_names_every_file() -> None:
    """The kustomization lists every manifest."""
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
    """Kind, version, fields and types are those of the operator's definition."""
    monitor = manifest("podmonitor")
    assert (monitor["apiVersion"], monitor["kind"]) == ("monitoring.coreos.com/v1", "PodMonitor")
    assert set(monitor["spec"]) == set(MONITOR)
    assert all(isinstance(monitor["spec"][key], kind) for key, kind in MONITOR.items())
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert set(endpoint) == set(ENDPOINT)
    assert all(isinstance(endpoint[key], kind) for key, kind in ENDPOINT.items())
    assert set(endpoint["authorization"]) == {"type", "credentials"}
    assert set(endpoint["authorization"]["credentials"]) == {"name", "key"}


def test_the_overlay_with_native_histograms() -> None:
    """It adds two fields of the operator's definition and a setting, and changes nothing else."""
    folder = BASE.parent / "native-histograms"
    done = run("kubectl", "kustomize", str(folder), package="kubectl")
    expected = {each["kind"]: each for each in copy.deepcopy(rendered())}
    fields = {"scrapeNativeHistograms": True, "scrapeClassicHistograms": True}
    expected["PodMonitor"]["spec"] |= fields
    (container,) = expected["Deployment"]["spec"]["template"]["spec"]["initContainers"]
    container["env"] = [{"name": "SIDELIGHT_NATIVE_HISTOGRAMS", "value": "1"}]
    assert {each["kind"]: each for each in yaml.safe_load_all(done.stdout)} == expected


def test_the_sidecar_is_native() -> None:
    """The sidecar restarts on its own, and the service does not wait for it."""
    assert sidecar()["restartPolicy"] == "Always"
    assert "startupProbe" not in sidecar()


def test_the_shared_directory_is_memory_for_the_workers() -> None:
    """It has room for all workers twice, fits the memory limit, and is in both containers."""
    shared = volume("shared")["emptyDir"]
    assert shared["medium"] == "Memory"
    workers = int(option(shop()["args"], "workers") or 0)
    size = mebibytes(shared["sizeLimit"])
    assert 2 * workers * WORKER <= size
    assert size < mebibytes(shop()["resources"]["limits"]["memory"]) // 2
    assert mount(shop(), "shared") == mount(sidecar(), "shared")
    # emptyDir is writable by everyone, which Sidelight refuses: hence a folder below it.
    assert DIRECTORY.startswith(mount(shop(), "shared")["mountPath"] + "/")


def test_the_pod_is_restricted() -> None:
    """No root user, no capability, no new privilege, and a read-only root file system."""
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


def test_probes_use_the_paths_of_their_purpose() -> None:
    """The probes of the sidecar request /healthz and /readyz at its named port."""
    paths = {name: sidecar()[name]["httpGet"] for name in sidecar() if name.endswith("Probe")}
    assert paths == {
        "livenessProbe": {"path": "/healthz", "port": "sidelight"},
        "readinessProbe": {"path": "/readyz", "port": "sidelight"},
    }
    (port,) = sidecar()["ports"]
    assert port == {"name": "sidelight", "containerPort": PORT}
    for name in ("livenessProbe", "readinessProbe"):
        assert shop()[name]["httpGet"]["port"] == shop()["ports"][0]["name"]


def test_the_sidecar_and_the_monitor_use_one_secret() -> None:
    """The Secret of the PodMonitor is mounted at the path that the sidecar reads."""
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
    """The policy admits all to the service's port, and only Prometheus to the sidecar's."""
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
    """Deployment, Service, PodMonitor and NetworkPolicy select the pods with one label."""
    deployment = manifest("deployment")["spec"]
    assert deployment["template"]["metadata"]["labels"] == LABELS
    assert deployment["selector"]["matchLabels"] == LABELS
    assert manifest("service")["spec"]["selector"] == LABELS
    assert manifest("podmonitor")["spec"]["selector"]["matchLabels"] == LABELS
    assert manifest("networkpolicy")["spec"]["podSelector"]["matchLabels"] == LABELS


def test_the_service_targets_the_port_of_the_container() -> None:
    """The Service has one port, whose target is the named port of the shop's container."""
    (port,) = manifest("service")["spec"]["ports"]
    assert port["targetPort"] == shop()["ports"][0]["name"]


def test_the_monitor_scrapes_the_sidecar_within_the_interval() -> None:
    """The port is the named port of the sidecar, and the timeout is below the interval."""
    (endpoint,) = manifest("podmonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == sidecar()["ports"][0]["name"]
    assert endpoint["path"] == "/metrics"
    assert int(endpoint["scrapeTimeout"].rstrip("s")) < int(endpoint["interval"].rstrip("s"))
