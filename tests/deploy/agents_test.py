#!/usr/bin/env python3
"""deploy/agents says what `qck agent` takes: agents_test.py QCK ROOT.

Each file is YAML without doubled keys; the words of its command are flags that the program knows (its own parser judges
them); the token comes from a secret or the environment and stands nowhere; the image has the project's version; what the
Job and the Service name of each other is there. Where `docker compose` is, it reads its file too.
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml


class Strict(yaml.SafeLoader):
    """Refuses a key that comes twice, of which YAML readers silently take the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: a key comes twice"
        return super().construct_mapping(node, deep)


QCK, ROOT = sys.argv[1], Path(sys.argv[2])
VERSION = re.search(r"project\(qck VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
PLAIN = {"PATH": "/usr/bin:/bin"}


def documents(name):
    return list(yaml.load_all((ROOT / "deploy/agents" / name).read_text(), Strict))


def check_command(words):
    """The program's own parser takes them: --help is answered only when all that stands before it is."""
    assert words[:2] == ["qck", "agent"], words
    flags = [word for word in words if word.startswith("--")]
    text = subprocess.run([QCK, "agent", "--help"], capture_output=True, text=True, env=PLAIN, check=True).stdout
    for flag in flags:
        assert re.search(rf"^\s*{flag}\b", text, re.M), f"qck agent has no {flag}"
    join = words[words.index("--join") + 1]
    assert re.fullmatch(r"(\$\{QCK_COORDINATOR:-)?[\w.-]+:7070\}?", join), join


def check_job(job, service):
    spec = job["spec"]
    assert (job["apiVersion"], job["kind"], spec["completionMode"]) == ("batch/v1", "Job", "Indexed")
    assert spec["completions"] == spec["parallelism"], "a bench waits for all agents at once"
    template = spec["template"]
    pod = template["spec"]
    assert pod["restartPolicy"] == "Never", "podFailurePolicy needs it"
    (container,) = pod["containers"]
    assert spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["containerName"] == container["name"]
    assert container["image"] == f"qck:{VERSION}"
    check_command(container["command"])
    variables = {one["name"]: one for one in container["env"]}
    assert "secretKeyRef" in variables["QCK_FLEET_TOKEN"]["valueFrom"]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    selector = pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
    assert selector == template["metadata"]["labels"]
    join = container["command"][container["command"].index("--join") + 1]
    assert join == f"{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"


def check_compose(document):
    agent = document["services"]["agent"]
    assert agent["image"] == f"qck:{VERSION}"
    check_command(agent["command"])
    assert agent["environment"]["QCK_FLEET_TOKEN"].startswith("${QCK_FLEET_TOKEN:?"), "an agent without a token"


def main():
    job, service = documents("kubernetes.yaml")
    check_job(job, service)
    (compose,) = documents("compose.yaml")
    check_compose(compose)
    said = "deploy/agents: ok"
    has_compose = shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    if has_compose:
        subprocess.run(["docker", "compose", "-f", str(ROOT / "deploy/agents/compose.yaml"), "config", "--quiet"],
                       env={**PLAIN, "QCK_FLEET_TOKEN": "x"}, check=True)
        said += ", and docker compose takes it"
    print(said)


if __name__ == "__main__":
    main()
