"""Microsoft's fabric-cicd: publishes a mirrored database at the root of a workspace, again with a change, and unpublishes
it. Argument: the emulator's ready-file.

It knows no hosts but Microsoft's: the test's proxy leads it to the emulator.
"""

import json
import os
import shutil
import sys
import time
import urllib.request

from azure.identity import ClientSecretCredential
from fabric_cicd import FabricWorkspace, append_feature_flag, publish_all_items, unpublish_all_orphan_items

with open(sys.argv[1], encoding="utf-8") as file:
    READY = json.load(file)
ENTRA, WORKSPACE = READY["entra"], READY["scenario"]["workspace_id"]
REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "repository")
ITEM = os.path.join(REPOSITORY, "Sales.MirroredDatabase")
PATIENCE_S = 120
CREDENTIAL = ClientSecretCredential(ENTRA["tenant_id"], ENTRA["client_id"], ENTRA["client_secret"])


def rest(method, path, body=None):
    request = urllib.request.Request(f"https://api.fabric.microsoft.com/v1{path}", method=method)
    token = CREDENTIAL.get_token("https://api.fabric.microsoft.com/.default").token
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, None if body is None else json.dumps(body).encode()) as answer:
        return json.load(answer)


def mirrors():
    return rest("GET", f"/workspaces/{WORKSPACE}/mirroredDatabases")["value"]


def write(description, tables):
    os.makedirs(ITEM, exist_ok=True)
    schema = "https://developer.microsoft.com/json-schemas/fabric/gitIntegration/platformProperties/2.0.0/schema.json"
    platform = {
        "$schema": schema,
        "metadata": {"type": "MirroredDatabase", "displayName": "Sales", "description": description},
        "config": {"version": "2.0", "logicalId": "8a4f1f5e-6a0f-4d0e-9d7b-3a1f0b6c2d11"},
    }
    target = {"format": "Delta", "defaultSchema": "dbo", "retentionInDays": 7}
    mounted = [{"source": {"typeProperties": {"schemaName": "dbo", "tableName": table}}} for table in tables]
    properties = {
        "source": {"type": "AzureSqlMI", "typeProperties": {"connection": CONNECTION}},
        "target": {"type": "MountedRelationalDatabase", "typeProperties": target},
        "mountedTables": mounted,
    }
    for name, content in ((".platform", platform), ("mirroring.json", {"properties": properties})):
        with open(os.path.join(ITEM, name), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)


def workspace():
    return FabricWorkspace(
        workspace_id=WORKSPACE,
        repository_directory=REPOSITORY,
        item_type_in_scope=["MirroredDatabase"],
        token_credential=CREDENTIAL,
    )


sql = READY["sql"]
details = {
    "type": "AzureSqlMI",
    "creationMethod": "AzureSqlMI.Database",
    "parameters": [
        {"dataType": "Text", "name": "server", "value": sql["server"]},
        {"dataType": "Text", "name": "database", "value": "Sales"},
    ],
}
login = {"credentialType": "Basic", "username": sql["username"], "password": sql["password"]}
connection = {
    "connectivityType": "ShareableCloud",
    "displayName": "sales-mi",
    "connectionDetails": details,
    "credentialDetails": {"credentials": login},
}
CONNECTION = rest("POST", "/connections", connection)["id"]

write("as it was", ["Customers"])
publish_all_items(workspace())
(published,) = mirrors()
assert (published["displayName"], published["description"]) == ("Sales", "as it was"), published
assert "folderId" not in published, published

# A definition cannot be changed while the item initializes.
limit = time.monotonic() + PATIENCE_S
mirror = f"/workspaces/{WORKSPACE}/mirroredDatabases/{published['id']}"
while (status := rest("POST", f"{mirror}/getMirroringStatus"))["status"] == "Initializing":
    assert time.monotonic() < limit, status
    time.sleep(0.2)

write("as it is", ["Customers", "Orders"])
publish_all_items(workspace())
(again,) = mirrors()
assert (again["id"], again["description"]) == (published["id"], "as it is"), again
definition = rest("POST", f"{mirror}/getDefinition")
assert len(definition["definition"]["parts"]) == 2, definition

shutil.rmtree(ITEM)
append_feature_flag("enable_mirrored_database_unpublish")
unpublish_all_orphan_items(workspace())
assert mirrors() == [], mirrors()
print("ok")
