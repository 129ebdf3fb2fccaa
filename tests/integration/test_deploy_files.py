"""docker-compose.yml and deploy/kubernetes, without an engine or a cluster: they give each program what it asks for and
nothing that it has no need of, keep what they promise of every container, and are what the published schemas of
Kubernetes and KEDA allow."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import jsonschema
import pytest
import yaml

from wxbusdev import debian, paths
from wxbusdev.deployment import BUSINESSES

OVERLAYS = ("dev", "production")
KUBERNETES = ("1.34", "1.37")           # the files must meet the schemas of the oldest and of the newest of these
KUSTOMIZE_MAJOR = 5
DRAIN_S = int(re.search(r"#define SERVICE_DRAIN_MS (\d+)", (paths.ROOT / "common/service/service.h").read_text())
              .group(1)) // 1000
COMPOSE = yaml.safe_load((paths.ROOT / "docker-compose.yml").read_text())
OURS = ("wxbus-ingress", "wxbus-token-service", "wxbus-api-proxy", *BUSINESSES)
SECRET = re.compile(r"(?i)password=|postgresql://[^@\s]*:[^@\s]*@|-----BEGIN|[A-Za-z0-9+/]{43}=")


def settings_of(program):
    """({every setting}, {those that are required}) of a program, from its --help."""
    text = subprocess.run([str(paths.binary(program)), "--help"], capture_output=True, text=True, check=True).stdout
    rows = re.split(r"^  (?=WXBUS_)", text, flags=re.MULTILINE)[1:]
    known = {row.split()[0]: row for row in rows}
    return set(known), {name for name, row in known.items() if "(required)" in " ".join(row.split())}


def longest_stop_s(program):
    """How long a program may take to end: a drain, or the transfers under way: a caller's body, then Weixin's answer."""
    text = " ".join(subprocess.run([str(paths.binary(program)), "--help"], capture_output=True, text=True, check=True)
                    .stdout.split())
    transfer = re.search(r"WXBUS_TRANSFER_TIMEOUT_MS .*?\(default (\d+);", text)
    return max(DRAIN_S, 2 * int(transfer.group(1)) // 1000 if transfer else 0)


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text).group(1))


def check_settings(program, given):
    """Every setting that is given exists, and none that is required is missing."""
    known, required = settings_of(program)
    plain = {name if name in known else name.removesuffix("_FILE") for name in given}
    assert plain <= known, (program, plain - known)
    assert required <= plain, (program, required - plain)


# --- Dockerfile --------------------------------------------------------------------------------------------------

def let_through(path):
    """Does .dockerignore leave it in the context? The last pattern that matches it or a folder above decides."""
    def matches(pattern):
        inner = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        return re.fullmatch(f"{inner}(/.*)?", path)

    lines = (paths.ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    decisive = [pattern for pattern in patterns if matches(pattern.removeprefix("!"))]
    return not decisive or decisive[-1].startswith("!")


def test_the_image_is_built_from_what_it_is_given(tmp_path):
    """What the Dockerfile copies before it compiles, and .dockerignore lets through, is all that the build needs."""
    stage = (paths.ROOT / "Dockerfile").read_text().split("FROM ${BASE} AS build")[1].split("RUN cmake")[0]
    copied = tuple(word for line in re.findall(r"^COPY (.*) \S+$", stage, re.MULTILINE) for word in line.split())
    assert not let_through("secrets/platforms.json") and not let_through(".env") and not let_through("common/base/buf_test.c")
    for source in (paths.ROOT / word for word in copied):
        for path in (source.rglob("*") if source.is_dir() else [source]):
            name = path.relative_to(paths.ROOT)
            if path.is_file() and let_through(str(name)):
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, tmp_path / name)
    for command in (["cmake", "--preset", "release"], ["ninja", "-C", "build/release", "-n"]):
        answer = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]


# --- docker-compose.yml ------------------------------------------------------------------------------------------

def service_of(program):
    return COMPOSE["services"][program.removeprefix("wxbus-")]


@pytest.mark.parametrize("program", OURS)
def test_compose_gives_each_program_its_settings(program):
    service = service_of(program)
    assert service["command"] == [program]
    assert seconds(service["stop_grace_period"]) >= longest_stop_s(program) + 10
    check_settings(program, service["environment"])
    files = [value for value in service["environment"].values() if value.startswith("/run/secrets/")]
    assert sorted(files) == sorted(f"/run/secrets/{name}" for name in service.get("secrets", []))


def test_compose_shows_each_secret_to_those_who_need_it_only():
    holders = {}
    for name, service in COMPOSE["services"].items():
        for secret in service.get("secrets", []):
            holders.setdefault(secret, set()).add(name)
    assert set(holders) == set(COMPOSE["secrets"])
    assert holders["platforms.json"] == {"token-service"}
    assert holders["database-url-token-service"] == {"token-service", "roles"}
    assert holders["master-keys-token-service"] == {"token-service"}
    assert holders["event-private-keys"] == {"token-service"}
    assert "ingress" not in holders["database-url-migrate"]


def test_compose_keeps_containers_small_in_rights():
    for name, service in COMPOSE["services"].items():
        assert not service["image"].rstrip("}").endswith("latest") and ":" in service["image"].split(":-")[-1], name
        if name in ("kafka", "postgres"):       # what they write, and how, is their images' matter
            continue
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    for name in ("kafka", "postgres", "release-check", "migrate"):
        assert COMPOSE["services"][name]["networks"] == ["back"], name
    assert COMPOSE["networks"]["back"] == {"internal": True}
    public = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])
              if not port.startswith("127.0.0.1:")]
    assert public == COMPOSE["services"]["nginx"]["ports"]


def make_secrets(folder):
    """{name: content} of what make-secrets has made in a copy of ours."""
    shutil.copytree(paths.ROOT / "deploy", folder / "deploy", dirs_exist_ok=True)
    command = [str(folder / "deploy" / "compose" / "make-secrets"), "--sim", "https://wx.example.com", "wx1234567890abcdef"]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def check_of(program, folder, **more):
    """`--check` of one of our programs with the file's environment."""
    environment = dict(service_of(program)["environment"])
    environment.pop("WXBUS_CALLER_KEYS_FILE", None)       # made by the running api-proxy
    for name, value in environment.items():
        environment[name] = re.sub(r"\$\{\w+:[-?]([^}]*)\}", r"\1", value).replace("/run/secrets", str(folder / "secrets"))
    if "WXBUS_PUBLIC_URL" in environment:
        environment["WXBUS_PUBLIC_URL"] = "https://wx.example.com"
    if "WXBUS_VERIFICATION_DIR" in environment:
        environment["WXBUS_VERIFICATION_DIR"] = str(folder / "verification")
    for name in more:
        environment.pop(f"{name}_FILE", None)
    return subprocess.run([str(paths.binary(program)), "--check"], env={**environment, **more}, capture_output=True, text=True,
                          check=False)


