"""The files of examples/cluster: as far as they can be checked without a cloud."""

import re
import shlex
from pathlib import Path

import yaml

import nas
from nas.cli.parser import build_parser

FOLDER = Path(__file__).parents[1] / "examples" / "cluster"

# Fields of KubeRay 1.5's types RayJobSpec, RayClusterSpec, HeadGroupSpec and WorkerGroupSpec that the example uses.
JOB = {"entrypoint", "shutdownAfterJobFinishes", "backoffLimit", "rayClusterSpec"}
CLUSTER = {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"}
GROUP = {"rayStartParams", "template"}
WORKERS = {*GROUP, "groupName", "replicas", "minReplicas", "maxReplicas"}


def read(name: str) -> dict:
    return yaml.safe_load((FOLDER / name).read_text())


def test_ray_up_takes_the_cluster_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(read("ray-cluster.yaml"))
    validate_config(config)
    commands = [*config["setup_commands"], *config["head_setup_commands"], *config["worker_setup_commands"]]
    assert commands == []  # Ray's defaults install a nightly version


def test_the_job_has_the_fields_of_kuberay() -> None:
    job = read("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(job["spec"]) == JOB
    cluster = job["spec"]["rayClusterSpec"]
    assert set(cluster) == CLUSTER
    assert set(cluster["headGroupSpec"]) == GROUP
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert set(group) in (GROUP, WORKERS)
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert all(mount["name"] in volumes for c in pod["containers"] for mount in c["volumeMounts"])


def test_all_files_speak_of_the_same_versions_and_of_legal_commands() -> None:
    job, cluster = read("rayjob.yaml")["spec"], read("ray-cluster.yaml")
    groups = [job["rayClusterSpec"]["headGroupSpec"], *job["rayClusterSpec"]["workerGroupSpecs"]]
    images = {cluster["docker"]["image"], *(c["image"] for g in groups for c in g["template"]["spec"]["containers"])}
    docker = (FOLDER / "Dockerfile").read_text()
    assert images == {f"REGISTRY/nas:{nas.__version__}"}
    assert images <= set(docker.split())
    assert re.findall(r"ray\[default\]==([\d.]+)", docker) == [job["rayClusterSpec"]["rayVersion"]]
    program, *arguments = shlex.split(job["entrypoint"])
    assert program == "nas"
    assert build_parser().parse_args(arguments).ray_address == "auto"
