"""Microsoft's `fab`, as a person types it: signs in as a service principal, makes, starts, watches, exports, moves and
removes a mirrored database of a Managed Instance. Argument: the emulator's ready-file.

It knows no hosts but Microsoft's: the test's proxy leads it to the emulator.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request

with open(sys.argv[1], encoding="utf-8") as file:
    READY = json.load(file)
ENTRA, SCENARIO = READY["entra"], READY["scenario"]
FOLDER = os.path.dirname(os.path.abspath(sys.argv[1]))
PACKAGES = os.path.dirname(os.path.dirname(importlib.util.find_spec("fabric_cli").origin))
FAB = os.path.join(PACKAGES, "bin", "fab")
PATIENCE_S = 120


def run(*arguments, fails=False, **environment):
    """Its output, and what it said altogether."""
    command = [sys.executable, FAB, *arguments]
    ended = subprocess.run(
        command, cwd=FOLDER, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    said = f"$ fab {' '.join(arguments)}\n{ended.stdout}{ended.stderr}"
    assert (ended.returncode != 0) == fails, said
    return ended.stdout, said


def fab(*arguments, **more):
    """What it said."""
    return run(*arguments, **more)[1]


def read(*arguments):
    """The JSON that `fab api` prints: status and text of an answer."""
    output, said = run("api", *arguments, "--output_format", "json")
    answer = json.loads(output)["result"]["data"][0]
    assert answer["status_code"] in (200, 201), said
    return answer["text"]


def wait(path, query, is_reached):
    """What `fab get` shows, as soon as it is as expected."""
    limit = time.monotonic() + PATIENCE_S
    while True:
        shown = fab("get", path, "-q", query, "-f")
        if is_reached(shown):
            return shown
        assert time.monotonic() < limit, shown
        time.sleep(1)


def token(resource):
    form = {
        "grant_type": "client_credentials",
        "client_id": ENTRA["client_id"],
        "client_secret": ENTRA["client_secret"],
        "scope": f"{resource}/.default",
    }
    url = f"https://login.microsoftonline.com/{ENTRA['tenant_id']}/oauth2/v2.0/token"
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode()) as answer:
        return json.load(answer)["access_token"]


def sign_in():
    fab("config", "set", "encryption_fallback_enabled", "true")
    credentials = ("-u", ENTRA["client_id"], "--tenant", ENTRA["tenant_id"], "-p")
    refused = fab("auth", "login", *credentials, "wrong", fails=True)
    assert "Failed to get access token" in refused, refused
    fab("auth", "login", *credentials, ENTRA["client_secret"])
    # It reads its token, with the key that Entra publishes.
    status = fab("auth", "status")
    assert ENTRA["client_id"] in status and ENTRA["tenant_id"] in status, status


def with_tokens_of_somebody_else():
    """Tokens from the environment are verified: signature, audience, times."""
    home = os.path.join(FOLDER, "other")
    os.makedirs(home, exist_ok=True)
    tokens = {
        "HOME": home,
        "FAB_TENANT_ID": ENTRA["tenant_id"],
        "FAB_TOKEN": token("https://analysis.windows.net/powerbi/api"),
        "FAB_TOKEN_ONELAKE": token("https://storage.azure.com"),
        "FAB_TOKEN_AZURE": token("https://management.azure.com"),
    }
    fab("config", "set", "encryption_fallback_enabled", "true", HOME=home)
    assert WORKSPACE in fab("ls", **tokens)
    swapped = {**tokens, "FAB_TOKEN": tokens["FAB_TOKEN_ONELAKE"]}
    fab("ls", fails=True, **swapped)


sign_in()
workspaces = read("workspaces")["value"]
WORKSPACE = next(found["displayName"] for found in workspaces if found["id"] == SCENARIO["workspace_id"])
SOURCE = f"{WORKSPACE}.Workspace"
assert SOURCE in fab("ls")
with_tokens_of_somebody_else()

# A connection's server has a comma, which `fab mkdir -P` takes for the end of a parameter: by the API, then.
sql = READY["sql"]
connection = {
    "connectivityType": "ShareableCloud",
    "displayName": "sales-mi",
    "connectionDetails": {
        "type": "AzureSqlMI",
        "creationMethod": "AzureSqlMI.Database",
        "parameters": [
            {"dataType": "Text", "name": "server", "value": sql["server"]},
            {"dataType": "Text", "name": "database", "value": "Sales"},
        ],
    },
    "credentialDetails": {
        "credentials": {"credentialType": "Basic", "username": sql["username"], "password": sql["password"]}
    },
}
connection = read("connections", "-X", "post", "-i", json.dumps(connection))
assert "sales-mi.Connection" in fab("ls", ".connections")
identity = SCENARIO["instance_identity_object_id"]
fab("acl", "set", SOURCE, "-I", identity, "-R", "contributor", "-f")
assert identity in fab("acl", "get", SOURCE, "-q", "[*].principal")

mirror = f"{SOURCE}/Sales.MirroredDatabase"
fab("mkdir", mirror, "-P", f"mirrorType=azuresqlmi,connectionId={connection['id']}")
assert "Sales.MirroredDatabase" in fab("ls", SOURCE)
wait(mirror, "status", lambda shown: "Initialized" in shown)
fab("start", mirror, "-f")
wait(mirror, "status", lambda shown: "Running" in shown)
tables = wait(mirror, "tablesStatus", lambda shown: "Replicating" in shown and "Snapshotting" not in shown)
assert "Customers" in tables and "processedRows" in tables, tables

fab("export", mirror, "-o", FOLDER, "-f")
with open(os.path.join(FOLDER, "Sales.MirroredDatabase", "mirroring.json"), encoding="utf-8") as file:
    exported = json.load(file)["properties"]
source = {"connection": connection["id"], "landingZone": {"type": "MountedRelationalDatabase"}}
assert exported["source"] == {"type": "AzureSqlMI", "typeProperties": source}, exported
assert exported["target"]["typeProperties"]["defaultSchema"] == "dbo", exported
with open(os.path.join(FOLDER, "Sales.MirroredDatabase", ".platform"), encoding="utf-8") as file:
    assert json.load(file)["metadata"]["type"] == "MirroredDatabase"

# Moved to another workspace, it is a new item there with the same definition.
fab("stop", mirror, "-f")
wait(mirror, "status", lambda shown: "Stopped" in shown)
read("workspaces", "-X", "post", "-i", json.dumps({"displayName": "Second", "capacityId": SCENARIO["capacity_id"]}))
fab("mv", mirror, "Second.Workspace/Sales.MirroredDatabase", "-f")
assert "Sales.MirroredDatabase" not in fab("ls", SOURCE)
moved = "Second.Workspace/Sales.MirroredDatabase"
assert connection["id"] in fab("get", moved, "-q", "definition", "-f")
# So it is under another name, whatever its definition calls it.
renamed = "Second.Workspace/Renamed.MirroredDatabase"
fab("mv", moved, renamed, "-f")
moved = renamed
assert "Sales.MirroredDatabase" not in fab("ls", "Second.Workspace")

fab("rm", moved, "-f")
assert "Renamed.MirroredDatabase" not in fab("ls", "Second.Workspace")
assert "false" in fab("exists", moved).lower()
print("ok")