def test_compose_makes_every_key_file(tmp_path):
    """make-secrets makes what the file names, readable by our programs, and never makes anything twice."""
    made = make_secrets(tmp_path)
    assert sorted(f"./secrets/{name}" for name in made) == sorted(row["file"] for row in COMPOSE["secrets"].values())
    assert make_secrets(tmp_path) == made
    assert "app_secret" not in made["platforms-ingress.json"]
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    for program in OURS:
        answer = check_of(program, tmp_path)
        assert answer.returncode == 0, (program, answer.stderr)


def test_a_malformed_database_url_is_told_before_the_start(tmp_path):
    make_secrets(tmp_path)
    with_database = [program for program in OURS
                     if any(name.startswith("WXBUS_DATABASE_URL") for name in service_of(program)["environment"])]
    assert len(with_database) > 2
    for program in with_database:
        answer = check_of(program, tmp_path, WXBUS_DATABASE_URL="postgresql://someone:hunter2@[::1/wxbus")
        assert answer.returncode == 1 and "WXBUS_DATABASE_URL: not a valid" in answer.stderr, (program, answer.stderr)
        assert "hunter2" not in answer.stdout + answer.stderr


# --- deploy/kubernetes -------------------------------------------------------------------------------------------

def kustomize_command():
    """What renders an overlay: the kubectl of PATH if it is new enough, else Debian 13's."""
    for find in (lambda: shutil.which("kubectl"), lambda: debian.unpacked("kubectl", "trixie") / "usr/bin/kubectl"):
        kubectl = find()
        answer = kubectl and subprocess.run([str(kubectl), "version", "--client", "-o", "json"], capture_output=True,
                                            text=True, check=False)
        version = answer and re.search(r'"kustomizeVersion": "v(\d+)', answer.stdout)
        if version and int(version.group(1)) >= KUSTOMIZE_MAJOR:
            return [str(kubectl), "kustomize"]
    raise AssertionError(f"no kubectl with Kustomize {KUSTOMIZE_MAJOR} or later")


@pytest.fixture(scope="module")
def rendered():
    """{overlay: its documents}"""
    command = kustomize_command()
    found = {}
    for overlay in OVERLAYS:
        text = subprocess.run([*command, str(paths.ROOT / "deploy" / "kubernetes" / "overlays" / overlay)],
                              capture_output=True, text=True, check=True).stdout
        found[overlay] = list(yaml.safe_load_all(text))
    return found


@pytest.fixture(scope="module")
def published():
    """{name: folder} of what kubernetes/install.sh brings."""
    script = pathlib.Path(__file__).resolve().parent / "kubernetes" / "install.sh"
    answer = subprocess.run([str(script), str(paths.cache_dir() / "kubernetes")], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return {name: pathlib.Path(folder) for name, folder in
            (line.split("=", 1) for line in answer.stdout.splitlines() if line.startswith(("VALIDATE=", "KEDA=")))}


@pytest.fixture(scope="module")
def validate(published, tmp_path_factory):
    """validate(documents, version): what Kubernetes' schemas say against them, strictly; "" if nothing."""
    path = tmp_path_factory.mktemp("kubernetes") / "documents.yaml"

    def check(documents, version):
        path.write_text(yaml.safe_dump_all(documents))
        answer = subprocess.run([sys.executable, "-m", "kubernetes_validate", "-k", version, "--strict", "--no-warn",
                                 "--quiet", str(path)], env={"PYTHONPATH": str(published["VALIDATE"]), "PATH": "/usr/bin:/bin"},
                                capture_output=True, text=True, check=False)
        return "" if answer.returncode == 0 else answer.stdout + answer.stderr

    return check


def strict(schema):
    """KEDA's schema with what the API server says of a field that it does not know: that it is wrong."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(value) for name, value in schema.items()}
    if "properties" in closed and not closed.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.fixture(scope="module")
def keda(published):
    """(the schema of a ScaledObject, {scaler: {its parameter: what KEDA says of it}}), as KEDA generates them."""
    definition = yaml.safe_load((published["KEDA"] / "config/crd/bases/keda.sh_scaledobjects.yaml").read_text())
    version, = [one for one in definition["spec"]["versions"] if one["name"] == "v1alpha1" and one["served"]]
    scalers = json.loads((published["KEDA"] / "schema/generated/scalers-schema.json").read_text())["scalers"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}               # Kubernetes' own
    return jsonschema.Draft202012Validator(schema), {
        one["type"]: {parameter["name"]: parameter for parameter in one["parameters"]} for one in scalers}


def wrong_parameters(trigger, scalers):
    """The names in its metadata that KEDA does not read there, has given up or gives other values, and those it misses."""
    known = scalers[trigger["type"]]
    wrong = set()
    for name, value in trigger["metadata"].items():
        parameter = known.get(name, {})
        if not parameter.get("metadataVariableReadable") or "deprecated" in parameter or \
                value not in parameter.get("allowedValue", [value]):
            wrong.add(name)
    return wrong | {name for name, parameter in known.items() if name not in trigger["metadata"] and not
                    (parameter.get("optional") or "default" in parameter)}


def of_kind(documents, *kinds):
    return [one for one in documents if one["kind"] in kinds]


def name_of(document):
    return document["metadata"]["name"]


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_files_meet_the_schemas(rendered, validate, version):
    known = [[one for one in rendered[overlay] if not one["apiVersion"].startswith("keda.sh/")] for overlay in OVERLAYS]
    assert min(map(len, known)) > 20
    assert validate(sum(known, []), version) == ""


def test_a_file_that_does_not_meet_the_schemas_is_noticed(rendered, validate):
    broken = json.loads(json.dumps(of_kind(rendered["dev"], "Deployment")[0]))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    assert "readynessProbe" in validate([broken], KUBERNETES[-1])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_pods_keep_what_is_promised(rendered, overlay):
    documents = rendered[overlay]
    accounts = {name_of(one): one for one in of_kind(documents, "ServiceAccount")}
    for workload in of_kind(documents, "Deployment", "Job"):
        name, pod = name_of(workload), workload["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        container, = pod["containers"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                "capabilities": {"drop": ["ALL"]}}
        assert re.fullmatch(r"wxbus:\d+\.\d+\.\d+", container["image"])
        assert set(container["resources"]["limits"]) == set(container["resources"]["requests"]) == {"cpu", "memory"}
        for volume in pod["volumes"]:
            assert set(volume) & {"secret", "configMap", "emptyDir"}, (name, volume)
        if workload["kind"] == "Deployment":
            assert {"startupProbe", "livenessProbe", "readinessProbe", "lifecycle"} <= set(container)
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
            pause_s = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
            assert pod["terminationGracePeriodSeconds"] >= pause_s + longest_stop_s(name) + 10
            assert pod["topologySpreadConstraints"]
            assert workload["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert not of_kind(documents, "Secret")
    assert not SECRET.search(yaml.safe_dump_all(documents))


@pytest.mark.parametrize("program", OURS)
def test_kubernetes_gives_each_program_its_settings(rendered, program):
    documents = rendered["production"]
    deployment, = [one for one in of_kind(documents, "Deployment") if name_of(one) == program]
    container, = deployment["spec"]["template"]["spec"]["containers"]
    assert container["command"] == [program]
    check_settings(program, [one["name"] for one in container["env"]])
    settings = {name_of(one): one["data"] for one in of_kind(documents, "ConfigMap")}
    for one in container["env"]:
        if "valueFrom" in one:
            reference = one["valueFrom"]["configMapKeyRef"]
            assert reference["key"] in settings[reference["name"]], one
    text = subprocess.run([str(paths.binary(program)), "--help"], capture_output=True, text=True, check=True).stdout
    listening = {int(port) for port in re.findall(r"0\.0\.0\.0:(\d+)", text)}
    assert {port["containerPort"] for port in container["ports"]} == listening


def test_kubernetes_scales_and_survives_evictions(rendered):
    production, dev = rendered["production"], rendered["dev"]
    assert sorted(map(name_of, of_kind(production, "PodDisruptionBudget"))) == sorted(OURS)
    assert [name_of(one) for one in of_kind(production, "HorizontalPodAutoscaler")] == ["wxbus-ingress"]
    scaled = {name_of(one): one["spec"] for one in of_kind(production, "ScaledObject")}
    assert set(scaled) == {"wxbus-api-proxy", *BUSINESSES}
    for name, spec in scaled.items():
        assert spec["scaleTargetRef"] == {"name": name} and spec["minReplicaCount"] >= 1
        trigger = spec["triggers"][0]
        assert trigger["type"] == "kafka" and trigger["metadata"]["consumerGroup"] == "wx." + name.removeprefix("wxbus-")
    for one in of_kind(production, "Deployment"):
        # A number of replicas beside an autoscaler would fight with it at every apply.
        assert ("replicas" in one["spec"]) == (name_of(one) == "wxbus-token-service")
    assert not of_kind(dev, "ScaledObject", "HorizontalPodAutoscaler")
    assert {one["spec"]["replicas"] for one in of_kind(dev, "Deployment")} == {1}


def test_scaled_objects_are_what_keda_allows(rendered, keda):
    allowed, scalers = keda
    scaled = of_kind(rendered["production"], "ScaledObject")
    assert len(scaled) == 1 + len(BUSINESSES)
    for one in scaled:
        allowed.validate(one)
        spec = one["spec"]
        assert spec["minReplicaCount"] <= spec["maxReplicaCount"] and spec["triggers"]
        assert [wrong_parameters(trigger, scalers) for trigger in spec["triggers"]] == [set()] * len(spec["triggers"])
        # Optional for KEDA, which then counts the lag of every topic of the group: of retries that are not due, too.
        assert "topic" in spec["triggers"][0]["metadata"]
        target, = [each for each in of_kind(rendered["production"], "Deployment") if name_of(each) == spec["scaleTargetRef"]["name"]]
        # KEDA measures CPU against what a container requests.
        assert "cpu" in target["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]


def test_what_keda_does_not_allow_is_noticed(rendered, keda):
    allowed, scalers = keda
    one = of_kind(rendered["production"], "ScaledObject")[0]
    trigger = one["spec"]["triggers"][0]
    for wrong in ({"minReplicas": 1}, {"maxReplicaCount": "12"}, {"scaleTargetRef": {}}, {"triggers": [{"type": "kafka"}]},
                  {"triggers": [{**trigger, "metadata": {**trigger["metadata"], "lagThreshold": 500}}]}):
        assert not allowed.is_valid({**one, "spec": {**one["spec"], **wrong}}), wrong
    for metadata, named in (({"lagTreshold": "5"}, {"lagTreshold"}), ({"password": "x"}, {"password"}),
                            ({"offsetResetPolicy": "newest"}, {"offsetResetPolicy"})):
        assert wrong_parameters({**trigger, "metadata": {**trigger["metadata"], **metadata}}, scalers) == named
    assert wrong_parameters({"type": "kafka", "metadata": {}}, scalers) >= {"bootstrapServers", "consumerGroup"}


def test_kubernetes_closes_what_is_not_named(rendered):
    policies = {name_of(one): one["spec"] for one in of_kind(rendered["production"], "NetworkPolicy")}
    assert policies["wxbus"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/part-of": "wxbus"}}
    assert policies["wxbus"]["policyTypes"] == ["Ingress", "Egress"]
    for workload in of_kind(rendered["production"], "Deployment", "Job"):
        assert workload["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/part-of"] == "wxbus"
    to_database = policies["wxbus-database"]["podSelector"]["matchExpressions"][0]["values"]
    assert "wxbus-ingress" not in to_database and "wxbus-release-check" not in to_database
